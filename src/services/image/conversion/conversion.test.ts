import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDirectExec } from '#kernel/exec-direct.ts';
import { silentLog } from '#kernel/log.ts';
import { type ImageUnderTest, startImage } from '#tests/api/image.ts';
import { createQemuImgConverter } from './drivers/qemu-img.ts';

const MIB = 1024 * 1024;

function hasPrograms(): boolean {
  try {
    execFileSync('prlimit', ['qemu-img', '--version']);
    return true;
  } catch {
    return false;
  }
}

let folder: string;
let cloud: ImageUnderTest;
const exec = createDirectExec();
const convertDisk = createQemuImgConverter(exec, silentLog);
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pileus-conversion-'));
  cloud = await startImage({ config: { convertImportsTo: 'raw', maxImageBytes: 64 * MIB }, convertDisk });
});
afterEach(async () => {
  await cloud.close();
  await rm(folder, { recursive: true });
});

/** A qcow2 with these bytes as its disk. */
async function qcow2Of(disk: Buffer): Promise<Buffer> {
  const [raw, qcow2] = [join(folder, 'raw'), join(folder, 'qcow2')];
  await writeFile(raw, disk);
  execFileSync('qemu-img', ['convert', '-c', '-f', 'raw', '-O', 'qcow2', raw, qcow2]);
  return readFile(qcow2);
}

const QCOW2 = { disk_format: 'qcow2', container_format: 'bare' };

async function importStaged(data: Buffer, attributes: Record<string, unknown> = QCOW2): Promise<string> {
  const id = await cloud.create(attributes);
  expect((await cloud.ask(`PUT /v2/images/${id}/stage`, { body: data })).status).toBe(204);
  const body = { method: { name: 'glance-direct' } };
  expect((await cloud.ask(`POST /v2/images/${id}/import`, { body })).status).toBe(202);
  await cloud.settle();
  return id;
}

const show = async (id: string) => (await cloud.ask(`GET /v2/images/${id}`)).body;
const failureOf = async (id: string) => (await cloud.ask(`GET /v2/images/${id}/tasks`)).body.tasks[0].message;

describe.skipIf(!hasPrograms())('what is imported while imports are converted', () => {
  it('is raw afterwards, with the disk that it held, and only one file is left', async () => {
    const disk = Buffer.alloc(3 * MIB);
    disk.write('the beginning', 0);
    disk.write('the end', 3 * MIB - 512);
    const id = await importStaged(await qcow2Of(disk), { ...QCOW2, container_format: 'ovf' });
    expect(await show(id)).toMatchObject({
      status: 'active',
      disk_format: 'raw',
      container_format: 'bare',
      size: 3 * MIB,
      virtual_size: 3 * MIB,
    });
    expect((await cloud.ask(`GET /v2/images/${id}/file`)).bytes.equals(disk)).toBe(true);
    expect(await cloud.files()).toHaveLength(1);
  });

  it('by copying another image is converted too, and by copy-image is not', async () => {
    const disk = Buffer.alloc(MIB, 'x');
    const source = await cloud.createActive(await qcow2Of(disk), QCOW2);
    const id = await cloud.create(QCOW2);
    const method = { name: 'glance-download', glance_image_id: source, glance_region: 'RegionOne' };
    expect((await cloud.ask(`POST /v2/images/${id}/import`, { body: { method } })).status).toBe(202);
    await cloud.settle();
    expect(await show(id)).toMatchObject({ status: 'active', disk_format: 'raw', size: MIB });
    expect(await show(source)).toMatchObject({ status: 'active', disk_format: 'qcow2' });
    expect(await cloud.files()).toHaveLength(2);
  });

  it('stays as it is when it is raw already, or a disc', async () => {
    const id = await importStaged(Buffer.from('raw data'), { disk_format: 'raw', container_format: 'ovf' });
    expect(await show(id)).toMatchObject({ status: 'active', disk_format: 'raw', container_format: 'ovf', size: 8 });
  });

  it('is refused before it is unpacked when its disk is larger than an image may be', async () => {
    const huge = join(folder, 'huge');
    execFileSync('qemu-img', ['create', '-f', 'qcow2', huge, '10T']);
    const id = await importStaged(await readFile(huge));
    expect(await show(id)).toMatchObject({ status: 'queued', size: null, disk_format: 'qcow2' });
    expect(await failureOf(id)).toContain('as raw it has 10995116277760 bytes');
    expect(await cloud.files()).toEqual([]);
  });

  it.each([
    ['holds another image inside', async () => qcow2Of(await qcow2Of(Buffer.alloc(MIB))), 'its content is qcow2'],
    ['is not what it was declared as', async () => Buffer.from('nothing'), 'it cannot be converted'],
    ['is damaged', damaged, 'its content is damaged'],
  ])('is refused when it %s, and nothing is left', async (_, make, message) => {
    const id = await importStaged(await make());
    expect(await show(id)).toMatchObject({ status: 'queued', size: null, disk_format: 'qcow2' });
    const failure = await failureOf(id);
    expect(failure).toContain(message);
    expect(failure).not.toContain(tmpdir());
    expect(await cloud.files()).toEqual([]);
  });

  /** A table does not begin where one can. */
  async function damaged(): Promise<Buffer> {
    const image = await qcow2Of(Buffer.alloc(MIB, 'x'));
    const table = Number(image.readBigUInt64BE(40));
    image.writeBigUInt64BE(0x8000_0000_0004_0200n, table);
    return image;
  }
});

describe.skipIf(!hasPrograms())('the child that converts', () => {
  it('cannot write more than the disk was said to have', async () => {
    const source = join(folder, 'source');
    await writeFile(source, await qcow2Of(Buffer.alloc(8 * MIB, 'x')));
    const target = join(folder, 'target');
    const conversion = { source, sourceFormat: 'qcow2', target, virtualSizeBytes: MIB } as const;
    await expect(convertDisk({ ...conversion, signal: AbortSignal.timeout(60_000) })).rejects.toMatchObject({
      code: 'image.conversion.failed',
    });
    expect((await stat(target).catch(() => ({ size: 0 }))).size).toBeLessThanOrEqual(3 * MIB);
  });

  it('ends with the controller', async () => {
    const source = join(folder, 'source');
    await writeFile(source, await qcow2Of(Buffer.alloc(8 * MIB, 'x')));
    const conversion = { source, sourceFormat: 'qcow2', target: join(folder, 't'), virtualSizeBytes: 8 * MIB } as const;
    await expect(convertDisk({ ...conversion, signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    });
  });
});
