import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '#kernel/clock.ts';
import { createDirectExec } from '#kernel/exec-direct.ts';
import type { DesiredGuest, GuestDisk } from '#protocol/guests.ts';
import { sampleGuest } from '#tests/support/guest-samples.ts';
import { createGuestFiles, type GuestFiles } from './disks.ts';
import { createImageCache } from './images.ts';

const exec = createDirectExec();
const signal = new AbortController().signal;
const hasTools = await exec.run({ argv: ['qemu-img', '--version'] }).then(
  () => true,
  () => false,
);
const RAW = Buffer.alloc(2048, 7);

describe.runIf(hasTools)("a guest's files", () => {
  let folder: string;
  let files: GuestFiles;
  let content: Buffer;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pileus-disks-'));
    content = RAW;
    const images = createImageCache({
      folder: join(folder, 'images'),
      download: async () => Readable.from([content]),
      clock: systemClock,
    });
    files = createGuestFiles({
      folder: join(folder, 'guests'),
      images,
      exec,
      renderConfigDrive: () => [{ path: 'openstack/latest/meta_data.json', content: '{}' }],
    });
  });
  afterEach(() => rm(folder, { recursive: true }));

  function rootDisk(change: Partial<GuestDisk> = {}, bytes = RAW, format: 'raw' | 'qcow2' = 'raw'): GuestDisk {
    content = bytes;
    const source = {
      type: 'image' as const,
      imageId: 'i',
      sha512: createHash('sha512').update(bytes).digest('hex'),
      format,
      sizeBytes: bytes.length,
    };
    return { name: 'root', source, sizeGib: 1, bus: 'virtio', device: 'disk', ...change };
  }

  async function info(guest: DesiredGuest, name: string): Promise<Record<string, unknown>> {
    const out = await exec.check({ argv: ['qemu-img', 'info', '--output=json', join(files.folder(guest.id), name)] });
    return JSON.parse(out) as Record<string, unknown>;
  }

  it('put an image under an overlay of the declared format and the asked-for size', async () => {
    const guest = sampleGuest({ disks: [rootDisk()] });
    await files.prepare(guest, signal);
    expect(await info(guest, 'disk-root')).toMatchObject({
      format: 'qcow2',
      'virtual-size': 1024 ** 3,
      'backing-filename-format': 'raw',
    });
    expect([...(await files.imagesInUse())]).toEqual([
      (guest.disks[0] as { source: { sha512: string } }).source.sha512,
    ]);
  });

  it('leave a disk with data alone, but let it grow', async () => {
    const guest = sampleGuest({ disks: [rootDisk()] });
    await files.prepare(guest, signal);
    await exec.check({
      argv: ['qemu-io', '-f', 'qcow2', '-c', 'write -P 9 1M 64k', join(files.folder(guest.id), 'disk-root')],
    });
    await files.prepare({ ...guest, disks: [rootDisk({ sizeGib: 2 })] }, signal);
    await files.prepare({ ...guest, disks: [rootDisk({ sizeGib: 1 })] }, signal);
    expect(await info(guest, 'disk-root')).toMatchObject({ 'virtual-size': 2 * 1024 ** 3 });
    await exec.check({
      argv: ['qemu-io', '-f', 'qcow2', '-c', 'read -P 9 1M 64k', join(files.folder(guest.id), 'disk-root')],
    });
  });

  it.each([
    ['generation', () => rootDisk({ generation: 1 })],
    ['image', () => rootDisk({}, Buffer.alloc(2048, 8))],
  ])('make a disk anew for another %s', async (_, change) => {
    const guest = sampleGuest({ disks: [rootDisk()] });
    await files.prepare(guest, signal);
    const path = join(files.folder(guest.id), 'disk-root');
    await exec.check({ argv: ['qemu-io', '-f', 'qcow2', '-c', 'write -P 9 1M 64k', path] });
    await files.prepare({ ...guest, disks: [change()] }, signal);
    await exec.check({ argv: ['qemu-io', '-f', 'qcow2', '-c', 'read -P 0 1M 64k', path] });
  });

  it('are made anew when the agent died before their record was written', async () => {
    const guest = sampleGuest({ disks: [rootDisk()] });
    await files.prepare(guest, signal);
    await rm(join(files.folder(guest.id), 'disk-root.json'));
    await writeFile(join(files.folder(guest.id), 'disk-root.part'), 'half');
    await files.prepare(guest, signal);
    expect(await info(guest, 'disk-root')).toMatchObject({ format: 'qcow2' });
  });

  it('refuse an image that is larger than the disk', async () => {
    const header = Buffer.alloc(4096);
    header.write('QFI\u00fb', 0, 'latin1');
    header.writeUInt32BE(3, 4);
    header.writeBigUInt64BE(5n * 1024n ** 3n, 24);
    const guest = sampleGuest({ disks: [rootDisk({}, header, 'qcow2')] });
    await expect(files.prepare(guest, signal)).rejects.toMatchObject({ code: 'guest.disk.too_small' });
  });

  it.each([
    ['is not qcow2', (header: Buffer) => header.write('nope', 0)],
    ['has a backing file', (header: Buffer) => header.writeBigUInt64BE(512n, 8)],
    ['has an external data file', (header: Buffer) => header.writeBigUInt64BE(4n, 72)],
  ])('refuse a qcow2 image that %s', async (_, spoil) => {
    const header = Buffer.alloc(4096);
    header.write('QFI\u00fb', 0, 'latin1');
    header.writeUInt32BE(3, 4);
    spoil(header);
    const guest = sampleGuest({ disks: [rootDisk({}, header, 'qcow2')] });
    await expect(files.prepare(guest, signal)).rejects.toMatchObject({ code: 'guest.image.unsafe' });
  });

  it('come formatted for swap and ephemeral disks', async () => {
    const blank = { source: { type: 'blank' }, sizeGib: 1, bus: 'virtio', device: 'disk' } as const;
    const guest = sampleGuest({
      disks: [
        { ...blank, name: 'swap' },
        { ...blank, name: 'ephemeral0' },
      ],
    });
    await files.prepare(guest, signal);
    const head = async (name: string) => (await readFile(join(files.folder(guest.id), name))).subarray(0, 8192);
    expect((await head('disk-swap')).toString('latin1')).toContain('SWAPSPACE2');
    expect((await head('disk-ephemeral0')).readUInt16LE(1080)).toBe(0xef53);
    expect((await stat(join(files.folder(guest.id), 'disk-ephemeral0'))).blocks * 512).toBeLessThan(64 * 1024 ** 2);
  });

  it('hold a config drive that is made once, and go when the guest goes', async () => {
    const guest = sampleGuest({ disks: [rootDisk()], hasConfigDrive: true });
    await files.prepare(guest, signal);
    const path = join(files.folder(guest.id), 'config-drive.iso');
    expect((await readFile(path)).subarray(32_768 + 40, 32_768 + 48).toString()).toBe('config-2');
    const before = (await stat(path)).mtimeMs;
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await files.prepare(guest, signal);
    expect((await stat(path)).mtimeMs).toBe(before);
    expect(files.attached(guest).at(-1)).toMatchObject({ path, bus: 'virtio', isReadOnly: true });
    await files.remove(guest.id);
    expect(await readdir(join(folder, 'guests'))).toEqual([]);
  });
});
