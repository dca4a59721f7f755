import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Db } from '#kernel/db/database.ts';
import { CloudError } from '#kernel/errors.ts';
import { silentLog } from '#kernel/log.ts';
import { type ImageUnderTest, startImage } from '#tests/api/image.ts';
import { translateDiskError } from '../data/file-store.ts';
import { CONVERTED_STORE, insertLocation } from './store.ts';
import type { ImageTables } from './tables.ts';

let cloud: ImageUnderTest;
let port: number;
beforeEach(async () => {
  cloud = await startImage({ config: { maxImageBytes: 8 * 1024 * 1024 } });
  await cloud.service.app.listen({ host: '127.0.0.1', port: 0 });
  ({ port } = cloud.service.app.server.address() as AddressInfo);
});
afterEach(() => cloud.close());

const show = async (id: string) => (await cloud.ask(`GET /v2/images/${id}`)).body;

/** Starts an upload over a real socket that sends its pieces and then does as it is told. */
function openUpload(id: string, headers: Record<string, string | number> = {}) {
  const upload = request({
    host: '127.0.0.1',
    port,
    method: 'PUT',
    path: `/v2/images/${id}/file`,
    headers: {
      'x-auth-token': 'member',
      'content-type': 'application/octet-stream',
      accept: 'application/json',
      ...headers,
    },
  });
  const answer = new Promise<{ status: number; text: string } | 'broken'>((resolve) => {
    upload.once('error', () => resolve('broken'));
    upload.once('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
    });
  });
  return { upload, answer };
}

describe('an upload', () => {
  it('that breaks off leaves the image queued and no file, and can be tried again', async () => {
    const id = await cloud.create();
    const { upload, answer } = openUpload(id, { 'content-length': 1_000_000 });
    upload.write(Buffer.alloc(200_000));
    await vi.waitFor(async () => expect((await show(id)).status).toBe('saving'));
    upload.destroy();
    expect(await answer).toBe('broken');
    await vi.waitFor(async () => expect((await show(id)).status).toBe('queued'));
    await vi.waitFor(async () => expect(await cloud.files()).toEqual([]));
    const again = openUpload(id);
    again.upload.end('data');
    expect(await again.answer).toMatchObject({ status: 204 });
    expect(await show(id)).toMatchObject({ status: 'active', size: 4 });
  });

  it('whose image is deleted meanwhile ends with 410 and leaves no file', async () => {
    const id = await cloud.create();
    const { upload, answer } = openUpload(id);
    upload.write(Buffer.alloc(100_000));
    await vi.waitFor(async () => expect((await show(id)).status).toBe('saving'));
    expect((await cloud.ask(`DELETE /v2/images/${id}`)).status).toBe(204);
    upload.end();
    expect(await answer).toMatchObject({
      status: 410,
      text: expect.stringContaining('could not be found after upload'),
    });
    expect(await cloud.files()).toEqual([]);
  });

  it('is taken by one of two who come at once', async () => {
    const id = await cloud.create();
    const first = openUpload(id);
    first.upload.write('first');
    await vi.waitFor(async () => expect((await show(id)).status).toBe('saving'));
    const second = openUpload(id);
    second.upload.end('second');
    expect(await second.answer).toMatchObject({ status: 409 });
    first.upload.end();
    expect(await first.answer).toMatchObject({ status: 204 });
    expect((await cloud.ask(`GET /v2/images/${id}/file`)).text).toBe('first');
  });

  it('that is larger than an image may be is refused with 413, with a length said before or not', async () => {
    for (const headers of [{}, { 'content-length': 9 * 1024 * 1024 }]) {
      const id = await cloud.create();
      const { upload, answer } = openUpload(id, headers);
      upload.end(Buffer.alloc(9 * 1024 * 1024));
      expect(await answer).toMatchObject({ status: 413, text: expect.stringContaining('too large') });
      expect(await show(id)).toMatchObject({ status: 'queued', size: null });
    }
    expect(await cloud.files()).toEqual([]);
  });

  it('that is refused for its content is answered although the client is still sending', async () => {
    const id = await cloud.create();
    const { upload, answer } = openUpload(id, { 'content-length': 4 * 1024 * 1024 });
    upload.write(Buffer.concat([Buffer.from('514649fb00000003', 'hex'), Buffer.alloc(1024 * 1024)]));
    upload.end(Buffer.alloc(3 * 1024 * 1024 - 8));
    expect(await answer).toMatchObject({ status: 400, text: expect.stringContaining('qcow2') });
    expect(await show(id)).toMatchObject({ status: 'queued' });
  });
});

describe('after a crash', () => {
  it('an image whose writer is silent is queued again, once its time is over', async () => {
    const id = await cloud.create();
    const { upload, answer } = openUpload(id);
    upload.write('x');
    await vi.waitFor(async () => expect((await show(id)).status).toBe('saving'));
    const stop = new AbortController();
    const run = cloud.service.run?.(stop.signal);
    const begun = cloud.clock.monotonicMs();
    await vi.waitFor(async () => {
      await cloud.clock.advance(5_000);
      expect((await show(id)).status).toBe('queued');
    }, 15_000);
    expect(cloud.clock.monotonicMs() - begun).toBeGreaterThanOrEqual(60_000);
    stop.abort();
    await cloud.clock.advance(60_000);
    await run;
    expect(await cloud.files()).toEqual([]);
    upload.end('y');
    expect(await answer).toMatchObject({ status: 410 });
    expect(await show(id)).toMatchObject({ status: 'queued' });
  });

  it('files that no image knows are removed, and those that one knows or that lie in a read-only store stay', async () => {
    await cloud.close();
    cloud = await startImage({ config: { stores: [{ id: 'old', read_only: true }] } });
    const id = await cloud.createActive();
    const converting = 'cc0c1f47-3b1f-4f3c-9b3f-0d3a7e6f6c11';
    await insertLocation(cloud.db as Db<ImageTables>, {
      image_id: id,
      store: CONVERTED_STORE,
      data_id: converting,
      created_at: 0,
    });
    const old = new Date('2025-12-31T00:00:00Z');
    for (const [folder, name] of [
      ['../old/data/aa', 'aa0c1f47-3b1f-4f3c-9b3f-0d3a7e6f6c12'],
      ['../staging/incoming', converting],
      ['data/aa', 'aa0c1f47-3b1f-4f3c-9b3f-0d3a7e6f6c11'],
      ['incoming', 'bb0c1f47-3b1f-4f3c-9b3f-0d3a7e6f6c11'],
    ] as const) {
      await mkdir(join(cloud.dataDir, 'image/local', folder), { recursive: true });
      await writeFile(join(cloud.dataDir, 'image/local', folder, name), 'rubbish');
      await utimes(join(cloud.dataDir, 'image/local', folder, name), old, old);
    }
    for (const file of await cloud.files()) await utimes(join(cloud.dataDir, file), old, old);
    const stop = new AbortController();
    const run = cloud.service.run?.(stop.signal);
    await vi.waitFor(async () => expect(await cloud.files()).toHaveLength(3));
    stop.abort();
    await run;
    expect((await cloud.files()).join()).toMatch(/old.*staging|staging.*old/);
    expect((await cloud.ask(`GET /v2/images/${id}/file`)).text).toBe('some data');
  });
});

describe('a disk', () => {
  it.each([
    ['ENOSPC', 413, 'There is not enough disk space'],
    ['EDQUOT', 413, 'There is not enough disk space'],
    ['EROFS', 503, 'Insufficient permissions'],
  ])('that fails with %s is told to the client as %i', (code, status, message) => {
    const translated = translateDiskError(Object.assign(new Error('x'), { code }));
    expect(translated).toBeInstanceOf(CloudError);
    expect(translated).toMatchObject({ status, message: expect.stringContaining(message) });
  });

  it.skipIf(process.getuid?.() !== 0)(
    'that is full makes uploads fail with 413 and imports with the same words, and keeps nothing of them',
    async () => {
      const run = promisify(execFile);
      const small = await mkdtemp(join(tmpdir(), 'pileus-small-'));
      await run('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', small]);
      const full = await startImage({
        log: silentLog,
        config: { stores: [{ id: 'small', directory: small }], defaultStore: 'small' },
      });
      try {
        const id = await full.create();
        const answer = await full.ask(`PUT /v2/images/${id}/file`, { body: Buffer.alloc(2 * 1024 * 1024, 'x') });
        expect([answer.status, answer.body.message]).toEqual([
          413,
          expect.stringContaining('Image storage media is full'),
        ]);
        expect((await full.ask(`GET /v2/images/${id}`)).body).toMatchObject({ status: 'queued', size: null });
        const body = { method: { name: 'glance-direct' } };
        expect(
          (await full.ask(`PUT /v2/images/${id}/stage`, { body: Buffer.alloc(2 * 1024 * 1024, 'x') })).status,
        ).toBe(204);
        expect((await full.ask(`POST /v2/images/${id}/import`, { body })).status).toBe(202);
        await full.settle();
        expect((await full.ask(`GET /v2/images/${id}/tasks`)).body.tasks[0]).toMatchObject({
          status: 'failure',
          message: expect.stringContaining('Image storage media is full'),
        });
        expect((await full.ask(`GET /v2/images/${id}`)).body).toMatchObject({
          status: 'queued',
          size: null,
          os_glance_failed_import: 'small',
        });
        expect([await full.files(), await filesBelow(small)]).toEqual([[], []]);
        expect((await full.ask(`PUT /v2/images/${id}/file`, { body: Buffer.alloc(1000, 'x') })).status).toBe(204);
      } finally {
        await full.close();
        await run('umount', [small]);
        await rm(small, { recursive: true });
      }
    },
  );
});

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}
