import { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { fakeImages, IMAGE } from '#tests/api/compute-peers.ts';
import { HOST, OTHER_HOST, type ServersUnderTest, startServers } from '#tests/api/servers.ts';

let cloud: ServersUnderTest;
let images: ReturnType<typeof fakeImages>;
afterEach(() => cloud.close());

async function active(): Promise<string> {
  images = fakeImages({ properties: { hw_disk_bus: 'scsi', img_signature: 'x' } });
  cloud = await startServers({ image: images });
  await cloud.beat();
  const { body } = await cloud.create();
  await cloud.pass();
  return body.server.id;
}

const act = (id: string, body: unknown, how: Record<string, unknown> = {}) =>
  cloud.ask(`POST /v2.1/servers/${id}/action`, { as: 'member', body, ...how });
const taskState = async (id: string): Promise<unknown> => (await cloud.show(id))['OS-EXT-STS:task_state'];
const wanted = async (): Promise<unknown> => (await cloud.service.desiredGuests(HOST)).guests[0]?.snapshots;
const upload = (imageId: string, host = HOST): Promise<void> =>
  cloud.service.takeSnapshot(host, imageId, Readable.from([Buffer.from('disk')]));

async function create(id: string, more: Record<string, unknown> = {}): Promise<string> {
  const { status, body } = await act(id, { createImage: { name: 'snap', ...more } });
  expect(status).toBe(202);
  return body.image_id;
}

describe('an image of a server', () => {
  it("has the server's image's properties and its own, and takes the server through nova's task states", async () => {
    const id = await active();
    const imageId = await create(id, { metadata: { mine: 'yes', visibility: 'public' } });
    expect(images.made.get(imageId)?.attributes).toMatchObject({
      name: 'snap',
      visibility: 'private',
      min_disk: 1,
      disk_format: 'qcow2',
      image_type: 'snapshot',
      instance_uuid: id,
      base_image_ref: IMAGE,
      hw_disk_bus: 'scsi',
      mine: 'yes',
    });
    expect(images.made.get(imageId)?.attributes).not.toHaveProperty('img_signature');
    expect([await taskState(id), await wanted()]).toEqual(['image_snapshot', [{ imageId, disk: 'root' }]]);
    await cloud.pass(HOST, (guest) => ({ ...guest, snapshots: [{ imageId, isMade: true }] }));
    expect(await taskState(id)).toBe('image_pending_upload');
    await upload(imageId);
    expect(images.made.get(imageId)).toMatchObject({ status: 'active', bytes: 4 });
    expect([await taskState(id), (await cloud.show(id)).status, await wanted()]).toEqual([null, 'ACTIVE', undefined]);
    const { body } = await cloud.ask(`GET /v2.1/servers/${id}/os-instance-actions`, { as: 'member' });
    expect(body.instanceActions[0]).toMatchObject({ action: 'createImage', message: null });
  });

  it('is named by its place until 2.45 and by its id since', async () => {
    const id = await active();
    const old = await act(id, { createImage: { name: 'snap' } }, { version: '2.35' });
    const [imageId] = images.made.keys();
    expect([old.text, old.headers['location']]).toEqual(['', expect.stringMatching(`/images/${imageId}$`)]);
    await upload(imageId ?? '');
    const late = await act(id, { createImage: { name: 'snap' } }, { version: '2.45' });
    expect([Object.keys(late.body), late.headers['location']]).toEqual([['image_id'], undefined]);
  });

  it('is refused in the wrong state and for the wrong caller, and leaves no image record then', async () => {
    const id = await active();
    await create(id);
    const second = await act(id, { createImage: { name: 'snap' } });
    expect([second.status, second.body.conflictingRequest.message]).toEqual([
      409,
      `Cannot 'createImage' instance ${id} while it is in task_state image_snapshot`,
    ]);
    expect((await act(id, { createImage: { name: 'snap' } }, { as: 'reader' })).status).toBe(403);
    expect((await act(id, { createImage: { name: 'snap' } }, { as: 'stranger' })).status).toBe(404);
    for (const input of [
      {},
      { name: '' },
      { name: 'a'.repeat(256) },
      { name: 'a', metadata: { '': '' } },
      { name: 'a', x: 1 },
    ])
      expect([input, (await act(id, { createImage: input })).status]).toEqual([input, 400]);
    expect(images.made.size).toBe(1);
  });

  it('is taken from no host but the one that was asked', async () => {
    const id = await active();
    const imageId = await create(id);
    await expect(upload(imageId, OTHER_HOST)).rejects.toMatchObject({ code: 'compute.snapshot.unwanted' });
    await expect(upload(IMAGE)).rejects.toMatchObject({ code: 'compute.snapshot.unwanted' });
    await upload(imageId);
    await expect(upload(imageId)).rejects.toMatchObject({ code: 'compute.snapshot.unwanted' });
  });

  it('that is deleted while it is being saved lets the server go on', async () => {
    const id = await active();
    const imageId = await create(id);
    images.made.delete(imageId);
    await expect(upload(imageId)).rejects.toMatchObject({ status: 404 });
    await cloud.settle();
    expect([await taskState(id), (await cloud.show(id)).status, await wanted()]).toEqual([null, 'ACTIVE', undefined]);
    const { body } = await cloud.ask(`GET /v2.1/servers/${id}/os-instance-actions`, { as: 'member' });
    expect(body.instanceActions[0]).toMatchObject({ action: 'createImage', message: 'Error' });
  });

  it('is deleted when the host cannot make it, when its time is over, and when the server is deleted', async () => {
    const id = await active();
    const failed = await create(id);
    await cloud.pass(HOST, (guest) => ({
      ...guest,
      snapshots: [{ imageId: failed, isMade: false, problem: { code: 'x', message: 'secret', attempts: 4 } }],
    }));
    expect([await taskState(id), images.made.has(failed)]).toEqual([null, false]);
    const late = await create(id);
    await cloud.db
      .updateTable('servers')
      .set({ deadline_at: cloud.clock.now().getTime() })
      .where('id', '=', id)
      .execute();
    const stop = new AbortController();
    const sweeping = cloud.service.run?.(stop.signal);
    await cloud.clock.advance(6_000);
    stop.abort();
    await sweeping;
    await cloud.settle();
    expect([await taskState(id), (await cloud.show(id)).status, images.made.has(late)]).toEqual([
      null,
      'ACTIVE',
      false,
    ]);
    await create(id);
    await cloud.ask(`DELETE /v2.1/servers/${id}`, { as: 'member' });
    await cloud.settle();
    await cloud.pass();
    expect(images.made.size).toBe(0);
    expect(await cloud.db.selectFrom('server_snapshots').selectAll().execute()).toEqual([]);
  });
});

describe('a backup', () => {
  it('rotates: of its type only the newest stay', async () => {
    const id = await active();
    const backup = async (type: string, rotation: number): Promise<string> => {
      const { status, body } = await act(id, { createBackup: { name: 'b', backup_type: type, rotation } });
      expect([status, await taskState(id)]).toEqual([202, 'image_backup']);
      await upload(body.image_id);
      await cloud.settle();
      return body.image_id;
    };
    const weekly = await backup('weekly', 1);
    const daily = [await backup('daily', 2), await backup('daily', 2), await backup('daily', 2)];
    expect([...images.made.keys()]).toEqual([weekly, ...daily.slice(1)]);
    expect(images.made.get(weekly)?.attributes).toMatchObject({ image_type: 'backup', backup_type: 'weekly' });
    await backup('daily', 0);
    expect([...images.made.keys()]).toEqual([weekly]);
  });
});
