import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type NetworkUnderTest, startNetwork } from '#tests/api/network.ts';

let cloud: NetworkUnderTest;
beforeEach(async () => {
  cloud = await startNetwork();
});
afterEach(() => cloud.close());

describe('the service', () => {
  it('lists its version and extensions', async () => {
    const { versions } = await cloud.must(200, 'GET /', undefined, 'nobody');
    expect(versions).toEqual([
      { id: 'v2.0', status: 'CURRENT', links: [{ rel: 'self', href: 'http://cloud.example:9696/v2.0/' }] },
    ]);
    const { extensions } = await cloud.must(200, 'GET /extensions');
    expect(extensions.map((each: { alias: string }) => each.alias)).toContain('router');
    expect((await cloud.ask('GET /extensions/none')).body.NeutronError.type).toBe('ExtensionsNotFound');
  });

  it('makes a network with a subnet, a port, a router and a floating IP, and takes them away again', async () => {
    await cloud.addHost('h1');
    const external = await cloud.must(
      201,
      'POST /networks',
      {
        network: {
          name: 'public',
          'router:external': true,
          'provider:network_type': 'flat',
          'provider:physical_network': 'physnet1',
        },
      },
      'admin',
    );
    await cloud.must(
      201,
      'POST /subnets',
      { subnet: { network_id: external.network.id, cidr: '203.0.113.0/24', ip_version: 4, enable_dhcp: false } },
      'admin',
    );
    const { network } = await cloud.must(201, 'POST /networks', { network: { name: 'private' } });
    expect(network.mtu).toBe(1450);
    expect(network).not.toHaveProperty('provider:network_type');
    const { subnet } = await cloud.must(201, 'POST /subnets', {
      subnet: { network_id: network.id, cidr: '10.0.0.0/24', ip_version: 4 },
    });
    expect(subnet.gateway_ip).toBe('10.0.0.1');
    expect(subnet.allocation_pools).toEqual([{ start: '10.0.0.2', end: '10.0.0.254' }]);
    const { port } = await cloud.must(201, 'POST /ports', { port: { network_id: network.id } });
    expect(port.fixed_ips).toHaveLength(1);
    expect(port.security_groups).toHaveLength(1);
    const { router } = await cloud.must(201, 'POST /routers', {
      router: { name: 'r', external_gateway_info: { network_id: external.network.id } },
    });
    expect(router.external_gateway_info.external_fixed_ips).toHaveLength(1);
    const added = await cloud.must(200, `PUT /routers/${router.id}/add_router_interface`, { subnet_id: subnet.id });
    expect(added.subnet_id).toBe(subnet.id);
    const { floatingip } = await cloud.must(201, 'POST /floatingips', {
      floatingip: { floating_network_id: external.network.id, port_id: port.id },
    });
    expect(floatingip.router_id).toBe(router.id);
    const desired = await cloud.service.desiredNetworks('h1');
    expect(desired.routers[0]?.floatingIps).toHaveLength(1);
    expect(new Set(desired.networks.map((each) => each.id))).toEqual(new Set([network.id, external.network.id]));
    expect(
      (await cloud.ask(`PUT /routers/${router.id}/remove_router_interface`, { subnet_id: subnet.id })).status,
    ).toBe(409);
    await cloud.must(204, `DELETE /floatingips/${floatingip.id}`);
    await cloud.must(200, `PUT /routers/${router.id}/remove_router_interface`, { subnet_id: subnet.id });
    await cloud.must(204, `DELETE /routers/${router.id}`);
    await cloud.must(204, `DELETE /ports/${port.id}`);
    await cloud.must(204, `DELETE /networks/${network.id}`);
    const left = await cloud.service.desiredNetworks('h1');
    expect([left.networks, left.routers]).toEqual([[], []]);
  });
});
