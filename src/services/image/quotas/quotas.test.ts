import { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { contextOf, type ImageUnderTest, PROJECT, RAW, startImage } from '#tests/api/image.ts';
import type { QuotaResource } from './logic.ts';

let cloud: ImageUnderTest;
afterEach(() => cloud.close());

const MIB = 1024 * 1024;
const ctx = { ...contextOf('member'), requestId: 'req', remoteAddress: '', isAuthenticated: true };

async function startWith(limits: Partial<Record<QuotaResource, number>>): Promise<void> {
  cloud = await startImage({
    limitOf: async (projectId, resource) => (projectId === PROJECT ? limits[resource] : undefined),
  });
}

const upload = (id: string, bytes: number, where = 'file') =>
  cloud.ask(`PUT /v2/images/${id}/${where}`, { body: Buffer.alloc(bytes) });

describe('a limit', () => {
  it('on the number of images refuses one more with 413, also when many come at once', async () => {
    await startWith({ image_count_total: 2 });
    const answers = await Promise.all([1, 2, 3, 4].map(() => cloud.ask('POST /v2/images', { body: RAW })));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 201, 413, 413]);
    expect((await cloud.ask('GET /v2/info/usage')).body).toEqual({
      usage: { image_count_total: { usage: 2, limit: 2 } },
    });
    expect((await cloud.ask('POST /v2/images', { as: 'stranger', body: RAW })).status).toBe(201);
  });

  it('on their size is not passed by one large upload, nor by two at once, and a deleted image gives its room back', async () => {
    await startWith({ image_size_total: 3 });
    const ids = await Promise.all([1, 2, 3].map(() => cloud.create()));
    expect((await upload(ids[0] ?? '', 4 * MIB)).status).toBe(413);
    const both = await Promise.all([upload(ids[1] ?? '', 2 * MIB), upload(ids[2] ?? '', 2 * MIB)]);
    expect(both.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([204, 413]);
    expect(await cloud.files()).toHaveLength(1);
    for (const id of ids) await cloud.ask(`DELETE /v2/images/${id}`);
    expect((await upload(await cloud.create(), 3 * MIB)).status).toBe(204);
  });

  it('on what is staged holds for staging alone', async () => {
    await startWith({ image_stage_total: 1 });
    expect((await upload(await cloud.create(), 2 * MIB, 'stage')).status).toBe(413);
    expect((await upload(await cloud.create(), 2 * MIB)).status).toBe(204);
  });

  it('on what is being uploaded holds for staged data too, until it is imported', async () => {
    await startWith({ image_count_uploading: 1 });
    const [staged, ...others] = await Promise.all([1, 2, 3].map(() => cloud.create()));
    expect((await upload(staged ?? '', 10, 'stage')).status).toBe(204);
    const refused = await upload(others[0] ?? '', 10, 'stage');
    expect([refused.status, refused.body.message]).toEqual([
      413,
      expect.stringContaining(
        `Project ${PROJECT} is over a limit for [Resource image_count_uploading is over limit of 1 due to current usage 2 and delta 0]`,
      ),
    ]);
    expect((await upload(others[1] ?? '', 10)).status).toBe(413);
    const body = { method: { name: 'glance-direct' } };
    expect((await cloud.ask(`POST /v2/images/${staged}/import`, { body })).status).toBe(202);
    await cloud.settle();
    for (const id of others) expect((await upload(id, 10)).status).toBe(204);
  });

  it.each(['file', 'stage'])('is passed once by a %s of unknown length, but not by more than itself', async (where) => {
    await startWith({ [where === 'file' ? 'image_size_total' : 'image_stage_total']: 1 });
    const send = async (bytes: number) => {
      const id = await cloud.create();
      const body = Readable.from([Buffer.alloc(bytes)]);
      return (await cloud.ask(`PUT /v2/images/${id}/${where}`, { body })).status;
    };
    expect(await send(3 * MIB)).toBe(413);
    expect(await send(MIB)).toBe(204);
    expect(await send(MIB)).toBe(204);
    expect(await send(10)).toBe(413);
    expect((await upload(await cloud.create(), 10, where)).status).toBe(413);
  });

  it('is absent unless one is set', async () => {
    await startWith({});
    expect((await cloud.ask('GET /v2/info/usage')).body).toEqual({ usage: {} });
  });
});

describe('what other services do with images', () => {
  it('is what the API does, in the name of the caller', async () => {
    await startWith({ image_count_total: 1 });
    const image = await cloud.service.createImage(ctx, { name: 'snap', ...RAW, image_type: 'snapshot' });
    await expect(cloud.service.createImage(ctx, { name: 'more', ...RAW })).rejects.toMatchObject({
      code: 'image.quota',
    });
    await cloud.service.uploadImageData(ctx, image.id, Readable.from([Buffer.from('disk')]));
    const changed = await cloud.service.setImageProperties(ctx, image.id, { base_image_ref: 'x', image_type: null });
    expect(changed).toMatchObject({ status: 'active', sizeBytes: 4, properties: { base_image_ref: 'x' } });
    expect(await cloud.service.listImages(ctx, new URLSearchParams('name=snap'))).toEqual([changed]);
    await cloud.service.deleteImage(ctx, image.id);
    await expect(cloud.service.showImage(ctx, image.id)).rejects.toMatchObject({ code: 'image.not_found' });
    expect(await cloud.files()).toEqual([]);
  });
});
