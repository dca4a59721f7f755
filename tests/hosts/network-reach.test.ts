/** Networks over VXLAN between two hosts, and IPv6. Needs root; in namespaces of its own. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DesiredPort } from '#protocol/networks.ts';
import {
  desiredOf,
  dhcpOf,
  groupOf,
  networkOf,
  portOf,
  routerOf,
  ruleOf,
  subnetOf,
  uuid,
} from './support/network-fixtures.ts';
import { createSandbox, type Sandbox, startHost, type TestHost } from './support/network-sandbox.ts';

const NETWORK = uuid('net');
const V4 = uuid('v4');
const V6 = uuid('v6');
const GROUP = uuid('grp');
const anybody = groupOf(GROUP, [ruleOf('ingress'), ruleOf('ingress', { ipVersion: 6 })]);

describe('two hosts with a VXLAN network', () => {
  const here = portOf(uuid('he'), NETWORK, 'fa:16:3e:00:02:01', [{ subnetId: V4, address: '10.2.0.11' }], {
    securityGroupIds: [GROUP],
  });
  const there = portOf(uuid('th'), NETWORK, 'fa:16:3e:00:02:02', [{ subnetId: V4, address: '10.2.0.12' }], {
    securityGroupIds: [GROUP],
  });
  let box: Sandbox;
  let one: TestHost;
  let two: TestHost;

  const world = (port: DesiredPort, peer: string, hasDhcp: boolean, rules = anybody) =>
    desiredOf({
      networks: [
        networkOf(NETWORK, [subnetOf(V4, '10.2.0.0/24')], {
          type: 'vxlan',
          segmentationId: 1234,
          tunnelPeers: [peer],
          dhcp: hasDhcp
            ? dhcpOf(uuid('dh'), 'fa:16:3e:00:02:d1', [{ subnetId: V4, address: '10.2.0.2' }], [here, there])
            : null,
        }),
      ],
      ports: [port],
      securityGroups: [rules],
    });

  beforeAll(async () => {
    box = await createSandbox();
    await box.check(['ip', 'netns', 'add', 'hosttwo']);
    await box.check([
      'ip',
      'link',
      'add',
      'dev',
      'wire',
      'mtu',
      '9000',
      'type',
      'veth',
      'peer',
      'name',
      'wire',
      'mtu',
      '9000',
      'netns',
      'hosttwo',
    ]);
    for (const [where, address] of [
      [[], '192.0.2.1/24'],
      [['-n', 'hosttwo'], '192.0.2.2/24'],
    ] as const) {
      await box.check(['ip', ...where, 'addr', 'add', address, 'dev', 'wire']);
      await box.check(['ip', ...where, 'link', 'set', 'dev', 'wire', 'up']);
    }
    const config = { cloudId: 'wide', physicalNetworks: {}, providerBridges: [] };
    one = await startHost(box, { ...config, tunnelAddress: '192.0.2.1' });
    two = await startHost(box, { ...config, tunnelAddress: '192.0.2.2' }, 'hosttwo');
    await box.addGuest('here', here.tap, here.macAddress);
    await box.addGuest('there', there.tap, there.macAddress, 'hosttwo');
    await box.check(['ip', '-n', 'here', 'addr', 'add', '10.2.0.11/24', 'dev', 'eth0']);
  });
  afterAll(async () => {
    await one?.stop();
    await two?.stop();
    await box?.close();
  });

  it('carry DHCP and traffic from one to the other, under the security groups of the receiver', async () => {
    expect(one.facts.types).toContain('vxlan');
    await one.apply(world(here, '192.0.2.2', true));
    await two.apply(world(there, '192.0.2.1', false));
    const lease = await box.run(['busybox', 'udhcpc', '-i', 'eth0', '-n', '-q', '-f', '-s', '/bin/true'], {
      netns: 'there',
    });
    expect(lease.stderr).toContain('lease of 10.2.0.12 obtained from 10.2.0.2');
    await box.check(['ip', '-n', 'there', 'addr', 'add', '10.2.0.12/24', 'dev', 'eth0']);
    const ping = async (): Promise<boolean> =>
      (await box.run(['ping', '-c', '1', '-W', '1', '10.2.0.12'], { netns: 'here' })).exitCode === 0;
    expect(await ping()).toBe(true);
    await two.apply(world(there, '192.0.2.1', false, groupOf(GROUP, [])));
    expect(await ping()).toBe(false);
    await two.apply(world(there, '192.0.2.1', false));
    expect(await ping()).toBe(true);
  });

  it('stop when a peer is taken away, and go on when it comes back', async () => {
    await two.apply(world(there, '192.0.2.1', false));
    const fdb = (): Promise<string> => box.check(['bridge', 'fdb', 'show', 'dev', `vxl${NETWORK.slice(0, 11)}`]);
    await one.apply(world(here, '192.0.2.9', true));
    expect(await fdb()).not.toMatch(/00:00:00:00:00:00 dst 192\.0\.2\.2 /);
    await one.apply(world(here, '192.0.2.2', true));
    expect(await fdb()).toMatch(/00:00:00:00:00:00 dst 192\.0\.2\.2 /);
  });
});

describe('a network with IPv6', () => {
  const mac = 'fa:16:3e:00:03:01';
  const slaacAddress = '2001:db8:3:0:f816:3eff:fe00:301';
  const ROUTER = uuid('rou');
  let box: Sandbox;
  let host: TestHost;

  const world = (mode: 'slaac' | 'dhcpv6-stateful' | 'dhcpv6-stateless', address: string) => {
    const port = portOf(uuid('po'), NETWORK, mac, [{ subnetId: V6, address }], { securityGroupIds: [GROUP] });
    const subnet = subnetOf(V6, '2001:db8:3::/64', {
      gatewayIp: '2001:db8:3::1',
      ipv6AddressMode: mode,
      ipv6RaMode: mode,
      dnsNameservers: ['2001:db8:53::53'],
    });
    return desiredOf({
      networks: [
        networkOf(NETWORK, [subnet], {
          dhcp: dhcpOf(uuid('dh'), 'fa:16:3e:00:03:d1', [{ subnetId: V6, address: '2001:db8:3::2' }], [port]),
        }),
      ],
      ports: [port],
      securityGroups: [anybody],
      routers: [
        routerOf(ROUTER, {
          interfaces: [
            {
              portId: uuid('qr'),
              networkId: NETWORK,
              macAddress: 'fa:16:3e:00:03:fe',
              addresses: [{ subnetId: V6, address: '2001:db8:3::1', prefixLength: 64 }],
            },
          ],
        }),
      ],
    });
  };

  beforeAll(async () => {
    box = await createSandbox();
    host = await startHost(box, { cloudId: 'six', physicalNetworks: {}, providerBridges: [], tunnelAddress: null });
    await box.addGuest('guest', portOf(uuid('po'), NETWORK, mac, []).tap, mac);
  });
  afterAll(async () => {
    await host?.stop();
    await box?.close();
  });

  const settings = async (): Promise<string> => {
    await box.check(['ip', '-n', 'guest', 'link', 'set', 'dev', 'eth0', 'down']);
    await box.check(['ip', '-n', 'guest', 'link', 'set', 'dev', 'eth0', 'up']);
    const deadline = performance.now() + 10_000;
    let text = '';
    while (performance.now() < deadline && !/default via fe80::f816:3eff:fe00:3fe/.test(text)) {
      text = await box.check(['ip', '-n', 'guest', '-6', 'route', 'show']);
    }
    return `${text}${await box.check(['ip', '-n', 'guest', '-6', 'addr', 'show', 'dev', 'eth0'])}`;
  };
  const ping = async (to: string): Promise<boolean> =>
    (await box.run(['ping', '-6', '-c', '1', '-W', '2', to], { netns: 'guest' })).exitCode === 0;

  it('lets guests make their own addresses from the router’s advertisements', async () => {
    await host.apply(world('slaac', slaacAddress));
    expect(await settings()).toContain(slaacAddress);
    expect(await ping('2001:db8:3::1')).toBe(true);
    expect(await ping('2001:db8:3::2')).toBe(true);
  });

  it('leases addresses by DHCPv6 to those who are known', async () => {
    await host.apply(world('dhcpv6-stateful', '2001:db8:3::77'));
    await box.check(['ip', '-n', 'guest', '-6', 'addr', 'flush', 'dev', 'eth0', 'scope', 'global']);
    expect(await settings()).not.toContain(slaacAddress);
    const lease = await box.run(
      [
        'timeout',
        '10',
        'dhclient',
        '-6',
        '-d',
        '-1',
        '-v',
        '-sf',
        '/bin/true',
        '-lf',
        `${box.folder}/leases6`,
        '-pf',
        `${box.folder}/pid6`,
        'eth0',
      ],
      { netns: 'guest' },
    );
    const kept = await box.check(['cat', `${box.folder}/leases6`]).catch(() => lease.stderr);
    expect(kept).toContain('iaaddr 2001:db8:3::77');
    expect(kept).toContain('dhcp6.name-servers 2001:db8:53::53');
  });

  it('drops what comes from an address that is not the port’s', async () => {
    await host.apply(world('dhcpv6-stateful', '2001:db8:3::77'));
    await box.check(['ip', '-n', 'guest', '-6', 'addr', 'replace', '2001:db8:3::77/64', 'dev', 'eth0', 'nodad']);
    expect(await ping('2001:db8:3::1')).toBe(true);
    await box.check(['ip', '-n', 'guest', '-6', 'addr', 'add', '2001:db8:3::66/64', 'dev', 'eth0', 'nodad']);
    const result = await box.run(['ping', '-6', '-c', '1', '-W', '1', '-I', '2001:db8:3::66', '2001:db8:3::1'], {
      netns: 'guest',
    });
    expect(result.exitCode).not.toBe(0);
  });

  it('advertises that other settings are to be asked for when it is stateless', async () => {
    await host.apply(world('dhcpv6-stateless', slaacAddress));
    expect(await settings()).toContain(slaacAddress);
    const answer = await box.run(
      [
        'timeout',
        '10',
        'dhclient',
        '-6',
        '-S',
        '-d',
        '-1',
        '-v',
        '-sf',
        '/bin/true',
        '-lf',
        `${box.folder}/leasesS`,
        '-pf',
        `${box.folder}/pidS`,
        'eth0',
      ],
      { netns: 'guest' },
    );
    expect(answer.stderr).toMatch(/RCV: Reply message/);
  });
});
