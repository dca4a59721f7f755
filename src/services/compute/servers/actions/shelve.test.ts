import { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { type FakeImages, fakeImages } from '#tests/api/compute-peers.ts';
import { HOST, OTHER_HOST, type ServersUnderTest, startServers } from '#tests/api/servers.ts';

let cloud: ServersUnderTest;
let images: FakeImages;
afterEach(() => cloud.close());

async function active(): Promise<string> {
  images = fakeImages();
  cloud = await startServers({ image: images });
  await cloud.beat();
  const { body } = await cloud.create();
  await cloud.pass();
  return body.server.id;
}

const act = (id: string, body: unknown, how: Record<string, unknown> = {}) =>
  cloud.ask(`POST /v2.1/servers/${id}/action`, { as: 'member', body, ...how });
const states = async (id: string): Promise<unknown[]> => {
  const server = await cloud.show(id);
  return [server.status, server['OS-EXT-STS:task_state'], server['OS-EXT-SRV-ATTR:host']];
};
const guestAt = async (host = HOST) => (await cloud.service.desiredGuests(host)).guests[0];
const usage = (host = HOST) => cloud.placement.usageOf(cloud.db as never, host);

/** The host stops the guest, copies its disk and uploads it. */
async function upload(id: string): Promise<string> {
  const imageId = (await guestAt())?.snapshots?.[0]?.imageId ?? '';
  expect([id, imageId]).not.toContain('');
  await cloud.service.takeSnapshot(HOST, imageId, Readable.from([Buffer.from('disk')]));
  await cloud.settle();
  return imageId;
}

async function offloaded(): Promise<{ id: string; imageId: string }> {
  const id = await active();
  expect((await act(id, { shelve: null })).status).toBe(202);
  const imageId = await upload(id);
  await cloud.pass();
  expect(await states(id)).toEqual(['SHELVED_OFFLOADED', null, null]);
  return { id, imageId };
}

describe('a shelved server', () => {
  it('is an image without a host, keeps its ports and addresses, and gives its claim back', async () => {
    const id = await active();
    const { addresses } = await cloud.show(id);
    expect((await act(id, { shelve: null })).status).toBe(202);
    expect([await states(id), (await guestAt())?.power]).toEqual([['ACTIVE', 'shelving', 'host-1'], 'stopped']);
    const imageId = await upload(id);
    expect(images.made.get(imageId)).toMatchObject({ status: 'active', attributes: { name: 'web-shelved' } });
    expect(await states(id)).toEqual(['SHELVED', 'shelving_offloading', 'host-1']);
    expect((await act(id, { unshelve: null })).status).toBe(409);
    await cloud.pass();
    expect(await states(id)).toEqual(['SHELVED_OFFLOADED', null, null]);
    expect([await guestAt(), await usage()]).toMatchObject([undefined, { VCPU: 0 }]);
    expect([...cloud.networks.ports.values()]).toMatchObject([{ hostId: '' }]);
    expect((await cloud.show(id)).addresses).toEqual(addresses);
    for (const body of [
      { 'os-start': null },
      { reboot: { type: 'HARD' } },
      { createImage: { name: 'x' } },
      { shelve: null },
    ])
      expect([body, (await act(id, body)).status]).toEqual([body, 409]);
    expect((await act(id, { shelveOffload: null })).status).toBe(403);
    expect((await act(id, { shelveOffload: null }, { as: 'admin' })).status).toBe(409);
  });

  it('comes back from its image, which is then deleted', async () => {
    const { id, imageId } = await offloaded();
    expect((await act(id, { unshelve: null })).status).toBe(202);
    await cloud.settle();
    expect([await states(id), images.made.has(imageId)]).toEqual([['SHELVED_OFFLOADED', 'unshelving', 'host-1'], true]);
    expect((await guestAt())?.disks[0]?.source).toMatchObject({ imageId });
    await cloud.pass();
    await cloud.settle();
    expect([await states(id), images.made.has(imageId)]).toEqual([['ACTIVE', null, 'host-1'], false]);
    expect([...cloud.networks.ports.values()]).toMatchObject([{ hostId: HOST }]);
    expect(await usage()).toMatchObject({ VCPU: 1 });
    // The disk stays what it was made from, until a rebuild.
    expect((await guestAt())?.disks[0]?.source).toMatchObject({ imageId });
    const { image } = await cloud.show(id);
    await act(id, { rebuild: { imageRef: image.id } });
    expect((await guestAt())?.disks[0]?.source).toMatchObject({ imageId: image.id });
  });

  it('comes back where an administrator says, and in the zone that is asked for', async () => {
    const { id } = await offloaded();
    await cloud.beat(OTHER_HOST, 'host-2');
    const admin = { as: 'admin' } as const;
    expect((await act(id, { unshelve: { host: 'host-2' } })).status).toBe(403);
    expect((await act(id, { unshelve: { host: 'host-9' } }, admin)).status).toBe(400);
    expect((await act(id, { unshelve: { availability_zone: 'no-such' } })).status).toBe(400);
    expect((await act(id, { unshelve: { availability_zone: 'nova', x: 1 } })).status).toBe(400);
    expect((await act(id, { unshelve: {} }, { version: '2.77' })).status).toBe(400);
    expect((await act(id, { unshelve: { host: 'host-2' } }, { ...admin, version: '2.77' })).status).toBe(400);
    expect((await act(id, { unshelve: { host: 'host-2', availability_zone: 'nova' } }, admin)).status).toBe(202);
    await cloud.settle();
    await cloud.pass(OTHER_HOST);
    expect(await states(id)).toEqual(['ACTIVE', null, 'host-2']);
  });

  it('stays shelved when no host has room, and when its host cannot start it', async () => {
    const { id, imageId } = await offloaded();
    await cloud.beat(HOST, 'host-1', { memoryMib: 600 });
    await act(id, { unshelve: null });
    await cloud.settle();
    expect([await states(id), images.made.has(imageId)]).toEqual([['SHELVED_OFFLOADED', null, null], true]);
    await cloud.beat();
    await act(id, { unshelve: null });
    await cloud.settle();
    await cloud.pass(HOST, (guest) => ({
      ...guest,
      power: 'absent',
      powerSerial: 0,
      problem: { code: 'guest.start', message: 'secret', attempts: 4 },
    }));
    await cloud.pass();
    expect([await states(id), images.made.has(imageId)]).toEqual([['SHELVED_OFFLOADED', null, null], true]);
    expect(await usage()).toMatchObject({ VCPU: 0 });
    await act(id, { unshelve: null });
    await cloud.settle();
    await cloud.pass();
    expect(await states(id)).toEqual(['ACTIVE', null, 'host-1']);
  });

  it('is deleted with its image and ports', async () => {
    const { id } = await offloaded();
    await cloud.ask(`DELETE /v2.1/servers/${id}`, { as: 'member' });
    await cloud.settle();
    expect([images.made.size, cloud.networks.ports.size]).toEqual([0, 0]);
    expect(await cloud.db.selectFrom('server_snapshots').selectAll().execute()).toEqual([]);
    expect((await cloud.ask(`GET /v2.1/servers/${id}`, { as: 'member' })).status).toBe(404);
  });

  it('that could not be copied is off, and as it was otherwise', async () => {
    const id = await active();
    await act(id, { shelve: null });
    const imageId = (await guestAt())?.snapshots?.[0]?.imageId ?? '';
    images.made.delete(imageId);
    await expect(cloud.service.takeSnapshot(HOST, imageId, Readable.from([]))).rejects.toMatchObject({ status: 404 });
    await cloud.settle();
    expect(await states(id)).toEqual(['SHUTOFF', null, 'host-1']);
    await act(id, { 'os-start': null });
    await cloud.pass();
    expect(await states(id)).toEqual(['ACTIVE', null, 'host-1']);
  });
});
