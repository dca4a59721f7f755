/** What compute did for other services before they had clients of their own, through the whole cloud. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CloudUnderTest, startCloud } from '../support/cloud.ts';
import { makeSurroundings, type Surroundings, serverBody, untilStatus } from '../support/openstack.ts';

let cloud: CloudUnderTest;
let around: Surroundings;
let server: string;
beforeAll(async () => {
  cloud = await startCloud();
  around = await makeSurroundings(cloud);
  const external = { network: { name: 'public', 'router:external': true } };
  const { network } = (await cloud.get('network', 'POST /v2.0/networks', { body: external })).body;
  await cloud.get('network', 'POST /v2.0/subnets', {
    body: { subnet: { network_id: network.id, ip_version: 4, cidr: '203.0.113.0/24', enable_dhcp: false } },
  });
  const { router } = (
    await cloud.get('network', 'POST /v2.0/routers', {
      body: { router: { name: 'r', external_gateway_info: { network_id: network.id } } },
    })
  ).body;
  await cloud.get('network', `PUT /v2.0/routers/${router.id}/add_router_interface`, {
    body: { subnet_id: around.subnetId },
  });
  const made = await cloud.ask('compute', 'POST /v2.1/servers', { body: serverBody(around, 'web') });
  server = made.body.server.id;
  await untilStatus(cloud, server, 'ACTIVE');
}, 60_000);
afterAll(() => cloud.stop());

const ask = (line: string, body?: object, version = '2.35') => {
  const [method, path] = line.split(' ');
  return cloud.ask('compute', `${method} /v2.1${path}`, { version, ...(body === undefined ? {} : { body }) });
};
const act = (action: object, version = '2.1') => ask(`POST /servers/${server}/action`, action, version);

describe('security groups', () => {
  it('are made, given rules, put on a server and taken off again', async () => {
    const made = await ask('POST /os-security-groups', { security_group: { name: 'web', description: 'd' } });
    expect([made.status, made.body.security_group]).toMatchObject([200, { name: 'web', rules: [] }]);
    const { id } = made.body.security_group;
    const rule = { parent_group_id: id, ip_protocol: 'tcp', from_port: '80', to_port: 80, cidr: '10.0.0.0/8' };
    const added = await ask('POST /os-security-group-rules', { security_group_rule: rule });
    expect([added.status, added.body.security_group_rule]).toMatchObject([
      200,
      { ip_protocol: 'tcp', from_port: 80, to_port: 80, ip_range: { cidr: '10.0.0.0/8' }, group: {} },
    ]);
    expect((await ask('POST /os-security-group-rules', { security_group_rule: rule })).status).toBe(400);
    expect((await ask(`GET /os-security-groups/${id}`)).body.security_group.rules).toHaveLength(1);

    expect((await act({ addSecurityGroup: { name: 'web' } })).status).toBe(202);
    const names = async () =>
      (await ask(`GET /servers/${server}/os-security-groups`)).body.security_groups.map(
        (group: { name: string }) => group.name,
      );
    expect(await names()).toEqual(['default', 'web']);
    expect((await ask(`DELETE /os-security-groups/${id}`)).status).toBe(400);
    expect((await act({ removeSecurityGroup: { name: 'web' } })).status).toBe(202);
    expect(await names()).toEqual(['default']);
    expect((await act({ removeSecurityGroup: { name: 'web' } })).status).toBe(404);
    expect((await act({ addSecurityGroup: { name: 'nothing' } })).status).toBe(404);

    const ruleId = added.body.security_group_rule.id;
    expect((await ask(`DELETE /os-security-group-rules/${ruleId}`)).status).toBe(202);
    expect((await ask(`DELETE /os-security-groups/${id}`)).status).toBe(202);
    expect((await ask(`GET /os-security-groups/${id}`)).status).toBe(404);
  });

  it.each([
    [{ ip_protocol: 'tcp', from_port: 80, to_port: 79 }, 'Former value cannot be greater than the later'],
    [{ ip_protocol: 'tcp', from_port: 0, to_port: 79 }, 'Valid TCP ports should be between 1-65535'],
    [{ ip_protocol: 'icmp', from_port: 256, to_port: 0 }, 'the type:code must be valid'],
    [{ ip_protocol: 'gre', from_port: 1, to_port: 2 }, 'Invalid IP protocol gre.'],
    [{ ip_protocol: 'tcp', from_port: 'x', to_port: 2 }, 'To and From ports must be integers'],
    [{ ip_protocol: 'tcp' }, 'Not enough parameters to build a valid rule.'],
    [{ ip_protocol: 'tcp', from_port: 1, to_port: 2, cidr: '10.0.0.0/99' }, 'Invalid cidr'],
    [{ ip_protocol: 'tcp', from_port: 1, to_port: 2, cidr: '10.0.0.0/0' }, 'Bad prefix for network in cidr'],
    [{ ip_protocol: 'tcp', from_port: 1, to_port: 2, group_id: 'x' }, 'Security group id should be uuid'],
  ])('take no bad rule: %j', async (rule, sentence) => {
    const [group] = (await ask('GET /os-security-groups')).body.security_groups;
    const { status, body } = await ask('POST /os-security-group-rules', {
      security_group_rule: { parent_group_id: group.id, ...rule },
    });
    expect([status, body.badRequest.message]).toEqual([400, expect.stringContaining(sentence)]);
  });

  it('went to the network service with 2.36', async () => {
    expect((await ask('GET /os-security-groups', undefined, '2.36')).status).toBe(404);
  });
});

describe('floating IPs', () => {
  it('are taken from a pool, given to a server and given back', async () => {
    expect((await ask('GET /os-floating-ip-pools')).body.floating_ip_pools).toEqual([{ name: 'public' }]);
    const made = await ask('POST /os-floating-ips', { pool: 'public' });
    expect([made.status, made.body.floating_ip]).toMatchObject([200, { pool: 'public', instance_id: null }]);
    const { id, ip: address } = made.body.floating_ip;
    expect((await act({ addFloatingIp: { address } })).status).toBe(202);
    expect((await ask(`GET /os-floating-ips/${id}`)).body.floating_ip).toMatchObject({
      instance_id: server,
      fixed_ip: expect.stringMatching(/^10\.20\./),
    });
    expect((await act({ removeFloatingIp: { address } })).status).toBe(202);
    expect((await act({ removeFloatingIp: { address } })).status).toBe(409);
    expect((await act({ addFloatingIp: { address: '203.0.113.250' } })).status).toBe(404);
    expect((await act({ addFloatingIp: { address, fixed_address: '192.0.2.1' } })).status).toBe(400);
    expect((await ask('GET /os-floating-ips')).body.floating_ips).toHaveLength(1);
    expect((await ask(`DELETE /os-floating-ips/${id}`)).status).toBe(202);
    expect((await ask(`GET /os-floating-ips/${id}`)).status).toBe(404);
    expect((await ask('POST /os-floating-ips', { pool: 'nothing' })).status).toBe(404);
  });
});

describe('networks', () => {
  it('show their id and label, and nothing else that means anything', async () => {
    const { networks } = (await ask('GET /os-networks')).body;
    expect(networks).toContainEqual(expect.objectContaining({ id: around.networkId, label: 'private', cidr: null }));
    expect((await ask(`GET /os-tenant-networks/${around.networkId}`)).body.network).toEqual({
      id: around.networkId,
      label: 'private',
      cidr: 'None',
    });
    expect((await ask('GET /os-networks/nothing')).status).toBe(404);
    expect((await ask('POST /os-networks', {})).status).toBe(410);
  });
});

describe('images', () => {
  it('are listed, filtered and shown', async () => {
    const list = await ask('GET /images/detail?name=tiny&status=ACTIVE');
    expect(list.body.images).toMatchObject([
      { id: around.imageId, name: 'tiny', status: 'ACTIVE', progress: 100, 'OS-EXT-IMG-SIZE:size': 524_288 },
    ]);
    expect((await ask('GET /images?name=other')).body.images).toEqual([]);
    expect((await ask(`GET /images/${around.imageId}`)).body.image.links).toHaveLength(3);
    expect((await ask('GET /images/nothing')).status).toBe(404);
    expect((await ask('GET /images', undefined, '2.36')).status).toBe(404);
  });

  it('have metadata that is set, merged, replaced and deleted', async () => {
    const path = `/images/${around.imageId}/metadata`;
    expect((await ask(`PUT ${path}`, { metadata: { a: '1', b: '2' } })).body.metadata).toEqual({ a: '1', b: '2' });
    expect((await ask(`POST ${path}`, { metadata: { b: '3', 'c~/d': '4' } })).status).toBe(400);
    expect((await ask(`POST ${path}`, { metadata: { b: '3' } })).body.metadata).toEqual({ a: '1', b: '3' });
    expect((await ask(`PUT ${path}/a`, { meta: { a: '5' } })).body.meta).toEqual({ a: '5' });
    expect((await ask(`PUT ${path}/a`, { meta: { b: '5' } })).status).toBe(400);
    expect((await ask(`GET ${path}/a`)).body.meta).toEqual({ a: '5' });
    expect((await ask(`DELETE ${path}/a`)).status).toBe(204);
    expect((await ask(`DELETE ${path}/a`)).status).toBe(404);
    expect((await ask(`GET ${path}`, undefined, '2.38')).body.metadata).toEqual({ b: '3' });
    expect((await ask(`GET ${path}`, undefined, '2.39')).status).toBe(404);
  });
});

describe('events of other services', () => {
  it('are taken for servers that are there and have a host', async () => {
    const event = { name: 'network-changed', server_uuid: server };
    const good = await ask('POST /os-server-external-events', { events: [event] }, '2.93');
    expect([good.status, good.body.events]).toEqual([200, [{ ...event, status: 'completed', code: 200 }]]);
    const mixed = await ask('POST /os-server-external-events', {
      events: [event, { name: 'network-changed', server_uuid: around.imageId }],
    });
    expect([mixed.status, mixed.body.events.map(({ code }: { code: number }) => code)]).toEqual([207, [200, 404]]);
    const early = { events: [{ name: 'volume-extended', server_uuid: server, tag: 'x' }] };
    expect((await ask('POST /os-server-external-events', early, '2.50')).status).toBe(400);
    expect((await ask('POST /os-server-external-events', early, '2.51')).status).toBe(200);
  });
});

describe('consoles of before 2.6', () => {
  it('are server actions', async () => {
    const { status, body } = await act({ 'os-getVNCConsole': { type: 'novnc' } });
    expect([status, body.console]).toMatchObject([
      200,
      { type: 'novnc', url: expect.stringContaining('vnc_lite.html') },
    ]);
    expect((await act({ 'os-getSPICEConsole': { type: 'spice-html5' } })).status).toBe(400);
    expect((await act({ 'os-getVNCConsole': { type: 'novnc' } }, '2.6')).status).toBe(400);
  });
});
