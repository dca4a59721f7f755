import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Body, contextOf, type NetworkUnderTest, startNetwork } from '#tests/api/network.ts';

const ALICE = contextOf('alice');
const PORT = '11111111-1111-1111-1111-111111111111';
let cloud: NetworkUnderTest;
beforeEach(async () => {
  cloud = await startNetwork();
  await cloud.addHost('h1');
});
afterEach(() => cloud.close());

async function makeNetwork(who = 'alice', extra: Record<string, unknown> = {}): Promise<Body> {
  const { network } = await cloud.must(201, 'POST /networks', { network: { name: 'n', ...extra } }, who);
  await cloud.must(
    201,
    'POST /subnets',
    { subnet: { network_id: network.id, cidr: '10.0.0.0/24', ip_version: 4 } },
    who,
  );
  return network;
}

const resolve = (requested: Parameters<typeof cloud.service.resolveServerNetworks>[1], count = 1) =>
  cloud.service.resolveServerNetworks(ALICE, requested, { count });

describe('the networks of a new server', () => {
  it('are none when none is wanted, and the only one when none is named', async () => {
    expect(await resolve('none')).toEqual([]);
    expect(await resolve([])).toEqual([]);
    const network = await makeNetwork();
    expect(await resolve([])).toMatchObject([{ networkId: network.id, portId: null }]);
    await makeNetwork();
    await expect(resolve([])).rejects.toMatchObject({ status: 409, type: 'NetworkAmbiguous' });
  });

  it('are made for a project that has none and asks for any', async () => {
    const external = await makeNetwork('admin', { 'router:external': true, is_default: true });
    await expect(resolve('auto')).rejects.toMatchObject({ status: 409 });
    const pool = { name: 'p', prefixes: ['10.64.0.0/16'], default_prefixlen: 26, is_default: true, shared: true };
    await cloud.must(201, 'POST /subnetpools', { subnetpool: pool }, 'admin');
    const [made] = await resolve('auto');
    expect(made?.networkId).not.toBe(external.id);
    expect(await resolve('auto')).toMatchObject([{ networkId: made?.networkId }]);
    expect((await cloud.must(200, 'GET /subnets')).subnets[0].cidr).toBe('10.64.0.0/26');
    await cloud.must(204, 'DELETE /auto-allocated-topology/project-alice');
    expect((await cloud.must(200, 'GET /routers')).routers).toEqual([]);
  });

  it('must exist, be open to the project and have a subnet', async () => {
    const foreign = await makeNetwork('bob');
    const { network: empty } = await cloud.must(201, 'POST /networks', { network: { name: 'e' } });
    const external = await makeNetwork('admin', { 'router:external': true });
    await expect(resolve([{ networkId: foreign.id }])).rejects.toMatchObject({ status: 400, type: 'NetworkNotFound' });
    await expect(resolve([{ networkId: empty.id }])).rejects.toMatchObject({
      status: 400,
      type: 'NetworkRequiresSubnet',
    });
    await expect(resolve([{ networkId: external.id }])).rejects.toMatchObject({ status: 403 });
  });

  it('must not ask for an address that is taken or a port in use', async () => {
    const network = await makeNetwork();
    const { port } = await cloud.must(201, 'POST /ports', {
      port: { network_id: network.id, fixed_ips: [{ ip_address: '10.0.0.9' }] },
    });
    await expect(resolve([{ networkId: network.id, fixedIp: '10.0.0.9' }])).rejects.toMatchObject({ status: 400 });
    await expect(resolve([{ networkId: network.id, fixedIp: '10.9.0.9' }])).rejects.toMatchObject({ status: 400 });
    expect(await resolve([{ portId: port.id, tag: 'a' }])).toEqual([
      { networkId: network.id, portId: port.id, fixedIp: null, tag: 'a' },
    ]);
    await cloud.must(200, `PUT /ports/${port.id}`, { port: { device_id: 'other' } });
    await expect(resolve([{ portId: port.id }])).rejects.toMatchObject({ status: 409, type: 'PortInUse' });
  });

  it('must fit into the quota of ports', async () => {
    const network = await makeNetwork();
    await cloud.must(200, 'PUT /quotas/project-alice', { quota: { port: 3 } }, 'admin');
    await expect(resolve([{ networkId: network.id }], 2)).resolves.toHaveLength(1);
    await expect(resolve([{ networkId: network.id }], 4)).rejects.toMatchObject({ status: 403 });
  });
});

describe('a server’s ports', () => {
  const spec = (networkId: string, extra: Record<string, unknown> = {}) => ({
    portId: PORT,
    networkId,
    securityGroupIds: [],
    serverId: 's1',
    hostId: 'h1',
    zone: 'nova',
    isUserPort: false,
    ...extra,
  });

  it('are made once, however often compute asks', async () => {
    const network = await makeNetwork();
    await cloud.service.ensureServerPort(ALICE, spec(network.id, { fixedIp: '10.0.0.50' }));
    const before = await cloud.revision('h1');
    await cloud.service.ensureServerPort(ALICE, spec(network.id, { fixedIp: '10.0.0.50' }));
    expect(await cloud.revision('h1')).toBe(before);
    const listed = (await cloud.service.listServerPorts(cloud.db, ['s1', 's2'])).get('s1');
    expect(listed).toMatchObject([
      {
        portId: PORT,
        networkName: 'n',
        mtu: 1450,
        isUserPort: false,
        fixedIps: [{ address: '10.0.0.50', cidr: '10.0.0.0/24', gateway: '10.0.0.1', isDhcp: true }],
        securityGroups: [{ name: 'default' }],
      },
    ]);
    const { port } = await cloud.must(200, `GET /ports/${PORT}`, undefined, 'admin');
    expect([port.device_owner, port['binding:host_id'], port['binding:vif_type']]).toEqual([
      'compute:nova',
      'host-h1',
      'bridge',
    ]);
  });

  it('go with the server, but a user’s port stays and is free again', async () => {
    const network = await makeNetwork();
    const { port } = await cloud.must(201, 'POST /ports', { port: { network_id: network.id } });
    await cloud.service.ensureServerPort(ALICE, spec(network.id));
    await cloud.service.ensureServerPort(ALICE, spec(network.id, { portId: port.id, isUserPort: true }));
    await expect(
      cloud.service.ensureServerPort(ALICE, spec(network.id, { portId: port.id, isUserPort: true, serverId: 's2' })),
    ).rejects.toMatchObject({ status: 409 });
    await cloud.service.releaseServerPorts('s1');
    await cloud.service.releaseServerPorts('s1');
    expect((await cloud.ask(`GET /ports/${PORT}`)).status).toBe(404);
    const { port: free } = await cloud.must(200, `GET /ports/${port.id}`);
    expect([free.device_id, free.device_owner, free.status]).toEqual(['', '', 'DOWN']);
  });

  it('follow the server to another host', async () => {
    await cloud.addHost('h2');
    const network = await makeNetwork();
    await cloud.service.ensureServerPort(ALICE, spec(network.id));
    await cloud.service.bindServerPorts('s1', 'h2');
    expect((await cloud.service.desiredNetworks('h1')).ports).toEqual([]);
    expect((await cloud.service.desiredNetworks('h2')).ports.map(({ id }) => id)).toEqual([PORT]);
  });

  it('find groups by name and id, and refuse what is not there or not clear', async () => {
    const { security_group: web } = await cloud.must(201, 'POST /security-groups', { security_group: { name: 'web' } });
    expect(await cloud.service.findSecurityGroups(ALICE, ['web', web.id])).toEqual([web.id]);
    expect(await cloud.service.findSecurityGroups(ALICE, ['default'])).toHaveLength(1);
    await expect(cloud.service.findSecurityGroups(ALICE, ['none'])).rejects.toMatchObject({ status: 400 });
    await cloud.must(201, 'POST /security-groups', { security_group: { name: 'web' } });
    await expect(cloud.service.findSecurityGroups(ALICE, ['web'])).rejects.toMatchObject({ status: 409 });
  });
});
