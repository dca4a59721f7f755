import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ImageUnderTest, startImage } from '#tests/api/image.ts';

let cloud: ImageUnderTest;
beforeEach(async () => {
  cloud = await startImage();
});
afterEach(() => cloud.close());

const admin = (line: string, headers: Record<string, string> = {}) => cloud.ask(line, { as: 'admin', headers });
const state = async () => (await admin('GET /v2/cache')).body;

describe('the cache', () => {
  it('is for administrators', async () => {
    const id = await cloud.createActive();
    for (const line of ['GET /v2/cache', 'DELETE /v2/cache', `PUT /v2/cache/${id}`, `DELETE /v2/cache/${id}`])
      expect((await cloud.ask(line)).status, line).toBe(403);
  });

  it('takes an image, gives its data from there, and lets it go', async () => {
    const id = await cloud.createActive(Buffer.from('cached data'));
    expect((await admin(`PUT /v2/cache/${id}`)).status).toBe(202);
    expect((await admin(`PUT /v2/cache/${id}`)).status).toBe(202);
    await cloud.settle();
    expect(await state()).toEqual({
      cached_images: [{ image_id: id, hits: 0, last_accessed: 1767225600, last_modified: 1767225600, size: 11 }],
      queued_images: [],
    });
    expect(await cloud.files()).toHaveLength(2);
    expect((await cloud.ask(`GET /v2/images/${id}`)).body.stores).toBe('local');
    expect((await cloud.ask(`GET /v2/images/${id}/file`)).text).toBe('cached data');
    expect((await state()).cached_images[0].hits).toBe(1);
    expect((await admin(`DELETE /v2/cache/${id}`)).status).toBe(204);
    expect(await state()).toEqual({ cached_images: [], queued_images: [] });
    expect(await cloud.files()).toHaveLength(1);
    expect((await cloud.ask(`GET /v2/images/${id}/file`)).text).toBe('cached data');
  });

  it('forgets an image that is deleted', async () => {
    const id = await cloud.createActive();
    await admin(`PUT /v2/cache/${id}`);
    await cloud.settle();
    await cloud.ask(`DELETE /v2/images/${id}`);
    expect(await state()).toEqual({ cached_images: [], queued_images: [] });
    expect(await cloud.files()).toEqual([]);
  });

  it('is emptied at once, the cache alone or the queue alone', async () => {
    const id = await cloud.createActive();
    await admin(`PUT /v2/cache/${id}`);
    await cloud.settle();
    expect((await admin('DELETE /v2/cache', { 'x-image-cache-clear-target': 'queue' })).status).toBe(204);
    expect((await state()).cached_images).toHaveLength(1);
    expect((await admin('DELETE /v2/cache', { 'x-image-cache-clear-target': 'all' })).status).toBe(400);
    expect((await admin('DELETE /v2/cache')).status).toBe(204);
    expect((await state()).cached_images).toEqual([]);
    expect(await cloud.files()).toHaveLength(1);
  });

  it('takes no image without data, and none that is not there', async () => {
    expect((await admin(`PUT /v2/cache/${await cloud.create()}`)).status).toBe(400);
    for (const method of ['PUT', 'DELETE'])
      expect((await admin(`${method} /v2/cache/8c0c1f47-3b1f-4f3c-9b3f-0d3a7e6f6c11`)).status).toBe(404);
  });
});
