import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '#kernel/clock.ts';
import { createDirectExec } from '#kernel/exec-direct.ts';
import { writeFileAtomic } from '#kernel/files.ts';
import { silentLog } from '#kernel/log.ts';
import type { DesiredGuest } from '#protocol/guests.ts';
import { desiredOf, sampleGuest } from '#tests/support/guest-samples.ts';
import { stopOwnLibvirt } from '../../src/agents/compute/drivers/libvirt/daemon.ts';
import { createLibvirtDriver } from '../../src/agents/compute/drivers/libvirt/driver.ts';
import { makeLibvirtFolder, removeLibvirtFolder } from './support/own-libvirt.ts';

const PROGRAM = fileURLToPath(new URL('./support/compute-agent-process.ts', import.meta.url));
const GUEST = sampleGuest({
  memoryMib: 32,
  disks: [{ name: 'root', source: { type: 'blank' }, sizeGib: 1, bus: 'virtio', device: 'disk' }],
});

describe.runIf(process.getuid?.() === 0)('an agent that is killed with -9', () => {
  const signal = new AbortController().signal;
  const exec = createDirectExec();
  let base: string;
  let revision = 0;
  let driver: ReturnType<typeof createLibvirtDriver>;
  let child: ChildProcess | undefined;
  beforeAll(async () => {
    base = await makeLibvirtFolder();
    driver = createLibvirtDriver({
      exec,
      clock: systemClock,
      log: silentLog,
      dataDir: base,
      cloudId: 'crash',
      isPrivate: true,
      virtType: 'qemu',
      downloadImage: async () => Promise.reject(new Error('no images here')),
      renderConfigDrive: () => [],
    });
    await driver.observe(signal);
  });
  afterAll(async () => {
    child?.kill('SIGKILL');
    await driver.remove(GUEST.id, signal);
    await driver.close();
    await stopOwnLibvirt(join(base, 'libvirt'), systemClock);
    await removeLibvirtFolder(base);
  });

  async function want(guest: DesiredGuest): Promise<void> {
    revision += 1;
    await writeFileAtomic(join(base, 'wanted.json'), JSON.stringify(desiredOf(revision, guest)));
  }

  /** Starts the agent, and kills it after a while if told to. */
  async function runAgent(killAfterMs?: number): Promise<void> {
    child = spawn(process.execPath, [PROGRAM, base], { stdio: ['ignore', 'inherit', 'inherit'] });
    if (killAfterMs === undefined) return;
    await new Promise((resolve) => setTimeout(resolve, killAfterMs));
    await endAgent();
  }

  async function endAgent(): Promise<void> {
    if (child === undefined) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  async function settled(rebootSerial: number): Promise<void> {
    const end = Date.now() + 60_000;
    for (;;) {
      const [guest] = (await driver.observe(signal)).guests;
      if (guest?.power === 'running' && guest.marks.rebootSerial === rebootSerial && guest.marks.powerSerial === 1)
        return;
      if (Date.now() > end) throw new Error(`still ${JSON.stringify(guest)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** How often QEMU was started for the guest, by libvirt's log. */
  async function starts(): Promise<number> {
    const log = await readFile(join(base, 'libvirt/log/qemu', `pileus-${GUEST.id}.log`), 'utf8');
    return log.split(': starting up libvirt version').length - 1;
  }

  it('has built a guest once when it is back', async () => {
    await want(GUEST);
    for (const killAfterMs of [300, 400, 500, 600]) await runAgent(killAfterMs);
    await runAgent();
    await settled(0);
    expect(await starts()).toBe(1);
    await endAgent();
  });

  it('has rebooted a guest just as often as was asked for, whenever it was killed', async () => {
    for (const [i, killAfterMs] of [250, 400, 700, 1_500, 2_300, 2_450, 2_600].entries()) {
      await want({ ...GUEST, rebootSerial: i + 1, rebootType: 'hard' });
      await runAgent(killAfterMs);
      await runAgent();
      await settled(i + 1);
      expect(await starts(), `killed after ${killAfterMs} ms`).toBe(i + 2);
      await endAgent();
    }
  });

  it('starts guests again after virtlogd was killed', async () => {
    const pidFile = join(base, 'libvirt/virtlogd.pid');
    const killed = Number(await readFile(pidFile, 'utf8'));
    process.kill(killed, 'SIGKILL');
    await driver.prepareDisks(GUEST, signal);
    await driver.define(GUEST, { powerSerial: 1, rebootSerial: 0, rebootingSerial: 0, session: '' }, signal);
    await driver.powerOff(GUEST.id, signal);
    await driver.start(GUEST.id, { isPaused: false }, signal);
    expect((await driver.observe(signal)).guests.map((guest) => guest.power)).toEqual(['running']);
    expect(Number(await readFile(pidFile, 'utf8'))).not.toBe(killed);
  });
});
