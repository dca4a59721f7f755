import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Body, type NetworkUnderTest, startNetwork } from '#tests/api/network.ts';

let cloud: NetworkUnderTest;
let network: Body;
beforeEach(async () => {
  cloud = await startNetwork();
  network = (await cloud.must(201, 'POST /networks', { network: { name: 'n' } })).network;
});
afterEach(() => cloud.close());

const spec = (extra: Record<string, unknown> = {}) => ({
  subnet: { network_id: network.id, cidr: '10.0.0.0/24', ip_version: 4, ...extra },
});

describe('subnets', () => {
  it.each([
    [{ cidr: '10.0.0.5/24' }, '10.0.0.0/24', '10.0.0.1'],
    [{ gateway_ip: null }, '10.0.0.0/24', null],
    [{ gateway_ip: '10.0.0.254' }, '10.0.0.0/24', '10.0.0.254'],
    [{ cidr: '2001:db8::/64', ip_version: 6 }, '2001:db8::/64', '2001:db8::1'],
    [{ gateway_ip: '192.0.2.1' }, '10.0.0.0/24', '192.0.2.1'],
  ])('of %j are %s with the gateway %s', async (extra, cidr, gateway) => {
    const { subnet } = await cloud.must(201, 'POST /subnets', spec(extra));
    expect([subnet.cidr, subnet.gateway_ip]).toEqual([cidr, gateway]);
  });

  it.each([
    [{ cidr: '10.0.0.0/0' }, 'InvalidInput'],
    [{ cidr: '10.0.0.0/31' }, 'InvalidInput'],
    [{ cidr: '224.0.0.0/24' }, 'InvalidInput'],
    [{ cidr: '2001:db8::/64' }, 'InvalidInput'],
    [{ gateway_ip: '10.0.0.255' }, 'InvalidInput'],
    [{ gateway_ip: '::1' }, 'InvalidInput'],
    [{ ipv6_ra_mode: 'slaac' }, 'InvalidInput'],
    [{ cidr: '2001:db8::/80', ip_version: 6, ipv6_address_mode: 'slaac' }, 'InvalidInput'],
    [
      { cidr: '2001:db8::/64', ip_version: 6, ipv6_address_mode: 'slaac', ipv6_ra_mode: 'dhcpv6-stateful' },
      'InvalidInput',
    ],
    [{ allocation_pools: [{ start: '10.0.0.9', end: '10.0.0.2' }] }, 'InvalidAllocationPool'],
    [{ allocation_pools: [{ start: '10.0.0.9', end: '10.0.1.2' }] }, 'OutOfBoundsAllocationPool'],
    [{ dns_nameservers: Array.from({ length: 6 }, (_, i) => `10.0.0.${i + 2}`) }, 'DNSNameServersExhausted'],
    [{ prefixlen: 24 }, 'BadRequest'],
    [{ cidr: undefined }, 'BadRequest'],
    [{ service_types: ['nothing'] }, 'PolicyNotAuthorized'],
  ])('of %j are refused as %s', async (extra, type) => {
    const answer = await cloud.ask('POST /subnets', spec(extra));
    expect(answer.body.NeutronError?.type).toBe(type);
    expect((await cloud.must(200, 'GET /subnets')).subnets).toEqual([]);
  });

  it('do not overlap in one network', async () => {
    await cloud.must(201, 'POST /subnets', spec());
    expect((await cloud.ask('POST /subnets', spec({ cidr: '10.0.0.128/25' }))).status).toBe(400);
    await cloud.must(201, 'POST /subnets', spec({ cidr: '10.0.1.0/24' }));
  });

  it('have ranges apart from each other and from the gateway', async () => {
    const overlapping = [
      { start: '10.0.0.10', end: '10.0.0.20' },
      { start: '10.0.0.15', end: '10.0.0.30' },
    ];
    const type = async (pools: unknown) =>
      (await cloud.ask('POST /subnets', spec({ allocation_pools: pools }))).body.NeutronError.type;
    expect(await type(overlapping)).toBe('OverlappingAllocationPools');
    expect(await type([{ start: '10.0.0.1', end: '10.0.0.30' }])).toBe('GatewayConflictWithAllocationPools');
  });

  it('change what may change, and keep a gateway that a router has', async () => {
    const { subnet } = await cloud.must(201, 'POST /subnets', spec());
    const change = {
      name: 'x',
      dns_nameservers: ['192.0.2.53'],
      host_routes: [{ destination: '10.9.0.0/16', nexthop: '10.0.0.9' }],
      allocation_pools: [{ start: '10.0.0.100', end: '10.0.0.200' }],
      enable_dhcp: false,
    };
    const { subnet: changed } = await cloud.must(200, `PUT /subnets/${subnet.id}`, { subnet: change });
    expect(changed).toMatchObject({ ...change, revision_number: 1 });
    const { router } = await cloud.must(201, 'POST /routers', { router: {} });
    await cloud.must(200, `PUT /routers/${router.id}/add_router_interface`, { subnet_id: subnet.id });
    const refused = await cloud.ask(`PUT /subnets/${subnet.id}`, { subnet: { gateway_ip: '10.0.0.2' } });
    expect(refused.body.NeutronError.type).toBe('GatewayIpInUse');
    expect((await cloud.ask(`PUT /subnets/${subnet.id}`, { subnet: { cidr: '10.1.0.0/24' } })).status).toBe(400);
    expect((await cloud.ask(`DELETE /subnets/${subnet.id}`)).body.NeutronError.type).toBe('SubnetInUse');
  });

  it('go with their DHCP server’s address, and not while a port needs them', async () => {
    await cloud.addHost('h1');
    const { subnet } = await cloud.must(201, 'POST /subnets', spec());
    const { port } = await cloud.must(201, 'POST /ports', { port: { network_id: network.id } });
    expect((await cloud.ask(`DELETE /subnets/${subnet.id}`)).status).toBe(409);
    await cloud.must(204, `DELETE /ports/${port.id}`);
    await cloud.must(204, `DELETE /subnets/${subnet.id}`);
    expect((await cloud.must(200, 'GET /ports')).ports).toEqual([]);
  });
});

describe('subnet pools', () => {
  const pool = async (extra: Record<string, unknown> = {}, who = 'alice'): Promise<Body> =>
    (
      await cloud.must(
        201,
        'POST /subnetpools',
        { subnetpool: { name: 'p', prefixes: ['10.64.0.0/16'], ...extra } },
        who,
      )
    ).subnetpool;
  const from = (id: string, extra: Record<string, unknown> = {}) =>
    cloud.ask('POST /subnets', { subnet: { network_id: network.id, subnetpool_id: id, ip_version: 4, ...extra } });

  it('give prefixes that do not meet, until they are used up', async () => {
    const { id } = await pool({ prefixes: ['10.64.0.0/25'], default_prefixlen: 26 });
    const cidrs = [(await from(id)).body.subnet.cidr, (await from(id)).body.subnet.cidr];
    expect(cidrs).toEqual(['10.64.0.0/26', '10.64.0.64/26']);
    expect((await from(id)).status).toBe(400);
    expect((await cloud.ask(`DELETE /subnetpools/${id}`)).status).toBe(400);
  });

  it('give a certain prefix, once, and within their bounds', async () => {
    const { id } = await pool({ min_prefixlen: 20, max_prefixlen: 28 });
    expect((await from(id, { cidr: '10.64.8.0/24' })).status).toBe(201);
    expect((await from(id, { cidr: '10.64.8.0/25' })).status).toBe(400);
    expect((await from(id, { cidr: '10.99.0.0/24' })).status).toBe(400);
    expect((await from(id, { prefixlen: 29 })).body.NeutronError.type).toBe('MaxPrefixSubnetAllocationError');
    expect((await from(id, { prefixlen: 19 })).body.NeutronError.type).toBe('MinPrefixSubnetAllocationError');
  });

  it('take more prefixes, and give up only what nobody has', async () => {
    const { id } = await pool({ default_prefixlen: 24 });
    await from(id);
    const added = await cloud.must(200, `PUT /subnetpools/${id}/add_prefixes`, { prefixes: ['10.65.0.0/16'] });
    expect(added.prefixes).toEqual(['10.64.0.0/15']);
    const removed = await cloud.must(200, `PUT /subnetpools/${id}/remove_prefixes`, { prefixes: ['10.65.128.0/17'] });
    expect(removed.prefixes).toEqual(['10.64.0.0/16', '10.65.0.0/17']);
    expect((await cloud.ask(`PUT /subnetpools/${id}/remove_prefixes`, { prefixes: ['10.64.0.0/24'] })).status).toBe(
      400,
    );
  });

  it('of one address scope do not meet', async () => {
    const { address_scope: scope } = await cloud.must(201, 'POST /address-scopes', {
      address_scope: { name: 's', ip_version: 4 },
    });
    const first = await pool({ address_scope_id: scope.id });
    const body = { subnetpool: { name: 'q', prefixes: ['10.64.1.0/24'], address_scope_id: scope.id } };
    expect((await cloud.ask('POST /subnetpools', body)).body.NeutronError.type).toBe('AddressScopePrefixConflict');
    expect((await cloud.ask(`DELETE /address-scopes/${scope.id}`)).status).toBe(409);
    await from(first.id, { prefixlen: 24 });
    expect((await cloud.must(200, `GET /networks/${network.id}`)).network.ipv4_address_scope).toBe(scope.id);
    const { address_scope: renamed } = await cloud.must(200, `PUT /address-scopes/${scope.id}`, {
      address_scope: { name: 't' },
    });
    expect(renamed.name).toBe('t');
    expect((await cloud.must(200, 'GET /address-scopes')).address_scopes).toHaveLength(1);
    await cloud.must(200, `GET /address-scopes/${scope.id}`);
    await cloud.must(200, `PUT /subnetpools/${first.id}`, { subnetpool: { address_scope_id: null, name: 'z' } });
    await cloud.must(204, `DELETE /address-scopes/${scope.id}`);
  });

  it('limit a project to its part', async () => {
    const { id } = await pool({ default_quota: 256, default_prefixlen: 25 });
    expect((await from(id)).status).toBe(201);
    expect((await from(id)).status).toBe(201);
    expect((await from(id)).status).toBe(409);
  });

  it('are seen by others when shared, and one of a version is the default', async () => {
    const shared = await pool({ shared: true, is_default: true }, 'admin');
    expect((await cloud.must(200, 'GET /subnetpools?shared=True')).subnetpools.map((each: Body) => each.id)).toEqual([
      shared.id,
    ]);
    await cloud.must(200, `GET /subnetpools/${shared.id}`);
    const second = { name: 'q', prefixes: ['10.70.0.0/16'], is_default: true };
    expect((await cloud.ask('POST /subnetpools', { subnetpool: second }, 'admin')).status).toBe(400);
    const made = await cloud.must(201, 'POST /subnets', {
      subnet: { network_id: network.id, use_default_subnetpool: true, ip_version: 4, prefixlen: 24 },
    });
    expect(made.subnet.subnetpool_id).toBe(shared.id);
    const own = await pool();
    await cloud.must(204, `DELETE /subnetpools/${own.id}`);
  });
});
