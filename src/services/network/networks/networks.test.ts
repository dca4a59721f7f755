import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Body, type NetworkUnderTest, startNetwork } from '#tests/api/network.ts';

let cloud: NetworkUnderTest;
beforeEach(async () => {
  cloud = await startNetwork({
    vniRanges: [[100, 119]],
    vlanRanges: { physnet1: [[10, 12]] },
    flatNetworks: ['physnet1'],
  });
});
afterEach(() => cloud.close());

const make = (network: Record<string, unknown>, who = 'alice') => cloud.ask('POST /networks', { network }, who);
const provider = (type: string, physical?: string, id?: number) => ({
  'provider:network_type': type,
  ...(physical === undefined ? {} : { 'provider:physical_network': physical }),
  ...(id === undefined ? {} : { 'provider:segmentation_id': id }),
});

describe('networks', () => {
  it('never share a segment, however many are made at once, until none is left', async () => {
    const answers = await Promise.all(Array.from({ length: 22 }, () => make({}, 'admin')));
    const made = answers.filter(({ status }) => status === 201);
    expect(new Set(made.map(({ body }) => body.network['provider:segmentation_id'])).size).toBe(20);
    expect(answers.filter(({ status }) => status === 503)).toHaveLength(2);
    await cloud.must(204, `DELETE /networks/${made[0]?.body.network.id}`, undefined, 'admin');
    expect((await make({})).status).toBe(201);
  });

  it.each([
    [provider('flat', 'physnet1'), 201],
    [provider('flat'), 400],
    [provider('flat', 'other'), 400],
    [provider('flat', 'physnet1', 5), 400],
    [provider('vlan', 'physnet1', 200), 201],
    [provider('vlan', 'physnet1'), 201],
    [provider('vlan'), 201],
    [provider('vlan', 'physnet1', 4095), 400],
    [provider('vlan', undefined, 5), 400],
    [provider('vlan', 'other', 5), 400],
    [provider('vxlan', undefined, 70_000), 201],
    [provider('vxlan', 'physnet1'), 400],
    [provider('local'), 201],
    [provider('local', undefined, 1), 400],
    [{ 'provider:segmentation_id': 5 }, 400],
    [provider('geneve'), 400],
  ])('of an administrator with %j answer %i', async (network, status) => {
    expect((await make(network, 'admin')).status).toBe(status);
  });

  it('do not take what is in use, and projects do not choose', async () => {
    for (const [network, type] of [
      [provider('flat', 'physnet1'), 'FlatNetworkInUse'],
      [provider('vlan', 'physnet1', 200), 'VlanIdInUse'],
      [provider('vxlan', undefined, 7), 'TunnelIdInUse'],
    ] as const) {
      expect((await make(network, 'admin')).status).toBe(201);
      expect((await make(network, 'admin')).body.NeutronError.type).toBe(type);
      expect((await make(network)).status).toBe(403);
    }
  });

  it.each([
    [{ mtu: 1451 }, 400],
    [{ mtu: 67 }, 400],
    [{ mtu: 1300 }, 201],
    [{ availability_zone_hints: ['mars'] }, 404],
    [{ dns_domain: 'bad_domain.' }, 400],
    [{ status: 'ACTIVE' }, 400],
    [{ colour: 'red' }, 400],
    [{ name: 'x'.repeat(256) }, 400],
    [{ admin_state_up: 'FALSE' }, 201],
    [{ admin_state_up: 'no' }, 400],
    [{ tenant_id: 'project-bob' }, 400],
    [{ shared: true }, 403],
  ])('with %j answer %i', async (network, status) => {
    const answer = await make(network);
    expect(answer.status).toBe(status);
    if ('admin_state_up' in network && status === 201) expect(answer.body.network.admin_state_up).toBe(false);
  });

  it('say in neutron’s words what a body lacks', async () => {
    const message = async (body: unknown) => (await cloud.ask('POST /networks', body)).body.NeutronError.message;
    expect(await message({})).toBe('Resource body required');
    expect(await message({ net: {} })).toBe("Unable to find 'network' in request body");
    expect(await message({ networks: [] })).toBe('Resources required');
    expect(await message({ network: { colour: 1 } })).toBe("Unrecognized attribute(s) 'colour'");
    expect(await message('{')).toBe('Malformed request body: cannot understand JSON.');
    const missing = await cloud.ask('POST /ports', { port: {} });
    expect(missing.body.NeutronError).toEqual({
      type: 'HTTPBadRequest',
      message: "Failed to parse request. Required attribute 'network_id' not specified",
      detail: '',
    });
  });

  it('are shared with certain projects, all of them, or nobody', async () => {
    const { body } = await make({ name: 'n' });
    const { id } = body.network;
    const sees = async (who: string) => (await cloud.ask(`GET /networks/${id}`, undefined, who)).status === 200;
    expect(await sees('bob')).toBe(false);
    const policy = { object_type: 'network', object_id: id, action: 'access_as_shared', target_tenant: 'project-bob' };
    const { rbac_policy: rbac } = await cloud.must(201, 'POST /rbac-policies', { rbac_policy: policy });
    expect([await sees('bob'), await sees('carol')]).toEqual([true, false]);
    expect((await cloud.ask('POST /rbac-policies', { rbac_policy: policy })).body.NeutronError.type).toBe(
      'DuplicateRbacPolicy',
    );
    expect((await cloud.ask('POST /rbac-policies', { rbac_policy: { ...policy, target_tenant: '*' } })).status).toBe(
      403,
    );
    expect(
      (await cloud.ask('POST /rbac-policies', { rbac_policy: { ...policy, target_tenant: 'project-eve' } }, 'eve'))
        .status,
    ).toBe(404);
    const { port } = await cloud.must(201, 'POST /ports', { port: { network_id: id } }, 'bob');
    expect((await cloud.ask(`DELETE /rbac-policies/${rbac.id}`)).status).toBe(409);
    await cloud.must(200, `PUT /rbac-policies/${rbac.id}`, { rbac_policy: { target_tenant: 'project-bob' } });
    await cloud.must(204, `DELETE /ports/${port.id}`);
    await cloud.must(200, `PUT /rbac-policies/${rbac.id}`, { rbac_policy: { target_tenant: 'project-carol' } });
    expect([await sees('bob'), await sees('carol')]).toEqual([false, true]);
    await cloud.must(200, `GET /rbac-policies/${rbac.id}`);
    expect((await cloud.must(200, 'GET /rbac-policies')).rbac_policies).toHaveLength(1);
    await cloud.must(200, `PUT /networks/${id}`, { network: { shared: true } }, 'admin');
    expect(await sees('dave')).toBe(true);
    await cloud.must(200, `PUT /networks/${id}`, { network: { shared: false } }, 'admin');
    expect([await sees('dave'), await sees('carol')]).toEqual([false, true]);
  });

  it('are only read by readers', async () => {
    const { body } = await make({ name: 'n' });
    const reader = 'alice:reader';
    await cloud.must(200, 'GET /networks', undefined, reader);
    expect((await make({}, reader)).status).toBe(403);
    expect((await cloud.ask(`DELETE /networks/${body.network.id}`, undefined, reader)).status).toBe(403);
  });

  it('are not deleted while a port is on them', async () => {
    const { body } = await make({ name: 'n' });
    const { port } = await cloud.must(201, 'POST /ports', { port: { network_id: body.network.id } });
    const answer = await cloud.ask(`DELETE /networks/${body.network.id}`);
    expect([answer.status, answer.body.NeutronError.type]).toEqual([409, 'NetworkInUse']);
    await cloud.must(204, `DELETE /ports/${port.id}`);
    await cloud.must(204, `DELETE /networks/${body.network.id}`);
    const gone = await cloud.ask(`GET /networks/${body.network.id}`);
    expect(gone.body.NeutronError.message).toBe(`Network ${body.network.id} could not be found.`);
  });
});

describe('tags', () => {
  it('are replaced, added, looked for and taken away, and networks are listed by them', async () => {
    const ids: string[] = [];
    for (const tags of [['red'], ['red', 'blue'], []]) {
      const { id } = (await make({ name: 'n' })).body.network;
      ids.push(id);
      expect((await cloud.must(200, `PUT /networks/${id}/tags`, { tags })).tags).toEqual(tags.toSorted());
    }
    const [a, b, c] = ids;
    const listed = async (query: string) =>
      (await cloud.must(200, `GET /networks?${query}`)).networks
        .map((each: Body) => ids.indexOf(each.id))
        .toSorted((x: number, y: number) => x - y);
    expect(await listed('tags=red,blue')).toEqual([1]);
    expect(await listed('tags-any=red,blue')).toEqual([0, 1]);
    expect(await listed('not-tags=red,blue')).toEqual([0, 2]);
    expect(await listed('not-tags-any=red,blue')).toEqual([2]);
    await cloud.must(201, `PUT /networks/${c}/tags/green`);
    await cloud.must(204, `GET /networks/${c}/tags/green`);
    expect((await cloud.ask(`GET /networks/${c}/tags/red`)).body.NeutronError.type).toBe('TagNotFound');
    await cloud.must(204, `DELETE /networks/${b}/tags/red`);
    expect((await cloud.must(200, `GET /networks/${b}/tags`)).tags).toEqual(['blue']);
    await cloud.must(204, `DELETE /networks/${a}/tags`);
    expect((await cloud.ask(`DELETE /networks/${a}/tags/red`)).status).toBe(404);
    expect((await cloud.ask(`PUT /networks/${a}/tags`, { tags: ['x'.repeat(61)] })).status).toBe(400);
  });
});

describe('quotas', () => {
  it('are the project’s own, the default ones otherwise, and told with what is used', async () => {
    await make({});
    expect((await cloud.must(200, 'GET /quotas/project-alice')).quota.network).toBe(100);
    await cloud.must(200, 'PUT /quotas/project-alice', { quota: { network: 1 } }, 'admin');
    expect((await make({})).body.NeutronError.type).toBe('OverQuota');
    const { quota } = await cloud.must(200, 'GET /quotas/project-alice/details.json');
    expect(quota.network).toEqual({ limit: 1, used: 1, reserved: 0 });
    expect((await cloud.must(200, 'GET /quotas/project-alice/default')).quota.network).toBe(100);
    expect((await cloud.must(200, 'GET /quotas', undefined, 'admin')).quotas).toMatchObject([
      { project_id: 'project-alice', network: 1 },
    ]);
    await cloud.must(204, 'DELETE /quotas/project-alice', undefined, 'admin');
    expect((await cloud.ask('DELETE /quotas/project-alice', undefined, 'admin')).status).toBe(404);
    expect((await make({})).status).toBe(201);
  });

  it('of others are an administrator’s business, and numbers', async () => {
    expect((await cloud.ask('GET /quotas/project-bob')).status).toBe(403);
    expect((await cloud.ask('PUT /quotas/project-alice', { quota: { network: 1 } })).status).toBe(403);
    for (const quota of [{ network: -2 }, { network: 'many' }, { colour: 1 }, { network: 2 ** 31 }])
      expect((await cloud.ask('PUT /quotas/project-alice', { quota }, 'admin')).status).toBe(400);
  });
});
