import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Body, type NetworkUnderTest, startNetwork } from '#tests/api/network.ts';

let cloud: NetworkUnderTest;
let external: Body;
beforeEach(async () => {
  cloud = await startNetwork();
  external = (await cloud.must(201, 'POST /networks', { network: { 'router:external': true } }, 'admin')).network;
  await subnet(external.id, '203.0.113.0/24', 'admin', { enable_dhcp: false });
});
afterEach(() => cloud.close());

async function subnet(
  networkId: string,
  cidr: string,
  who = 'alice',
  extra: Record<string, unknown> = {},
): Promise<Body> {
  const body = { subnet: { network_id: networkId, cidr, ip_version: cidr.includes(':') ? 6 : 4, ...extra } };
  return (await cloud.must(201, 'POST /subnets', body, who)).subnet;
}

async function network(cidr: string, who = 'alice'): Promise<{ network: Body; subnet: Body }> {
  const made = (await cloud.must(201, 'POST /networks', { network: { name: 'n' } }, who)).network;
  return { network: made, subnet: await subnet(made.id, cidr, who) };
}

const router = async (extra: Record<string, unknown> = {}, who = 'alice'): Promise<Body> =>
  (await cloud.must(201, 'POST /routers', { router: { name: 'r', ...extra } }, who)).router;
const join = (id: string, body: Record<string, unknown>, who = 'alice') =>
  cloud.ask(`PUT /routers/${id}/add_router_interface`, body, who);
const leave = (id: string, body: Record<string, unknown>) =>
  cloud.ask(`PUT /routers/${id}/remove_router_interface`, body);

describe('routers', () => {
  it('join each subnet once, and none that overlaps', async () => {
    const { id } = await router();
    const first = await network('10.0.0.0/24');
    const second = await network('10.0.0.128/25');
    expect((await join(id, { subnet_id: first.subnet.id })).status).toBe(200);
    expect((await join(id, { subnet_id: first.subnet.id })).status).toBe(400);
    expect((await join(id, { subnet_id: second.subnet.id })).status).toBe(400);
    expect((await cloud.ask(`DELETE /routers/${id}`)).body.NeutronError.type).toBe('RouterInUse');
  });

  it('join by a port that is free, and give it up when they leave', async () => {
    const { id } = await router();
    const { network: own } = await network('10.0.0.0/24');
    const { port } = await cloud.must(201, 'POST /ports', {
      port: { network_id: own.id, fixed_ips: [{ ip_address: '10.0.0.9' }] },
    });
    const joined = await join(id, { port_id: port.id });
    expect(joined.body).toMatchObject({ id, port_id: port.id, network_id: own.id });
    const shown = (await cloud.must(200, `GET /ports/${port.id}`)).port;
    expect([shown.device_id, shown.device_owner, shown.security_groups]).toEqual([id, 'network:router_interface', []]);
    expect((await join((await router()).id, { port_id: port.id })).body.NeutronError.type).toBe('PortInUse');
    expect((await leave(id, { port_id: port.id })).status).toBe(200);
    expect((await cloud.ask(`GET /ports/${port.id}`)).status).toBe(404);
  });

  it.each([
    [{}, 400],
    [{ subnet_id: 'x' }, 400],
    [{ subnet_id: '00000000-0000-0000-0000-000000000000' }, 404],
    [{ port_id: '00000000-0000-0000-0000-000000000000' }, 404],
  ])('refuse the interface %j with %i', async (body, status) => {
    expect((await join((await router()).id, body)).status).toBe(status);
  });

  it('are somebody’s own', async () => {
    const { id } = await router({}, 'bob');
    const { subnet: own } = await network('10.0.0.0/24');
    expect((await join(id, { subnet_id: own.id })).status).toBe(404);
    expect((await cloud.ask(`GET /routers/${id}`)).status).toBe(404);
    expect((await join(id, { subnet_id: own.id }, 'bob')).status).toBe(404);
  });

  it('put IPv6 subnets of one network on one port', async () => {
    const { id } = await router();
    const { network: own, subnet: v4 } = await network('10.0.0.0/24');
    const [a, b] = [await subnet(own.id, '2001:db8:1::/64'), await subnet(own.id, '2001:db8:2::/64')];
    await join(id, { subnet_id: v4.id });
    const first = (await join(id, { subnet_id: a.id })).body;
    const second = (await join(id, { subnet_id: b.id })).body;
    expect(second.port_id).toBe(first.port_id);
    expect((await leave(id, { subnet_id: a.id })).status).toBe(200);
    expect((await cloud.must(200, `GET /ports/${first.port_id}`)).port.fixed_ips).toHaveLength(1);
  });

  it('have a gateway on an external network only, which administrators may shape', async () => {
    const { network: own } = await network('10.0.0.0/24');
    const { id } = await router();
    const set = (info: unknown, who = 'alice') =>
      cloud.ask(`PUT /routers/${id}`, { router: { external_gateway_info: info } }, who);
    expect((await set({ network_id: own.id })).status).toBe(400);
    expect((await set({ network_id: external.id, enable_snat: false })).status).toBe(403);
    const shaped = {
      network_id: external.id,
      enable_snat: false,
      external_fixed_ips: [{ ip_address: '203.0.113.77' }],
    };
    const { body } = await set(shaped, 'admin');
    expect(body.router.external_gateway_info).toMatchObject({
      enable_snat: false,
      external_fixed_ips: [{ ip_address: '203.0.113.77' }],
    });
    expect(
      (await set({ network_id: external.id, external_fixed_ips: [{ ip_address: '203.0.113.1' }] }, 'admin')).status,
    ).toBe(400);
    expect(
      (await cloud.ask(`PUT /networks/${external.id}`, { network: { 'router:external': false } }, 'admin')).status,
    ).toBe(409);
    expect((await set(null)).body.router.external_gateway_info).toBeNull();
    await cloud.must(204, `DELETE /routers/${id}`);
  });

  it('route through neighbours only, and keep an interface that a route needs', async () => {
    const { id } = await router();
    const { subnet: own } = await network('10.0.0.0/24');
    await join(id, { subnet_id: own.id });
    const route = { destination: '10.9.0.0/16', nexthop: '10.0.0.9' };
    const put = (routes: unknown) => cloud.ask(`PUT /routers/${id}`, { router: { routes } });
    expect((await put([{ ...route, nexthop: '10.7.0.1' }])).body.NeutronError.type).toBe('InvalidRoutes');
    expect((await put([{ ...route, nexthop: '10.0.0.1' }])).status).toBe(400);
    expect((await put([route])).body.router.routes).toEqual([route]);
    expect((await leave(id, { subnet_id: own.id })).body.NeutronError.type).toBe('RouterInterfaceInUseByRoute');
    const other = { destination: '10.8.0.0/16', nexthop: '10.0.0.8' };
    const added = await cloud.must(200, `PUT /routers/${id}/add_extraroutes`, { router: { routes: [other, route] } });
    expect(added.router.routes).toEqual([route, other]);
    await cloud.must(200, `PUT /routers/${id}/remove_extraroutes`, { router: { routes: [other, route] } });
    expect((await leave(id, { subnet_id: own.id })).status).toBe(200);
  });
});

describe('floating IPs', () => {
  async function joined(cidr = '10.0.0.0/24'): Promise<{ network: Body; subnet: Body; router: Body }> {
    const made = await network(cidr);
    const own = await router({ external_gateway_info: { network_id: external.id } });
    await join(own.id, { subnet_id: made.subnet.id });
    return { ...made, router: own };
  }
  const take = (extra: Record<string, unknown> = {}, who = 'alice') =>
    cloud.ask('POST /floatingips', { floatingip: { floating_network_id: external.id, ...extra } }, who);

  it('need a router on the way to the port', async () => {
    const { network: own } = await network('10.0.0.0/24');
    const { port } = await cloud.must(201, 'POST /ports', { port: { network_id: own.id } });
    const answer = await take({ port_id: port.id });
    expect([answer.status, answer.body.NeutronError.type]).toEqual([404, 'ExternalGatewayForFloatingIPNotFound']);
    expect((await cloud.must(200, 'GET /floatingips')).floatingips).toEqual([]);
  });

  it('lead to one address, go from port to port, and one address has one of a network', async () => {
    const { network: own } = await joined();
    const ports = await Promise.all(
      [1, 2].map(async () => (await cloud.must(201, 'POST /ports', { port: { network_id: own.id } })).port),
    );
    const [a, b] = [(await take()).body.floatingip, (await take()).body.floatingip];
    const lead = (id: string, portId: string | null) =>
      cloud.ask(`PUT /floatingips/${id}`, { floatingip: { port_id: portId } });
    expect((await lead(a.id, ports[0].id)).body.floatingip.fixed_ip_address).toBe(ports[0].fixed_ips[0].ip_address);
    expect((await lead(b.id, ports[0].id)).body.NeutronError.type).toBe('FloatingIPPortAlreadyAssociated');
    expect((await lead(a.id, ports[1].id)).status).toBe(200);
    expect((await lead(b.id, ports[0].id)).status).toBe(200);
    const kept = await cloud.must(200, `PUT /floatingips/${a.id}`, { floatingip: { description: 'x' } });
    expect(kept.floatingip).toMatchObject({
      description: 'x',
      port_id: ports[1].id,
      port_details: { network_id: own.id },
    });
    expect((await lead(a.id, null)).body.floatingip).toMatchObject({ port_id: null, router_id: null, status: 'DOWN' });
    await cloud.must(200, `GET /floatingips/${a.id}`);
    expect((await cloud.must(200, `GET /floatingips?port_id=${ports[0].id}`)).floatingips).toHaveLength(1);
    expect((await cloud.must(200, 'GET /floatingip_pools')).floatingip_pools).toMatchObject([
      { cidr: '203.0.113.0/24' },
    ]);
    const unread = await cloud.must(200, 'GET /floatingip_pools', undefined, 'alice:guest');
    expect(unread.floatingip_pools).toEqual([]);
    await cloud.must(204, `DELETE /floatingips/${a.id}`);
  });

  it('ask which address is meant when a port has several', async () => {
    const { network: own } = await joined();
    const wanted = { fixed_ips: [{ ip_address: '10.0.0.20' }, { ip_address: '10.0.0.21' }] };
    const { port } = await cloud.must(201, 'POST /ports', { port: { network_id: own.id, ...wanted } });
    expect((await take({ port_id: port.id })).status).toBe(400);
    expect((await take({ port_id: port.id, fixed_ip_address: '10.0.0.9' })).status).toBe(400);
    expect((await take({ fixed_ip_address: '10.0.0.20' })).status).toBe(400);
    const made = await take({ port_id: port.id, fixed_ip_address: '10.0.0.21' });
    expect(made.body.floatingip.fixed_ip_address).toBe('10.0.0.21');
    const change = { fixed_ips: [{ ip_address: '10.0.0.20' }] };
    expect((await cloud.ask(`PUT /ports/${port.id}`, { port: change })).status).toBe(400);
  });

  it('are chosen by administrators only, and come from external networks only', async () => {
    expect((await take({ floating_ip_address: '203.0.113.50' })).status).toBe(403);
    const chosen = await take({ floating_ip_address: '203.0.113.50' }, 'admin');
    expect(chosen.body.floatingip.floating_ip_address).toBe('203.0.113.50');
    expect((await take({ floating_ip_address: '203.0.113.50' }, 'admin')).status).toBe(409);
    const { network: own } = await network('10.0.0.0/24');
    expect((await take({ floating_network_id: own.id })).status).toBe(400);
  });

  it('hold the gateway and the interface that they need', async () => {
    const { network: own, subnet: inner, router: via } = await joined();
    const { port } = await cloud.must(201, 'POST /ports', { port: { network_id: own.id } });
    await take({ port_id: port.id });
    expect((await leave(via.id, { subnet_id: inner.id })).body.NeutronError.type).toBe(
      'RouterInterfaceInUseByFloatingIP',
    );
    const cleared = await cloud.ask(`PUT /routers/${via.id}`, { router: { external_gateway_info: {} } });
    expect(cleared.body.NeutronError.type).toBe('RouterExternalGatewayInUseByFloatingIp');
    await cloud.must(204, `DELETE /ports/${port.id}`);
    expect((await leave(via.id, { subnet_id: inner.id })).status).toBe(200);
  });
});
