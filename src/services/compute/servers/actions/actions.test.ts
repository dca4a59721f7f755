import { afterEach, describe, expect, it } from 'vitest';
import { seededRandom } from '#kernel/random.ts';
import { IMAGE, NETWORK } from '#tests/api/compute-peers.ts';
import { HOST, type ServersUnderTest, startServers } from '#tests/api/servers.ts';

let cloud: ServersUnderTest;
afterEach(() => cloud.close());

async function active(more: Record<string, unknown> = {}): Promise<string> {
  cloud = await startServers();
  await cloud.beat();
  const { body } = await cloud.create(more);
  await cloud.pass();
  return body.server.id;
}

const act = (id: string, body: unknown, how: Record<string, unknown> = {}) =>
  cloud.ask(`POST /v2.1/servers/${id}/action`, { as: 'member', body, ...how });
const status = async (id: string): Promise<string> => (await cloud.show(id)).status;

describe('power actions', () => {
  it('take a server through its states and back', async () => {
    const id = await active();
    const steps: [unknown, string, string, number][] = [
      [{ 'os-stop': null }, 'powering-off', 'SHUTOFF', 4],
      [{ 'os-start': null }, 'powering-on', 'ACTIVE', 1],
      [{ pause: null }, 'pausing', 'PAUSED', 3],
      [{ unpause: null }, 'unpausing', 'ACTIVE', 1],
      [{ suspend: null }, 'suspending', 'SUSPENDED', 4],
      [{ resume: null }, 'resuming', 'ACTIVE', 1],
      [{ reboot: { type: 'SOFT' } }, 'rebooting', 'ACTIVE', 1],
      [{ reboot: { type: 'HARD' } }, 'rebooting_hard', 'ACTIVE', 1],
    ];
    for (const [body, taskState, after, power] of steps) {
      const answer = await act(id, body);
      expect([body, answer.status, answer.text]).toEqual([body, 202, '']);
      expect((await cloud.show(id))['OS-EXT-STS:task_state']).toBe(taskState);
      // A report from before the host has seen the request changes nothing.
      await cloud.service.reportGuests(HOST, { revision: 0, guests: [], strangers: [] });
      await cloud.pass();
      const server = await cloud.show(id);
      expect([body, server.status, server['OS-EXT-STS:power_state']]).toEqual([body, after, power]);
    }
    const { body } = await cloud.ask(`GET /v2.1/servers/${id}`, { as: 'member' });
    expect(body.server['OS-EXT-STS:task_state']).toBeNull();
  });

  it("are refused with nova's sentence in the wrong state", async () => {
    const id = await active();
    const refused = await act(id, { 'os-start': null });
    expect([refused.status, refused.body.conflictingRequest.message]).toEqual([
      409,
      `Cannot 'os-start' instance ${id} while it is in vm_state active`,
    ]);
    await act(id, { 'os-stop': null });
    expect((await act(id, { 'os-stop': null })).body.conflictingRequest.message).toBe(
      `Cannot 'os-stop' instance ${id} while it is in task_state powering-off`,
    );
  });

  it('bring a server that stopped by itself up again', async () => {
    const id = await active();
    await cloud.pass(HOST, (guest) => ({ ...guest, power: 'crashed' }));
    expect(await status(id)).toBe('SHUTOFF');
    await act(id, { 'os-start': null });
    await cloud.pass();
    expect(await status(id)).toBe('ACTIVE');
  });

  it('end in error when the host cannot do them, and leave by a reboot', async () => {
    const id = await active();
    await act(id, { reboot: { type: 'HARD' } });
    await cloud.pass(HOST, (guest) => ({
      ...guest,
      power: 'stopped',
      rebootSerial: 0,
      problem: { code: 'guest.start', message: 'secret', attempts: 4 },
    }));
    expect((await cloud.show(id, 'member')).fault.message).toContain('the host could not start it');
    expect((await act(id, { reboot: { type: 'HARD' } })).status).toBe(202);
    await cloud.pass();
    expect(await status(id)).toBe('ACTIVE');
  });

  it('keep every state reachable and every answer below 500 in any order', async () => {
    const id = await active();
    const random = seededRandom(3);
    const bodies = ['os-start', 'os-stop', 'pause', 'unpause', 'suspend', 'resume', 'lock', 'unlock'].map((name) => ({
      [name]: null,
    }));
    const all: Record<string, unknown>[] = [
      ...bodies,
      { reboot: { type: 'HARD' } },
      { reboot: { type: 'SOFT' } },
      { rebuild: { imageRef: IMAGE } },
    ];
    for (let i = 0; i < 150; i++) {
      const answer = await act(id, all[random.below(all.length)], { as: 'admin' });
      expect([202, 409]).toContain(answer.status);
      if (random.below(3) === 0)
        await cloud.pass(HOST, (guest) => (random.below(4) === 0 ? { ...guest, power: 'stopped' } : guest));
    }
    await cloud.pass();
    await act(id, { reboot: { type: 'HARD' } }, { as: 'admin' });
    await cloud.pass();
    const server = await cloud.show(id);
    expect(server['OS-EXT-STS:task_state']).toBeNull();
    await cloud.ask(`DELETE /v2.1/servers/${id}`, { as: 'admin' });
    await cloud.settle();
    await cloud.pass();
    expect(cloud.networks.ports.size).toBe(0);
    expect(await cloud.placement.usageOf(cloud.db as never, HOST)).toMatchObject({ VCPU: 0 });
  });
});

describe('other actions', () => {
  it('lock a server against everybody but administrators', async () => {
    const id = await active();
    expect((await act(id, { lock: { locked_reason: 'mine' } })).status).toBe(202);
    expect(await cloud.show(id)).toMatchObject({ locked: true, locked_reason: 'mine' });
    expect((await act(id, { 'os-stop': null })).status).toBe(409);
    expect((await cloud.ask(`DELETE /v2.1/servers/${id}`, { as: 'member' })).status).toBe(409);
    await act(id, { unlock: null });
    expect(await cloud.show(id)).toMatchObject({ locked: false, locked_reason: null });
    expect((await act(id, { 'os-stop': null })).status).toBe(202);
  });

  it('rebuild makes the disks anew and keeps the ports', async () => {
    const id = await active();
    const before = [...cloud.networks.ports.keys()];
    const answer = await act(id, { rebuild: { imageRef: IMAGE, name: 'new', metadata: { x: 'y' } } });
    expect([answer.status, answer.body.server.status, answer.body.server.name]).toEqual([202, 'REBUILD', 'new']);
    expect(answer.body.server.adminPass).toHaveLength(12);
    await cloud.pass();
    expect(await cloud.show(id)).toMatchObject({ status: 'ACTIVE', name: 'new', metadata: { x: 'y' } });
    expect([...cloud.networks.ports.keys()]).toEqual(before);
    expect((await cloud.service.desiredGuests(HOST)).guests[0]?.disks[0]?.generation).toBe(1);
    expect(await cloud.placement.usageOf(cloud.db as never, HOST)).toMatchObject({ VCPU: 1, MEMORY_MB: 512 });
  });

  it('reset the state only for administrators', async () => {
    const id = await active();
    expect((await act(id, { 'os-resetState': { state: 'error' } })).status).toBe(403);
    expect((await act(id, { 'os-resetState': { state: 'error' } }, { as: 'admin' })).status).toBe(202);
    expect(await status(id)).toBe('ERROR');
    expect((await act(id, { 'os-resetState': { state: 'gone' } }, { as: 'admin' })).status).toBe(400);
  });

  it('that are none, or wrong, are answered with 4xx', async () => {
    const id = await active();
    for (const body of [
      {},
      { nothing: null },
      { reboot: {} },
      { reboot: { type: 'X' } },
      { a: 1, b: 2 },
      { rebuild: {} },
      { rebuild: { imageRef: IMAGE, personality: [{ path: '/a', contents: 'eA==' }] } },
      { lock: { x: 1 } },
      [],
      'x',
    ])
      expect([body, (await act(id, body)).status]).toEqual([body, 400]);
    expect((await act('99999999-9999-4999-8999-999999999999', { 'os-stop': null })).status).toBe(404);
    expect((await act(id, { 'os-stop': null }, { as: 'reader' })).status).toBe(403);
    expect((await act(id, { 'os-stop': null }, { as: 'stranger' })).status).toBe(404);
  });
});

describe('a resize', () => {
  const bigger = async (): Promise<void> => {
    await cloud.ask('POST /v2.1/flavors', {
      as: 'admin',
      body: { flavor: { name: 'big', id: '2', ram: 1024, vcpus: 2, disk: 2 } },
    });
  };

  it('is confirmed, and the claim is then what the new flavor needs', async () => {
    const id = await active();
    await bigger();
    expect((await act(id, { resize: { flavorRef: '1' } })).body.badRequest.message).toBe(
      'When resizing, instances must change flavor!',
    );
    expect((await act(id, { resize: { flavorRef: '2' } })).status).toBe(202);
    expect(await status(id)).toBe('RESIZE');
    await cloud.settle();
    await cloud.pass();
    expect(await cloud.show(id)).toMatchObject({ status: 'VERIFY_RESIZE', flavor: { original_name: 'big' } });
    expect((await cloud.service.desiredGuests(HOST)).guests[0]).toMatchObject({ vcpus: 2, memoryMib: 1024 });
    expect((await act(id, { confirmResize: null })).status).toBe(204);
    await cloud.settle();
    expect(await cloud.show(id)).toMatchObject({ status: 'ACTIVE', flavor: { original_name: 'big' } });
    expect(await cloud.placement.usageOf(cloud.db as never, HOST)).toEqual({ VCPU: 2, MEMORY_MB: 1024, DISK_GB: 2 });
  });

  it('is still open when the guest stops by itself, and its end finds the server stopped or brings it up', async () => {
    const id = await active();
    await bigger();
    const resizeAndStop = async (flavorRef: string): Promise<void> => {
      await act(id, { resize: { flavorRef } });
      await cloud.settle();
      await cloud.pass();
      await cloud.pass(HOST, (guest) => ({ ...guest, power: 'stopped' }));
      expect(await cloud.show(id)).toMatchObject({ status: 'VERIFY_RESIZE', 'OS-EXT-STS:power_state': 4 });
      expect((await cloud.service.desiredGuests(HOST)).guests[0]?.power).toBe('stopped');
    };
    await resizeAndStop('2');
    expect((await act(id, { revertResize: null })).status).toBe(202);
    await cloud.pass();
    expect(await cloud.show(id)).toMatchObject({ status: 'ACTIVE', flavor: { original_name: 'tiny' } });
    await cloud.settle();
    await resizeAndStop('2');
    expect((await act(id, { confirmResize: null })).status).toBe(204);
    expect(await cloud.show(id)).toMatchObject({ status: 'SHUTOFF', flavor: { original_name: 'big' } });
  });

  it('is reverted, and everything is as before', async () => {
    const id = await active();
    await bigger();
    await act(id, { 'os-stop': null });
    await cloud.pass();
    await act(id, { resize: { flavorRef: '2' } });
    await cloud.settle();
    expect(await status(id)).toBe('VERIFY_RESIZE');
    expect((await act(id, { revertResize: null })).status).toBe(202);
    await cloud.settle();
    expect(await cloud.show(id)).toMatchObject({ status: 'SHUTOFF', flavor: { original_name: 'tiny' } });
    expect(await cloud.placement.usageOf(cloud.db as never, HOST)).toEqual({ VCPU: 1, MEMORY_MB: 512, DISK_GB: 1 });
  });

  it('that the host has no room for leaves the server as it was', async () => {
    const id = await active();
    await cloud.ask('POST /v2.1/flavors', {
      as: 'admin',
      body: { flavor: { name: 'huge', id: '9', ram: 512, vcpus: 1, disk: 5000 } },
    });
    await act(id, { resize: { flavorRef: '9' } });
    await cloud.settle();
    expect(await cloud.show(id)).toMatchObject({ status: 'ACTIVE', flavor: { original_name: 'tiny' } });
    expect(await cloud.placement.usageOf(cloud.db as never, HOST)).toEqual({ VCPU: 1, MEMORY_MB: 512, DISK_GB: 1 });
    const { body } = await cloud.ask(`GET /v2.1/servers/${id}/os-instance-actions`, { as: 'member' });
    expect(body.instanceActions[0]).toMatchObject({ action: 'resize', message: 'Error' });
  });
});

describe('an interface', () => {
  it('is plugged in, listed, and given back once the guest has let go of it', async () => {
    const id = await active();
    const path = `/v2.1/servers/${id}/os-interface`;
    const asMember = { as: 'member' } as const;
    const { status: code, body } = await cloud.ask(`POST ${path}`, {
      ...asMember,
      body: { interfaceAttachment: { net_id: NETWORK, tag: 'nic' } },
    });
    expect([code, body.interfaceAttachment.tag]).toEqual([200, 'nic']);
    const portId = body.interfaceAttachment.port_id;
    expect((await cloud.ask(`GET ${path}`, asMember)).body.interfaceAttachments).toHaveLength(2);
    expect((await cloud.ask(`GET ${path}/${portId}`, asMember)).body.interfaceAttachment.port_id).toBe(portId);
    expect((await cloud.service.desiredGuests(HOST)).guests[0]?.interfaces).toHaveLength(2);
    await cloud.pass();
    expect((await cloud.ask(`DELETE ${path}/${portId}`, asMember)).status).toBe(202);
    expect((await cloud.ask(`DELETE ${path}/${portId}`, asMember)).status).toBe(404);
    expect(cloud.networks.ports.size).toBe(2);
    await cloud.pass(HOST, (guest) => ({ ...guest, portIds: [...guest.portIds, portId] }));
    expect(cloud.networks.ports.size).toBe(2);
    await cloud.pass();
    expect(cloud.networks.ports.size).toBe(1);
  });

  it('that cannot be made leaves nothing', async () => {
    const id = await active();
    cloud.networks.failing = true;
    const answer = await cloud.ask(`POST /v2.1/servers/${id}/os-interface`, {
      as: 'member',
      body: { interfaceAttachment: {} },
    });
    expect(answer.status).toBe(400);
    expect(cloud.networks.ports.size).toBe(1);
    expect((await cloud.service.desiredGuests(HOST)).guests[0]?.interfaces).toHaveLength(1);
  });
});

describe('metadata and tags', () => {
  it('change, and the guest is told', async () => {
    const id = await active({ metadata: { a: '1' } });
    const path = `/v2.1/servers/${id}/metadata`;
    const asMember = { as: 'member' } as const;
    expect((await cloud.ask(`POST ${path}`, { ...asMember, body: { metadata: { b: '2' } } })).body).toEqual({
      metadata: { a: '1', b: '2' },
    });
    expect((await cloud.ask(`GET ${path}/b`, asMember)).body).toEqual({ meta: { b: '2' } });
    expect((await cloud.ask(`PUT ${path}/b`, { ...asMember, body: { meta: { c: '3' } } })).status).toBe(400);
    expect((await cloud.ask(`PUT ${path}/b`, { ...asMember, body: { meta: { b: '3' } } })).body).toEqual({
      meta: { b: '3' },
    });
    expect((await cloud.ask(`DELETE ${path}/a`, asMember)).status).toBe(204);
    expect((await cloud.ask(`DELETE ${path}/a`, asMember)).status).toBe(404);
    expect((await cloud.service.desiredGuests(HOST)).guests[0]?.metadata.meta).toEqual({ b: '3' });
    const many = Object.fromEntries(Array.from({ length: 129 }, (_, i) => [`k${i}`, 'v']));
    expect((await cloud.ask(`PUT ${path}`, { ...asMember, body: { metadata: many } })).status).toBe(403);
  });

  it('of tags are a set', async () => {
    const id = await active();
    const path = `/v2.1/servers/${id}/tags`;
    const asMember = { as: 'member' } as const;
    expect((await cloud.ask(`PUT ${path}/one`, asMember)).status).toBe(201);
    expect((await cloud.ask(`PUT ${path}/one`, asMember)).status).toBe(204);
    expect((await cloud.ask(`GET ${path}/one`, asMember)).status).toBe(204);
    expect((await cloud.ask(`GET ${path}/two`, asMember)).status).toBe(404);
    expect((await cloud.ask(`PUT ${path}`, { ...asMember, body: { tags: ['b', 'a', 'b'] } })).body).toEqual({
      tags: ['a', 'b'],
    });
    expect((await cloud.ask(`DELETE ${path}`, asMember)).status).toBe(204);
    expect((await cloud.ask(`GET ${path}`, asMember)).body).toEqual({ tags: [] });
  });
});
