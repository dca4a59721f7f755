import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '#kernel/clock.ts';
import { createDirectExec } from '#kernel/exec-direct.ts';
import { openLog } from '#kernel/log.ts';
import type { DesiredGuest, DesiredGuests, GuestsReport, ObservedGuest } from '#protocol/guests.ts';
import { desiredOf, sampleGuest, samplePort } from '#tests/support/guest-samples.ts';
import { type ComputeAgent, createComputeAgent } from '../../src/agents/compute/agent.ts';
import { stopOwnLibvirt } from '../../src/agents/compute/drivers/libvirt/daemon.ts';
import { createLibvirtDriver } from '../../src/agents/compute/drivers/libvirt/driver.ts';
import { renderConfigDrive } from '../../src/agents/guest-metadata/render.ts';
import { makeLibvirtFolder, removeLibvirtFolder } from './support/own-libvirt.ts';

/** A small guest's disk, made by `PILEUS_TEST_GUEST`'s recipe: boots in seconds, has DHCP, dropbear and ACPI. */
const IMAGE = process.env.PILEUS_TEST_GUEST ?? '/tmp/guest/disk.qcow2';
const hasImage = existsSync(IMAGE);
/** Device names of this run alone: another may be under way on the same machine. */
const RUN = process.pid.toString(36);
const TAP = `pct${RUN}t0`;
const TAP2 = `pct${RUN}t1`;
const BRIDGE = `pct${RUN}b`;

describe.runIf(process.getuid?.() === 0 && hasImage)('guests by libvirt', () => {
  const exec = createDirectExec();
  const log = openLog({ level: process.env.PILEUS_TEST_LOG === undefined ? 'error' : 'debug' });
  let base: string;
  const uploaded = new Set<string>();
  let current: DesiredGuests;
  let wake: () => void = () => undefined;
  let reports: GuestsReport[] = [];
  let agent: ComputeAgent;
  let stopAgent: () => Promise<void>;
  let guest: DesiredGuest;

  function startAgent(): void {
    const driver = createLibvirtDriver({
      exec,
      clock: systemClock,
      log,
      dataDir: base,
      cloudId: 'test-cloud',
      isPrivate: true,
      downloadImage: async () => createReadStream(IMAGE),
      renderConfigDrive,
    });
    reports = [];
    agent = createComputeAgent({
      driver,
      clock: systemClock,
      log,
      hostId: 'h',
      dataDir: base,
      shutDownGraceMs: 30_000,
      controller: {
        async waitForGuests(_, since, signal) {
          if (current.revision === since) {
            await new Promise<void>((resolve) => {
              wake = resolve;
              signal.addEventListener('abort', () => resolve(), { once: true });
            });
          }
          return current.revision === since ? null : current;
        },
        async reportGuests(_, report) {
          reports.push(report);
        },
        async uploadImage(_, imageId, data) {
          await pipeline(data, createWriteStream(join(base, `uploaded-${imageId}`)));
          uploaded.add(imageId);
        },
      },
    });
    const abort = new AbortController();
    const ended = agent.run(abort.signal);
    stopAgent = async () => {
      abort.abort();
      await ended;
      await driver.close();
    };
  }

  function ask(change: Partial<DesiredGuest>): void {
    guest = { ...guest, ...change };
    current = desiredOf(current.revision + 1, guest);
    wake();
  }

  async function seen(expected: Partial<ObservedGuest>, ms = 60_000): Promise<void> {
    await until(`the guest to be ${JSON.stringify(expected)}`, ms, async () => {
      const report = reports.at(-1);
      const observed = report?.guests.find(({ id }) => id === guest.id);
      if (report?.revision !== current.revision || observed === undefined) return false;
      return Object.entries(expected).every(
        ([key, value]) => JSON.stringify(observed[key as keyof ObservedGuest]) === JSON.stringify(value),
      );
    });
  }

  async function consoleCount(text: string): Promise<number> {
    const output = await agent.api.consoleOutput(guest.id, 1_000_000).catch(() => Buffer.alloc(0));
    return output.toString('utf8').split(text).length - 1;
  }

  let snapshots = 0;

  /** Has the disk copied and uploaded, and its copy on the host thrown away. @returns what was uploaded. */
  async function takeSnapshot(between: () => Promise<void> = async () => {}): Promise<string> {
    snapshots += 1;
    const imageId = `aaaaaaaa-2222-4333-8444-${String(snapshots).padStart(12, '0')}`;
    ask({ snapshots: [{ imageId, disk: 'root' }] });
    await between();
    await until('the snapshot to be uploaded', 60_000, async () => uploaded.has(imageId));
    ask({ snapshots: [] });
    const folder = join(base, 'guests', guest.id);
    await until('the copy to be gone', 10_000, async () =>
      (await readdir(folder)).every((name) => !name.startsWith('snapshot-')),
    );
    return join(base, `uploaded-${imageId}`);
  }

  /** How often a guest with this disk had booted: it keeps count on its second partition. */
  async function bootsIn(image: string): Promise<string> {
    const [raw, partition] = [`${image}.raw`, `${image}.ext4`];
    await exec.check({ argv: ['qemu-img', 'convert', '-O', 'raw', image, raw] });
    await exec.check({
      argv: ['dd', `if=${raw}`, `of=${partition}`, 'bs=512', 'skip=51200', 'count=16384', 'status=none'],
    });
    // The journal, as when the machine comes up again.
    await exec.run({ argv: ['e2fsck', '-p', partition] });
    return (await exec.run({ argv: ['debugfs', '-R', 'cat /boots', partition] })).stdout.trim();
  }

  beforeAll(async () => {
    base = await makeLibvirtFolder();
    const ip = (...argv: string[]) => exec.check({ argv: ['ip', ...argv] });
    await ip('link', 'add', BRIDGE, 'type', 'bridge');
    await ip('link', 'set', BRIDGE, 'up');
    for (const tap of [TAP, TAP2]) {
      await ip('tuntap', 'add', tap, 'mode', 'tap');
      await ip('link', 'set', tap, 'master', BRIDGE, 'mtu', '1400', 'up');
    }
    const bytes = await readFile(IMAGE);
    const sha512 = createHash('sha512').update(bytes).digest('hex');
    const source = {
      type: 'image' as const,
      imageId: 'tiny',
      sha512,
      format: 'qcow2' as const,
      sizeBytes: bytes.length,
    };
    guest = sampleGuest({
      disks: [
        { name: 'root', source, sizeGib: 1, bus: 'virtio', device: 'disk', bootIndex: 0 },
        { name: 'ephemeral0', source: { type: 'blank' }, sizeGib: 1, bus: 'virtio', device: 'disk' },
      ],
      interfaces: [samplePort(1, { deviceName: TAP, mtu: 1400 })],
      hasConfigDrive: true,
    });
    current = desiredOf(1, guest);
    startAgent();
  });

  afterAll(async () => {
    current = desiredOf(current.revision + 1);
    wake();
    await until(
      'the guest to be gone',
      30_000,
      async () => reports.at(-1)?.revision === current.revision && reports.at(-1)?.guests.length === 0,
    );
    await stopAgent();
    await stopOwnLibvirt(join(base, 'libvirt'), systemClock);
    for (const device of [TAP, TAP2, BRIDGE]) await exec.run({ argv: ['ip', 'link', 'del', device] });
    await exec.close();
    await removeLibvirtFolder(base);
  });

  it('boots one on an overlay, with a tap and a config drive', async () => {
    await seen({ power: 'running', powerSerial: 1, portIds: [samplePort(1).portId] });
    await until('it to have booted', 90_000, async () => (await consoleCount('dropbear started')) === 1);
    expect(await consoleCount('metadata source: configdrive')).toBe(1);
    expect((await readFile(`/sys/class/net/${TAP}/carrier`, 'utf8')).trim()).toBe('1');
  });

  it('shows its screen', async () => {
    const vnc = await agent.api.openVnc(guest.id);
    const [hello] = (await once(vnc, 'data')) as [Buffer];
    expect(hello.toString()).toMatch(/^RFB 003\.008\n/);
    vnc.destroy();
  });

  it('counts what it does', async () => {
    const diagnostics = await agent.api.diagnostics(guest.id);
    expect(diagnostics.memoryMib).toBe(128);
    expect(diagnostics.uptimeSeconds).toBeGreaterThan(0);
    expect(diagnostics.cpus[0]?.timeNs).toBeGreaterThan(1e9);
    expect(diagnostics.nics).toHaveLength(1);
    expect(diagnostics.nics[0]?.macAddress).toBe(samplePort(1).macAddress);
    expect(diagnostics.disks[0]?.readBytes).toBeGreaterThan(1_000_000);
  });

  it('plugs an interface in and out of it while it runs', async () => {
    ask({ interfaces: [samplePort(1, { deviceName: TAP }), samplePort(2, { deviceName: TAP2 })] });
    await seen({ portIds: [samplePort(1).portId, samplePort(2).portId] });
    ask({ interfaces: [samplePort(1, { deviceName: TAP })] });
    await seen({ portIds: [samplePort(1).portId] });
  });

  it('pauses, resumes, suspends and wakes it without a boot', async () => {
    ask({ power: 'paused', powerSerial: 2 });
    await seen({ power: 'paused', powerSerial: 2 });
    ask({ power: 'running', powerSerial: 3 });
    await seen({ power: 'running', powerSerial: 3 });
    ask({ power: 'suspended', powerSerial: 4 });
    await seen({ power: 'suspended', powerSerial: 4 });
    ask({ power: 'running', powerSerial: 5 });
    await seen({ power: 'running', powerSerial: 5 });
    expect(await consoleCount('init started')).toBe(1);
  });

  it('reboots it softly, and what it wrote is still there', async () => {
    ask({ rebootSerial: 1, rebootType: 'soft' });
    await seen({ power: 'running', rebootSerial: 1 });
    await until('it to have booted again', 90_000, async () => (await consoleCount('dropbear started')) === 2);
    expect(await consoleCount('ACPI power button')).toBe(1);
    expect(await consoleCount('boot number 2')).toBe(1);
  });

  it('goes on while the agent and libvirt restart, and is found again', async () => {
    await stopAgent();
    await stopOwnLibvirt(join(base, 'libvirt'), systemClock);
    startAgent();
    await seen({ power: 'running', powerSerial: 5, rebootSerial: 1 });
    expect(await consoleCount('init started')).toBe(2);
  });

  it('copies its disk while it runs, with what it has written, though the agent stops in between', async () => {
    // What the guest writes reaches its disk some seconds later.
    await until('the guest to be in a snapshot as it is', 60_000, async () => {
      const file = await takeSnapshot(async () => {
        await stopAgent();
        startAgent();
      });
      const { stdout } = await exec.run({ argv: ['qemu-img', 'info', '--output=json', file] });
      expect(JSON.parse(stdout)).toMatchObject({ format: 'qcow2', 'virtual-size': 1024 ** 3 });
      expect(stdout).not.toContain('backing');
      return (await bootsIn(file)) === '2';
    });
    expect(await consoleCount('init started')).toBe(2);
    await seen({ power: 'running', powerSerial: 5 });
  });

  it('stops it as asked, copies its disk as it lies there, and starts it again', async () => {
    ask({ power: 'stopped', powerSerial: 6 });
    await seen({ power: 'stopped', powerSerial: 6 });
    const disk = join(base, 'guests', guest.id, 'disk-root');
    await exec.check({ argv: ['qemu-img', 'compare', '-q', await takeSnapshot(), disk] });
    ask({ power: 'running', powerSerial: 7 });
    await seen({ power: 'running', powerSerial: 7 });
    ask({ rebootSerial: 2, rebootType: 'hard' });
    await seen({ power: 'running', rebootSerial: 2 });
  });

  it('leaves one alone whose QEMU was killed, until its start is asked for', async () => {
    const pidFile = join(base, 'libvirt/run/qemu', `pileus-${guest.id}.pid`);
    process.kill(Number(await readFile(pidFile, 'utf8')), 'SIGKILL');
    await seen({ power: 'crashed', powerSerial: 7 });
    ask({ powerSerial: 8 });
    await seen({ power: 'running', powerSerial: 8 });
  });

  it('tells the facts of the host', async () => {
    const driver = createLibvirtDriver({
      exec,
      clock: systemClock,
      log,
      dataDir: base,
      cloudId: 'test-cloud',
      isPrivate: true,
      downloadImage: async () => createReadStream(IMAGE),
      renderConfigDrive,
    });
    const facts = await driver.facts(new AbortController().signal);
    await driver.close();
    expect(facts).toMatchObject({ type: 'QEMU', cpu: { arch: 'x86_64' } });
    expect(facts.version).toBeGreaterThan(5_000_000);
    expect(facts.memoryMib).toBeGreaterThan(facts.usedMemoryMib);
    expect(facts.traits).toContain('HW_CPU_X86_SSE42');
  });

  it('leaves nothing of a removed one', async () => {
    current = desiredOf(current.revision + 1);
    wake();
    await until(
      'it to be gone',
      30_000,
      async () => reports.at(-1)?.revision === current.revision && reports.at(-1)?.guests.length === 0,
    );
    expect(await readdir(join(base, 'guests'))).toEqual([]);
    expect(await readdir(join(base, 'libvirt/etc/qemu'))).not.toContain(expect.stringContaining('pileus-'));
    expect((await readdir(join(base, 'libvirt/lib/qemu'))).filter((name) => name.startsWith('domain-'))).toEqual([]);
    expect((await readFile(`/sys/class/net/${TAP}/carrier`, 'utf8').catch(() => '0')).trim()).toBe('0');
  });
});

async function until(what: string, ms: number, condition: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + ms;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`waited ${ms} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
