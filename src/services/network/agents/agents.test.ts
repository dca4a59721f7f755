import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HOST_DOWN_MS } from '#protocol/controller.ts';
import { type Body, type NetworkUnderTest, startNetwork } from '#tests/api/network.ts';

let cloud: NetworkUnderTest;
beforeEach(async () => {
  cloud = await startNetwork();
  await cloud.addHost('h1');
  await cloud.addHost('h2');
});
afterEach(() => cloud.close());

async function agents(query = ''): Promise<Body[]> {
  return (await cloud.must(200, `GET /agents${query}`, undefined, 'admin')).agents;
}

describe('agents', () => {
  it('are four for each host, alive while it reports, and nobody’s but administrators’', async () => {
    expect((await agents()).map((each) => each.agent_type)).toHaveLength(8);
    expect(await agents('?agent_type=L3+agent&alive=True')).toHaveLength(2);
    expect((await cloud.must(200, 'GET /agents')).agents).toEqual([]);
    const [first] = await agents('?host=host-h1');
    expect((await cloud.ask(`GET /agents/${first?.id}`)).status).toBe(404);
    await cloud.clock.advance(HOST_DOWN_MS);
    expect(await agents('?alive=True')).toEqual([]);
    for (const each of await agents('?host=host-h1')) await cloud.ask(`DELETE /agents/${each.id}`, undefined, 'admin');
    expect(await agents('?host=host-h1')).toEqual([]);
  });

  it('that are turned off get nothing new', async () => {
    const [dhcp] = await agents('?host=host-h1&binary=neutron-dhcp-agent');
    const { agent } = await cloud.must(200, `PUT /agents/${dhcp?.id}`, { agent: { admin_state_up: false } }, 'admin');
    expect(agent.admin_state_up).toBe(false);
    for (const cidr of ['10.0.0.0/24', '10.1.0.0/24']) {
      const { network } = await cloud.must(201, 'POST /networks', { network: {} });
      await cloud.must(201, 'POST /subnets', { subnet: { network_id: network.id, cidr, ip_version: 4 } });
      const serving = await cloud.must(200, `GET /networks/${network.id}/dhcp-agents`, undefined, 'admin');
      expect(serving.agents.map((each: Body) => each.host)).toEqual(['host-h2']);
    }
  });

  it('take over DHCP servers and routers when an administrator says so', async () => {
    const { network } = await cloud.must(201, 'POST /networks', { network: {} });
    const { subnet } = await cloud.must(201, 'POST /subnets', {
      subnet: { network_id: network.id, cidr: '10.0.0.0/24', ip_version: 4 },
    });
    const { router } = await cloud.must(201, 'POST /routers', { router: {} });
    await cloud.must(200, `PUT /routers/${router.id}/add_router_interface`, { subnet_id: subnet.id });
    const by = async (path: string) => (await cloud.must(200, path, undefined, 'admin')).agents[0];
    const first = await by(`GET /networks/${network.id}/dhcp-agents`);
    const other = first.host === 'host-h1' ? 'host-h2' : 'host-h1';
    const [target] = await agents(`?host=${other}&binary=neutron-dhcp-agent`);
    await cloud.must(201, `POST /agents/${target?.id}/dhcp-networks`, { network_id: network.id }, 'admin');
    expect((await by(`GET /networks/${network.id}/dhcp-agents`)).host).toBe(other);
    expect(
      (await cloud.ask(`POST /agents/${target?.id}/dhcp-networks`, { network_id: network.id }, 'admin')).status,
    ).toBe(409);
    expect(
      (await cloud.must(200, `GET /agents/${target?.id}/dhcp-networks`, undefined, 'admin')).networks,
    ).toHaveLength(1);
    await cloud.must(204, `DELETE /agents/${target?.id}/dhcp-networks/${network.id}`, undefined, 'admin');
    const l3 = await by(`GET /routers/${router.id}/l3-agents`);
    expect((await cloud.must(200, `GET /agents/${l3.id}/l3-routers`, undefined, 'admin')).routers).toHaveLength(1);
    await cloud.must(204, `DELETE /agents/${l3.id}/l3-routers/${router.id}`, undefined, 'admin');
    const [next] = (await agents('?binary=neutron-l3-agent')).filter((each) => each.id !== l3.id);
    await cloud.must(201, `POST /agents/${next?.id}/l3-routers`, { router_id: router.id }, 'admin');
    expect((await by(`GET /routers/${router.id}/l3-agents`)).id).toBe(next?.id);
    expect((await cloud.ask(`GET /networks/${network.id}/dhcp-agents`)).status).toBe(403);
  });
});

describe('what else can be read', () => {
  it('zones, providers and how many addresses are used', async () => {
    const { network } = await cloud.must(201, 'POST /networks', { network: {} });
    await cloud.must(201, 'POST /subnets', { subnet: { network_id: network.id, cidr: '10.0.0.0/24', ip_version: 4 } });
    expect((await cloud.must(200, 'GET /availability_zones')).availability_zones).toHaveLength(2);
    expect((await cloud.must(200, 'GET /service-providers')).service_providers).toHaveLength(1);
    const all = await cloud.must(200, 'GET /network-ip-availabilities', undefined, 'admin');
    expect(all.network_ip_availabilities).toMatchObject([{ network_id: network.id, total_ips: 253, used_ips: 1 }]);
    await cloud.must(200, `GET /network-ip-availabilities/${network.id}`, undefined, 'admin');
    expect((await cloud.ask(`GET /network-ip-availabilities/${network.id}`)).status).toBe(404);
    expect((await cloud.must(200, 'GET /v2.0/')).resources.length).toBeGreaterThan(4);
  });
});
