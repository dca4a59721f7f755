import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HOST_DOWN_MS } from '#protocol/controller.ts';
import { type Body, contextOf, type NetworkUnderTest, startNetwork } from '#tests/api/network.ts';

let cloud: NetworkUnderTest;
beforeEach(async () => {
  cloud = await startNetwork();
});
afterEach(() => cloud.close());

async function makeNetwork(cidr = '10.0.0.0/24'): Promise<{ network: Body; subnet: Body }> {
  const { network } = await cloud.must(201, 'POST /networks', { network: { name: 'n' } });
  const { subnet } = await cloud.must(201, 'POST /subnets', {
    subnet: { network_id: network.id, cidr, ip_version: 4 },
  });
  return { network, subnet };
}

let ports = 0;
async function boot(
  networkId: string,
  hostId: string,
  serverId: string,
  securityGroupIds: string[] = [],
): Promise<string> {
  const portId = `00000000-0000-0000-0000-${String(++ports).padStart(12, '0')}`;
  await cloud.service.ensureServerPort(contextOf('alice'), {
    portId,
    networkId,
    securityGroupIds,
    serverId,
    hostId,
    zone: 'nova',
    isUserPort: false,
  });
  return portId;
}

/** The hosts that `work` woke. */
async function woken(hosts: readonly string[], work: () => Promise<unknown>): Promise<string[]> {
  const before = await Promise.all(hosts.map((host) => cloud.revision(host)));
  await work();
  const after = await Promise.all(hosts.map((host) => cloud.revision(host)));
  return hosts.filter((_, i) => after[i] !== before[i]);
}

/** All hosts but one fall silent, and its controller has moved the routers there. */
async function fallSilentBut(hostId: string): Promise<void> {
  await cloud.clock.advance(HOST_DOWN_MS + 1);
  await cloud.addHost(hostId);
  const stop = new AbortController();
  const running = cloud.service.run?.(stop.signal);
  await cloud.clock.advance(6_000);
  for (let i = 0; i < 200 && (await cloud.service.desiredNetworks(hostId)).routers.length === 0; i++)
    await new Promise((resolve) => setImmediate(resolve));
  stop.abort();
  await cloud.clock.advance(6_000);
  await running;
}

describe('what hosts are told', () => {
  it('a host gets the networks of its servers, their DHCP server and leases, and nothing else', async () => {
    await cloud.addHost('h1');
    const { network, subnet } = await makeNetwork();
    await makeNetwork('10.1.0.0/24');
    const portId = await boot(network.id, 'h1', 's1');
    const desired = await cloud.service.desiredNetworks('h1');
    expect(desired.ports).toMatchObject([
      {
        id: portId,
        networkId: network.id,
        guestId: 's1',
        deviceName: `tap${portId.slice(0, 11)}`,
        isAdminUp: true,
        hasPortSecurity: true,
      },
    ]);
    const mine = desired.networks.find((each) => each.id === network.id);
    expect(mine).toMatchObject({ type: 'vxlan', mtu: 1450, subnets: [{ id: subnet.id, cidr: '10.0.0.0/24' }] });
    expect(mine?.dhcp?.leases).toMatchObject([{ portId, fixedIps: [{ subnetId: subnet.id }] }]);
    expect(mine?.dhcp?.servesMetadata).toBe(true);
    expect(desired.securityGroups).toHaveLength(1);
  });

  it('hosts of one network are each other’s tunnel peers, and hear of a host that joins or leaves', async () => {
    for (const [id, address] of [
      ['h1', '192.0.2.1'],
      ['h2', '192.0.2.2'],
      ['h3', '192.0.2.3'],
    ] as const)
      await cloud.addHost(id, { tunnelAddress: address });
    const { network } = await makeNetwork();
    await boot(network.id, 'h1', 's1');
    const hosts = ['h1', 'h2', 'h3'];
    expect(await woken(hosts, () => boot(network.id, 'h2', 's2'))).toContain('h1');
    const peers = async (host: string) =>
      (await cloud.service.desiredNetworks(host)).networks.find((each) => each.id === network.id)?.tunnelPeers;
    expect(await peers('h1')).toContain('192.0.2.2');
    expect(await peers('h2')).toContain('192.0.2.1');
    expect(await woken(hosts, () => cloud.service.releaseServerPorts('s2'))).toContain('h1');
  });

  it('a remote group is the addresses of its members, and hosts hear of members elsewhere', async () => {
    await cloud.addHost('h1');
    await cloud.addHost('h2');
    const { network } = await makeNetwork();
    const { network: other } = await makeNetwork('10.1.0.0/24');
    await boot(network.id, 'h1', 's1');
    let second = '';
    expect(
      await woken(['h1', 'h2'], async () => {
        second = await boot(other.id, 'h2', 's2');
      }),
    ).toContain('h1');
    const address = (await cloud.must(200, `GET /ports/${second}`)).port.fixed_ips[0].ip_address;
    const { securityGroups } = await cloud.service.desiredNetworks('h1');
    const ingress = securityGroups[0]?.rules.find((rule) => rule.direction === 'ingress' && rule.ipVersion === 4);
    expect(ingress?.remoteCidrs).toContain(`${address}/32`);
  });

  it('a change of one network wakes only the hosts that have it', async () => {
    await cloud.addHost('h1');
    await cloud.addHost('h2');
    const { network, subnet } = await makeNetwork();
    await boot(network.id, 'h2', 's1');
    const dhcpHost = (await cloud.must(200, `GET /networks/${network.id}/dhcp-agents`, undefined, 'admin')).agents[0]
      .host;
    const expected = new Set(['h2', dhcpHost.replace('host-', '')]);
    const hosts = await woken(['h1', 'h2'], () =>
      cloud.must(200, `PUT /subnets/${subnet.id}`, { subnet: { dns_nameservers: ['192.0.2.53'] } }),
    );
    expect(new Set(hosts)).toEqual(expected);
    expect(await woken(['h1', 'h2'], () => cloud.must(200, 'GET /networks'))).toEqual([]);
  });

  it('the DHCP server and the router of a host that falls silent move to another', async () => {
    await cloud.addHost('h1');
    const { network, subnet } = await makeNetwork();
    const { router } = await cloud.must(201, 'POST /routers', { router: { name: 'r' } });
    await cloud.must(200, `PUT /routers/${router.id}/add_router_interface`, { subnet_id: subnet.id });
    expect((await cloud.service.desiredNetworks('h1')).routers).toHaveLength(1);
    await cloud.addHost('h2');
    await fallSilentBut('h2');
    const moved = await cloud.service.desiredNetworks('h2');
    expect(moved.routers.map(({ id }) => id)).toEqual([router.id]);
    expect(moved.networks.map(({ id, dhcp }) => [id, dhcp !== null])).toEqual([[network.id, true]]);
    const left = await cloud.service.desiredNetworks('h1');
    expect([left.networks, left.routers]).toEqual([[], []]);
  });

  it('networks that wait for a host get one when it comes', async () => {
    const { network } = await makeNetwork();
    expect((await cloud.must(200, `GET /networks/${network.id}`)).network.availability_zones).toEqual([]);
    await cloud.addHost('h1');
    expect((await cloud.service.desiredNetworks('h1')).networks.map(({ id }) => id)).toEqual([network.id]);
    const { ports: dhcp } = await cloud.must(200, 'GET /ports?device_owner=network:dhcp');
    expect(dhcp[0].device_id).toMatch(/^dhcp[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}-/);
  });

  it('a report makes ports active, and silence of a port makes it down again', async () => {
    await cloud.addHost('h1');
    const { network } = await makeNetwork();
    const portId = await boot(network.id, 'h1', 's1');
    const status = async () => (await cloud.must(200, `GET /ports/${portId}`)).port.status;
    expect(await status()).toBe('DOWN');
    const up = { state: 'up' as const };
    const networks = [{ id: network.id, ...up }];
    await cloud.service.reportNetworks('h1', { revision: 1, networks, ports: [{ id: portId, ...up }], routers: [] });
    expect(await status()).toBe('ACTIVE');
    expect(cloud.changedServers).toEqual(['s1']);
    const { ports: dhcp } = await cloud.must(200, 'GET /ports?device_owner=network:dhcp');
    expect(dhcp[0].status).toBe('ACTIVE');
    await cloud.service.reportNetworks('h1', { revision: 1, networks, ports: [], routers: [] });
    expect(await status()).toBe('DOWN');
  });

  it('a host cannot speak for the ports of another', async () => {
    await cloud.addHost('h1');
    await cloud.addHost('h2');
    const { network } = await makeNetwork();
    const portId = await boot(network.id, 'h1', 's1');
    await cloud.service.reportNetworks('h2', {
      revision: 1,
      networks: [],
      ports: [{ id: portId, state: 'up' }],
      routers: [],
    });
    expect((await cloud.must(200, `GET /ports/${portId}`)).port.status).toBe('DOWN');
  });

  it('a floating IP is active once its router is there, and its host knows where it leads', async () => {
    await cloud.addHost('h1');
    const external = (await cloud.must(201, 'POST /networks', { network: { 'router:external': true } }, 'admin'))
      .network;
    await cloud.must(
      201,
      'POST /subnets',
      { subnet: { network_id: external.id, cidr: '203.0.113.0/24', ip_version: 4, enable_dhcp: false } },
      'admin',
    );
    const { network, subnet } = await makeNetwork();
    const gateway = { network_id: external.id };
    const { router } = await cloud.must(201, 'POST /routers', {
      router: { name: 'r', external_gateway_info: gateway },
    });
    await cloud.must(200, `PUT /routers/${router.id}/add_router_interface`, { subnet_id: subnet.id });
    const portId = await boot(network.id, 'h1', 's1');
    const { floatingip } = await cloud.must(201, 'POST /floatingips', {
      floatingip: { floating_network_id: external.id, port_id: portId },
    });
    expect([floatingip.status, cloud.changedServers]).toEqual(['DOWN', ['s1']]);
    const desired = await cloud.service.desiredNetworks('h1');
    expect(desired.routers[0]).toMatchObject({
      gateway: { nexthops: ['203.0.113.1'], hasSnat: true },
      floatingIps: [{ floatingAddress: floatingip.floating_ip_address, fixedAddress: floatingip.fixed_ip_address }],
      interfaces: [{ addresses: [{ address: '10.0.0.1', prefixLength: 24 }] }],
    });
    expect(desired.networks.find((each) => each.id === network.id)?.dhcp?.servesMetadata).toBe(false);
    const report = { networks: [], ports: [], routers: [{ id: router.id, state: 'up' as const }] };
    const statusAfter = async (revision: number, host = 'h1'): Promise<string> => {
      await cloud.service.reportNetworks(host, { revision, ...report });
      return (await cloud.must(200, `GET /floatingips/${floatingip.id}`)).floatingip.status;
    };
    expect(await statusAfter(desired.revision - 1)).toBe('DOWN');
    expect(await statusAfter(desired.revision)).toBe('ACTIVE');
    await cloud.addHost('h2');
    await fallSilentBut('h2');
    const { revision } = await cloud.service.desiredNetworks('h2');
    expect(await statusAfter(revision - 1, 'h2')).toBe('DOWN');
    expect(await statusAfter(revision, 'h2')).toBe('ACTIVE');
    await cloud.service.releaseServerPorts('s1');
    const { floatingip: free } = await cloud.must(200, `GET /floatingips/${floatingip.id}`);
    expect([free.port_id, free.router_id, free.status]).toEqual([null, null, 'DOWN']);
  });
});
