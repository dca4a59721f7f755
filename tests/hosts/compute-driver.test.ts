import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '#kernel/clock.ts';
import { createDirectExec } from '#kernel/exec-direct.ts';
import { silentLog } from '#kernel/log.ts';
import { describeComputeDriver } from '#tests/compute-driver-contract.ts';
import { sampleGuest } from '#tests/guest-samples.ts';
import { NO_MARKS } from '../../src/agents/compute/drivers/contract.ts';
import { stopOwnLibvirt } from '../../src/agents/compute/drivers/libvirt/daemon.ts';
import { createLibvirtDriver } from '../../src/agents/compute/drivers/libvirt/driver.ts';
import { bootProof, proveKvm } from '../../src/agents/compute/drivers/libvirt/kvm-proof.ts';
import { makeLibvirtFolder, removeLibvirtFolder } from './own-libvirt.ts';

const isRoot = process.getuid?.() === 0;
const exec = createDirectExec();

function createDriver(dataDir: string, cloudId = 'contract') {
  return createLibvirtDriver({
    exec,
    clock: systemClock,
    log: silentLog,
    dataDir,
    cloudId,
    isPrivate: true,
    virtType: 'qemu',
    downloadImage: async () => Promise.reject(new Error('no images here')),
    renderConfigDrive: () => [],
  });
}

if (isRoot) {
  describeComputeDriver('libvirt', async () => {
    const base = await makeLibvirtFolder();
    const driver = createDriver(base);
    const taps = ['pcdtap0', 'pcdtap1'] as const;
    for (const tap of taps) await exec.check({ argv: ['ip', 'tuntap', 'add', tap, 'mode', 'tap'] });
    return {
      driver,
      taps,
      async close() {
        await driver.close();
        await stopOwnLibvirt(join(base, 'libvirt'), systemClock);
        for (const tap of taps) await exec.check({ argv: ['ip', 'link', 'del', tap] });
        await removeLibvirtFolder(base);
      },
    };
  });
}

describe.runIf(isRoot)('guests of others', () => {
  const signal = new AbortController().signal;
  let base: string;
  beforeAll(async () => {
    base = await makeLibvirtFolder();
  });
  afterAll(async () => {
    await stopOwnLibvirt(join(base, 'libvirt'), systemClock);
    await removeLibvirtFolder(base);
  });

  it('are strangers, even those of another cloud with the same id, and are never touched', async () => {
    const [ours, theirs] = [createDriver(base, 'ours'), createDriver(base, 'theirs')];
    const guest = sampleGuest();
    await theirs.prepareDisks(guest, signal);
    await theirs.define(guest, NO_MARKS, signal);
    const seen = await ours.observe(signal);
    expect([seen.guests, seen.strangers]).toEqual([[], [`pileus-${guest.id}`]]);
    for (const act of [
      () => ours.remove(guest.id, signal),
      () => ours.powerOff(guest.id, signal),
      () => ours.define(guest, NO_MARKS, signal),
    ]) {
      await expect(act()).rejects.toMatchObject({ code: 'guest.stranger' });
    }
    expect(await readdir(join(base, 'guests'))).toEqual([guest.id]);
    await theirs.remove(guest.id, signal);
    await Promise.all([ours.close(), theirs.close()]);
  });
});

describe.runIf(isRoot)('the proof of KVM', () => {
  it('passes where the processor works, under emulation', async () => {
    const folder = await makeLibvirtFolder();
    expect(await bootProof({ exec, folder }, 'tcg')).toEqual({ isUsable: true, reason: '' });
    await removeLibvirtFolder(folder);
  });

  it('gives a verdict in seconds and keeps it', async () => {
    const folder = await makeLibvirtFolder();
    const verdict = await proveKvm({ exec, folder });
    const kept = JSON.parse(await readFile(join(folder, 'kvm-verdict.json'), 'utf8')) as unknown;
    expect(kept).toMatchObject(verdict);
    expect(await proveKvm({ exec, folder })).toMatchObject(verdict);
    await removeLibvirtFolder(folder);
  });
});
