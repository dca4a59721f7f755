import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '#kernel/clock.ts';
import { createDirectExec } from '#kernel/exec-direct.ts';
import { silentLog } from '#kernel/log.ts';
import type { DesiredGuest } from '#protocol/guests.ts';
import { describeComputeDriver } from '#tests/support/compute-driver-contract.ts';
import { sampleGuest, samplePort } from '#tests/support/guest-samples.ts';
import { NO_MARKS } from '../../src/agents/compute/drivers/contract.ts';
import { stopOwnLibvirt } from '../../src/agents/compute/drivers/libvirt/daemon.ts';
import { createLibvirtDriver } from '../../src/agents/compute/drivers/libvirt/driver.ts';
import { bootProof, proveKvm } from '../../src/agents/compute/drivers/libvirt/kvm-proof.ts';
import { LibvirtError } from '../../src/agents/compute/drivers/libvirt/rpc/errors.ts';
import { makeLibvirtFolder, removeLibvirtFolder } from './support/own-libvirt.ts';

const isRoot = process.getuid?.() === 0;
const exec = createDirectExec();
const hasUefi = existsSync('/usr/share/OVMF/OVMF_CODE_4M.fd');

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
    renderConfigDrive: () => [{ path: 'a', content: 'b' }],
  });
}

if (isRoot) {
  describeComputeDriver('libvirt', async () => {
    const base = await makeLibvirtFolder();
    const driver = createDriver(base);
    const run = process.pid.toString(36); // another run may be under way on the same machine
    const taps = [`pcd${run}t0`, `pcd${run}t1`] as const;
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

describe.runIf(isRoot)('guests of every kind', () => {
  const signal = new AbortController().signal;
  const blank = { source: { type: 'blank' as const }, sizeGib: 1, device: 'disk' as const };
  let base: string;
  beforeAll(async () => {
    base = await makeLibvirtFolder();
  });
  afterAll(async () => {
    await stopOwnLibvirt(join(base, 'libvirt'), systemClock);
    await removeLibvirtFolder(base);
  });

  it.each<[string, Partial<DesiredGuest>]>([
    [
      'disks on every bus of a PC',
      {
        disks: (['virtio', 'scsi', 'ide'] as const).map((bus, i) => ({
          ...blank,
          bus,
          name: `disk${i}`,
          bootIndex: i,
        })),
      },
    ],
    [
      'a q35 machine with SATA disks',
      { machineType: 'q35', disks: [{ ...blank, bus: 'sata', name: 'root' }], hasConfigDrive: true },
    ],
    ...(hasUefi
      ? ([
          ['UEFI firmware', { firmware: 'uefi', disks: [{ ...blank, bus: 'virtio', name: 'root' }], memoryMib: 256 }],
        ] as [string, Partial<DesiredGuest>][])
      : []),
    ['many virtual processors and another screen', { vcpus: 4, videoModel: 'virtio', hasRng: false }],
  ])('start and go with %s', async (_, change) => {
    const driver = createDriver(base);
    const guest = sampleGuest({ memoryMib: 64, ...change });
    await driver.prepareDisks(guest, signal);
    await driver.define(guest, NO_MARKS, signal);
    await driver.start(guest.id, { isPaused: false }, signal);
    expect((await driver.observe(signal)).guests[0]?.power).toBe('running');
    expect((await driver.diagnostics(guest.id)).disks).toHaveLength(
      guest.disks.length + (guest.hasConfigDrive ? 1 : 0),
    );
    await driver.remove(guest.id, signal);
    expect(await readdir(join(base, 'guests'))).toEqual([]);
    await driver.close();
  });

  it('have copies of their disks that nobody else on the host can read', async () => {
    const driver = createDriver(base);
    const guest = sampleGuest({ memoryMib: 64, disks: [{ ...blank, bus: 'virtio', name: 'disk0' }] });
    const copyOf = async (imageId: string): Promise<number> => {
      await driver.makeSnapshot(guest.id, { imageId, disk: 'disk0' }, signal);
      return (await stat(join(base, 'guests', guest.id, `snapshot-${imageId}`))).mode & 0o777;
    };
    await driver.prepareDisks(guest, signal);
    await driver.define(guest, NO_MARKS, signal);
    const off = await copyOf('off');
    await driver.start(guest.id, { isPaused: false }, signal);
    expect([off, await copyOf('up')]).toEqual([0o600, 0o600]);
    await driver.remove(guest.id, signal);
    await driver.close();
  });

  it('say by the code that they cannot be started, with the hypervisor’s words', async () => {
    const driver = createDriver(base);
    const guest = sampleGuest({ memoryMib: 64, interfaces: [samplePort(0, { deviceName: 'pct-nowhere' })] });
    await driver.prepareDisks(guest, signal);
    await driver.define(guest, NO_MARKS, signal);
    const refused = driver.start(guest.id, { isPaused: false }, signal);
    await expect(refused).rejects.toMatchObject({ code: 'guest.start', cause: expect.any(LibvirtError) });
    await driver.remove(guest.id, signal);
    await driver.close();
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
