/** The Linux bridge driver with real traffic. Needs root; everything happens in namespaces of its own. */
import { spawn } from 'node:child_process';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DesiredNetworks, DesiredPort, DesiredRouter, DesiredSecurityGroup } from '#protocol/networks.ts';
import {
  desiredOf,
  dhcpOf,
  groupOf,
  networkOf,
  portOf,
  routerOf,
  ruleOf,
  subnetOf,
  type TestPort,
  uuid,
} from './support/network-fixtures.ts';
import {
  type CommandResult,
  createSandbox,
  type Sandbox,
  startHost,
  type TestHost,
} from './support/network-sandbox.ts';

const RED = uuid('red');
const BLUE = uuid('blu');
const OUT = uuid('out');
const RED4 = uuid('r4');
const BLUE4 = uuid('b4');
const OUT4 = uuid('o4');
const GROUP = uuid('grp');
const ROUTER = uuid('rt');

const red4 = subnetOf(RED4, '10.0.0.0/24', { gatewayIp: '10.0.0.1' });
const alice = portOf(uuid('al'), RED, 'fa:16:3e:00:00:0a', [{ subnetId: RED4, address: '10.0.0.11' }], {
  securityGroupIds: [GROUP],
});
const bob = portOf(uuid('bo'), RED, 'fa:16:3e:00:00:0b', [{ subnetId: RED4, address: '10.0.0.12' }], {
  securityGroupIds: [GROUP],
});
const carol = portOf(uuid('ca'), BLUE, 'fa:16:3e:00:00:0c', [{ subnetId: BLUE4, address: '10.0.0.12' }], {
  securityGroupIds: [GROUP],
});
const open = groupOf(GROUP, [ruleOf('ingress'), ruleOf('ingress', { ipVersion: 6 })]);
const closed = groupOf(GROUP, []);

const redRouterPort: DesiredRouter['interfaces'][number] = {
  portId: uuid('qr'),
  networkId: RED,
  macAddress: 'fa:16:3e:00:00:fe',
  addresses: [{ subnetId: RED4, address: '10.0.0.1', prefixLength: 24 }],
};
const gateway: NonNullable<DesiredRouter['gateway']> = {
  portId: uuid('qg'),
  networkId: OUT,
  macAddress: 'fa:16:3e:00:00:ff',
  addresses: [{ subnetId: OUT4, address: '203.0.113.10', prefixLength: 24 }],
  nexthops: ['203.0.113.1'],
  hasSnat: true,
};
const router = routerOf(ROUTER, { interfaces: [redRouterPort], gateway });
const outside = networkOf(OUT, [subnetOf(OUT4, '203.0.113.0/24')], {
  type: 'flat',
  physicalNetwork: 'physnet1',
  mtu: 1500,
});

function red(ports: readonly DesiredPort[], servesMetadata = false) {
  const dhcp = dhcpOf(uuid('dh'), 'fa:16:3e:00:00:d1', [{ subnetId: RED4, address: '10.0.0.2' }], ports, {
    servesMetadata,
  });
  return networkOf(RED, [red4], { dhcp });
}

const blue = networkOf(BLUE, [subnetOf(BLUE4, '10.0.0.0/24')]);

/** Every guest keeps a port in each state: its device goes with it. */
function world(more: Partial<DesiredNetworks> & { readonly group?: DesiredSecurityGroup } = {}): DesiredNetworks {
  const { group = open, ...rest } = more;
  return desiredOf({
    networks: [red([alice, bob]), blue, outside],
    ports: [alice, bob, carol],
    securityGroups: [group],
    routers: [router],
    ...rest,
  });
}

describe('a host with Linux bridges', () => {
  let box: Sandbox;
  let host: TestHost;
  const guests: readonly (readonly [string, TestPort])[] = [
    ['alice', alice],
    ['bob', bob],
    ['carol', carol],
  ];

  beforeAll(async () => {
    box = await createSandbox();
    host = await startHost(box, config());
    for (const [name, port] of guests) {
      await box.addGuest(name, port.tap, port.macAddress);
      await box.check(['ip', '-n', name, 'addr', 'add', `${port.fixedIps[0]?.address}/24`, 'dev', 'eth0']);
      await box.check(['ip', '-n', name, 'route', 'add', 'default', 'via', '10.0.0.1']);
    }
    // Somebody outside who does not know the way back to the provider network.
    await box.check(['ip', 'netns', 'add', 'far']);
    await box.check(['ip', 'link', 'add', 'dev', 'wan', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', 'far']);
    await box.check(['ip', 'addr', 'add', '198.51.100.1/24', 'dev', 'wan']);
    await box.check(['ip', 'link', 'set', 'dev', 'wan', 'up']);
    await box.check(['ip', '-n', 'far', 'addr', 'add', '198.51.100.2/24', 'dev', 'eth0']);
    await box.check(['ip', '-n', 'far', 'link', 'set', 'dev', 'eth0', 'up']);
    await writeFile(
      join(box.folder, 'dhcp.sh'),
      '#!/bin/sh\n[ "$1" = bound ] && env | grep -E "^(ip|mtu|router|staticroutes|dns|lease|domain|hostname|subnet|tftp|bootfile)="\nexit 0\n',
    );
    await chmod(join(box.folder, 'dhcp.sh'), 0o755);
  });
  afterAll(async () => {
    await host?.stop();
    await box?.close();
  });

  const ping = async (from: string, to: string): Promise<boolean> =>
    (await box.run(['ping', '-c', '1', '-W', '1', to], { netns: from })).exitCode === 0;
  const lease = (guest: string): Promise<CommandResult> =>
    box.run(
      [
        'busybox',
        'udhcpc',
        '-i',
        'eth0',
        '-n',
        '-q',
        '-f',
        '-s',
        join(box.folder, 'dhcp.sh'),
        '-t',
        '2',
        '-T',
        '1',
        '-O',
        '26',
        '-O',
        'staticroutes',
        '-O',
        'tftp',
      ],
      { netns: guest },
    );
  const fetchText = (from: string, url: string, ...more: readonly string[]): Promise<string> =>
    box.check(['curl', '-sS', '-m', '3', ...more, url], { netns: from });

  describe('DHCP', () => {
    it('leases the fixed address with MTU, routes and name server', async () => {
      await host.apply(world({ networks: [red([alice, bob], true), blue, outside] }));
      const { stdout } = await lease('alice');
      expect(stdout).toContain('ip=10.0.0.11\n');
      expect(stdout).toContain('mtu=1450\n');
      expect(stdout).toContain('router=10.0.0.1\n');
      expect(stdout).toContain('dns=10.0.0.2\n');
      expect(stdout).toContain('lease=86400\n');
      expect(stdout).toMatch(/staticroutes=.*169\.254\.169\.254\/32 10\.0\.0\.2.*0\.0\.0\.0\/0 10\.0\.0\.1/);
    });

    it('gives nothing to a MAC address that it does not know', async () => {
      await host.apply(world({ networks: [red([bob]), blue, outside] }));
      expect((await lease('alice')).exitCode).not.toBe(0);
      expect((await lease('bob')).stdout).toContain('ip=10.0.0.12\n');
    });

    it('learns of a new port without a restart', async () => {
      await host.apply(world({ networks: [red([bob]), blue, outside] }));
      const before = await dnsmasqPids(box);
      await host.apply(world({ networks: [red([alice, bob]), blue, outside] }));
      expect((await lease('alice')).stdout).toContain('ip=10.0.0.11\n');
      expect(await dnsmasqPids(box)).toEqual(before);
    });

    it('gives an address to its new owner while the old lease still runs', async () => {
      await host.apply(world({ networks: [red([alice, bob]), blue, outside] }));
      await lease('alice');
      const heir = { ...bob, fixedIps: alice.fixedIps };
      await host.apply(
        world({
          networks: [red([heir]), blue, outside],
          ports: [{ ...alice, fixedIps: [{ subnetId: RED4, address: '10.0.0.50' }] }, heir, carol],
        }),
      );
      expect((await lease('bob')).stdout).toContain('ip=10.0.0.11\n');
    });

    it('leaves out an option with a newline and serves everybody all the same', async () => {
      const network = red([alice, bob]);
      const bad = { name: 'tftp-server', value: '1.2.3.4\ndhcp-script=/bin/false', ipVersion: 4 as const };
      const good = { name: 'tftp-server', value: '192.0.2.7', ipVersion: 4 as const };
      const leases =
        network.dhcp?.leases.map((one) => ({ ...one, options: one.portId === alice.id ? [bad] : [good] })) ?? [];
      const dns = { ...red4, dnsNameservers: ['8.8.8.8\nport=1', '192.0.2.53'] };
      const report = await host.apply(
        world({
          networks: [
            { ...network, subnets: [dns], dhcp: network.dhcp === null ? null : { ...network.dhcp, leases } },
            blue,
            outside,
          ],
        }),
      );
      expect(report.networks[0]?.problem?.code).toBe('network.dhcp.invalid');
      const first = await lease('alice');
      expect(first.stdout).toContain('dns=192.0.2.53\n');
      expect(first.stdout).not.toContain('1.2.3.4');
      expect((await lease('bob')).stdout).toContain('tftp=192.0.2.7\n');
    });
  });

  describe('networks and routers', () => {
    it('let guests of one network meet, and those of different networks not', async () => {
      await host.apply(world());
      expect(await ping('alice', '10.0.0.12')).toBe(true);
      expect(await neighbour(box, 'alice', '10.0.0.12')).toBe(bob.macAddress);
      expect(await ping('alice', '10.0.0.1')).toBe(true);
      expect(await ping('carol', '10.0.0.11')).toBe(false);
    });

    it('translate what leaves to the gateway address, and further to the host', async () => {
      await host.apply(world());
      expect(await ping('alice', '203.0.113.1')).toBe(true);
      expect(await ping('alice', '198.51.100.2')).toBe(true);
      expect(await peerSeen(box, 'far', '198.51.100.2', 'alice')).toBe('198.51.100.1');
      expect(await peerSeen(box, undefined, '203.0.113.1', 'alice')).toBe('203.0.113.10');
    });

    it('reach a guest by its floating IP, from outside, from itself and as its own source', async () => {
      const floatingIps = [{ id: uuid('f1'), floatingAddress: '203.0.113.20', fixedAddress: '10.0.0.11' }];
      await host.apply(world({ routers: [{ ...router, floatingIps }] }));
      expect((await box.run(['ping', '-c', '1', '-W', '1', '203.0.113.20'])).exitCode).toBe(0);
      expect(await peerSeen(box, undefined, '203.0.113.1', 'alice')).toBe('203.0.113.20');
      expect(await ping('bob', '203.0.113.20')).toBe(true);
      expect(await peerSeen(box, 'alice', '203.0.113.20', 'bob')).toBe('203.0.113.10');
      expect(await peerSeen(box, undefined, '203.0.113.1', 'bob')).toBe('203.0.113.10');
    });

    it('cut a flow whose floating IP has gone', async () => {
      const floatingIps = [{ id: uuid('f1'), floatingAddress: '203.0.113.20', fixedAddress: '10.0.0.11' }];
      await host.apply(world({ routers: [{ ...router, floatingIps }] }));
      const flow = startPing(box, undefined, '203.0.113.20');
      await flow.untilAnswered();
      await host.apply(world());
      expect(await flow.answersAfterwards()).toBe(0);
    });

    it('announce a floating IP that moves to another router', async () => {
      const floatingIps = [{ id: uuid('f1'), floatingAddress: '203.0.113.20', fixedAddress: '10.0.0.11' }];
      await host.apply(world({ routers: [{ ...router, floatingIps: [] }] }));
      await box.check([
        'ip',
        'neigh',
        'replace',
        '203.0.113.20',
        'lladdr',
        '02:00:00:00:00:01',
        'dev',
        'br-ex',
        'nud',
        'stale',
      ]);
      await host.apply(world({ routers: [{ ...router, floatingIps }] }));
      expect(await neighbour(box, undefined, '203.0.113.20')).toBe(gateway.macAddress);
    });

    it('follow extra routes, and drop those that are no longer wanted', async () => {
      const routes = [{ destination: '192.0.2.0/24', nexthop: '10.0.0.12' }];
      await host.apply(world({ routers: [{ ...router, routes }] }));
      const show = (): Promise<string> => box.check(['ip', '-n', `qrouter-${ROUTER}`, 'route', 'show']);
      expect(await show()).toContain('192.0.2.0/24 via 10.0.0.12');
      await host.apply(world());
      expect(await show()).not.toContain('192.0.2.0/24');
      expect(await show()).toContain('default via 203.0.113.1');
    });

    it('keep a router working when one of its routes is nonsense', async () => {
      const routes = [{ destination: '192.0.2.0/24; rm', nexthop: '10.0.0.12' }];
      const report = await host.apply(world({ routers: [{ ...router, routes }] }));
      expect(report.routers[0]?.problem?.code).toBe('network.router.invalid');
      expect(await ping('alice', '203.0.113.1')).toBe(true);
    });
  });

  describe('metadata', () => {
    const url = 'http://169.254.169.254/latest/meta-data/?a=b';

    it('knows who asks by network and address, whatever the headers say', async () => {
      await host.apply(world({ networks: [red([alice, bob], true), blue, outside] }));
      await box.check(['ip', '-n', 'alice', 'route', 'replace', '169.254.169.254/32', 'via', '10.0.0.2']);
      const headers = ['-H', 'X-Instance-ID: 1', '-H', 'X-Forwarded-For: 10.0.0.12', '-H', 'X-Tenant-ID: 2'];
      const answer = JSON.parse(await fetchText('alice', url, ...headers)) as unknown;
      expect(answer).toEqual({ networkId: RED, sourceAddress: '10.0.0.11', path: '/latest/meta-data/?a=b' });
      await box.check(['ip', '-n', 'alice', 'route', 'del', '169.254.169.254/32']);
    });

    it('is answered by the router too, and only there', async () => {
      await host.apply(world());
      const answer = JSON.parse(await fetchText('bob', url)) as unknown;
      expect(answer).toEqual({ networkId: RED, sourceAddress: '10.0.0.12', path: '/latest/meta-data/?a=b' });
      await expect(fetchText('bob', 'http://10.0.0.1:9697/')).rejects.toThrow();
      expect((await box.run(['curl', '-sS', '-m', '1', 'http://203.0.113.10:9697/'])).exitCode).not.toBe(0);
    });
  });

  describe('security groups', () => {
    it('block, allow and block again, cutting what was established', async () => {
      await host.apply(world({ group: closed }));
      expect(await ping('bob', '10.0.0.11')).toBe(false);
      await host.apply(world({ group: groupOf(GROUP, [ruleOf('ingress', { protocol: 'icmp' })]) }));
      expect(await ping('bob', '10.0.0.11')).toBe(true);
      const flow = startPing(box, 'bob', '10.0.0.11');
      await flow.untilAnswered();
      await host.apply(world({ group: closed }));
      expect(await flow.answersAfterwards()).toBe(0);
    });

    it('keep an allowed flow through changes of other rules', async () => {
      const icmp = ruleOf('ingress', { protocol: 'icmp' });
      await host.apply(world({ group: groupOf(GROUP, [icmp]) }));
      const flow = startPing(box, 'bob', '10.0.0.11');
      await flow.untilAnswered();
      await host.apply(
        world({ group: groupOf(GROUP, [icmp, ruleOf('ingress', { protocol: 'tcp', portMin: 1, portMax: 9 })]) }),
      );
      expect(await flow.answersAfterwards()).toBeGreaterThan(3);
    });

    it('judge by port, direction and remote', async () => {
      const ssh = ruleOf('ingress', {
        protocol: 'tcp',
        portMin: 2000,
        portMax: 2001,
        remoteCidrs: ['10.0.0.12/32', '10.9.0.0/16'],
      });
      await host.apply(world({ group: groupOf(GROUP, [ssh]) }));
      const listen = (port: number) =>
        box.run(['timeout', '3', 'busybox', 'nc', '-l', '-p', String(port)], { netns: 'alice' });
      const connect = async (port: number): Promise<boolean> => {
        const server = listen(port);
        await waitFor(async () => {
          const listening = await box.run(['ss', '-Hltn', `sport = :${port}`], { netns: 'alice' });
          return listening.stdout !== '';
        });
        const result = await box.run(['busybox', 'nc', '-w', '1', '10.0.0.11', String(port)], {
          netns: 'bob',
          stdin: 'x',
        });
        const heard = (await server).stdout;
        return result.exitCode === 0 && heard === 'x';
      };
      expect(await connect(2001)).toBe(true);
      expect(await connect(2002)).toBe(false);
      const nobody = { ...ssh, remoteCidrs: [] };
      await host.apply(world({ group: groupOf(GROUP, [nobody]) }));
      expect(await connect(2001)).toBe(false);
      await host.apply(world({ group: { id: GROUP, rules: [ruleOf('ingress')] } }));
      expect(await ping('alice', '10.0.0.1')).toBe(false);
    });

    it('apply also to what the host itself sends to a guest on a provider network', async () => {
      const dave = portOf(uuid('da'), OUT, 'fa:16:3e:00:00:0d', [{ subnetId: OUT4, address: '203.0.113.30' }], {
        securityGroupIds: [GROUP],
      });
      await box.addGuest('dave', dave.tap, dave.macAddress);
      await box.check(['ip', '-n', 'dave', 'addr', 'add', '203.0.113.30/24', 'dev', 'eth0']);
      const reach = async (): Promise<boolean> =>
        (await box.run(['ping', '-c', '1', '-W', '1', '203.0.113.30'])).exitCode === 0;
      await host.apply(world({ ports: [alice, bob, carol, dave], group: closed }));
      expect(await reach()).toBe(false);
      await host.apply(world({ ports: [alice, bob, carol, dave] }));
      expect(await reach()).toBe(true);
      await host.apply(world());
    });

    it('are not stopped by one bad rule, one bad port or one bad pair', async () => {
      const bad = [
        ruleOf('ingress', { protocol: 'vrrp', portMin: 1, portMax: 2 }),
        ruleOf('ingress', { protocol: 'tcp accept; #', portMin: 1, portMax: 2 }),
        ruleOf('ingress', { remoteCidrs: ['10.0.0.0/33', '0.0.0.0/0 accept'] }),
        ruleOf('ingress', { ipVersion: 6, protocol: 'tcp', portMin: 9, portMax: 2 }),
        ruleOf('ingress', { protocol: 'icmp', remoteCidrs: ['10.0.0.0/24', '10.0.0.12/32', '10.0.0.0/25'] }),
      ];
      const mallory = portOf(uuid('ma'), RED, 'not a mac', [{ subnetId: RED4, address: '10.0.0.13"' }], {
        securityGroupIds: [uuid('none')],
      });
      const pairs = [
        { macAddress: alice.macAddress, cidr: '10.0.0.0/24' },
        { macAddress: alice.macAddress, cidr: '10.0.0.11' },
        { macAddress: 'xx', cidr: '10.7.0.0/16' },
        { macAddress: '', cidr: 'nonsense }' },
      ];
      const report = await host.apply(
        world({ ports: [{ ...alice, allowedAddressPairs: pairs }, bob, carol, mallory], group: groupOf(GROUP, bad) }),
      );
      expect(report.ports.map((port) => port.problem?.code)).toEqual([
        'network.port.bad_address',
        'network.rule.invalid',
        'network.rule.invalid',
        'network.port.bad_address',
      ]);
      expect(await ping('bob', '10.0.0.11')).toBe(true);
      expect(await ping('carol', '10.0.0.11')).toBe(false);
    });
  });

  describe('anti-spoofing', () => {
    const withAddress = async (guest: string, address: string, then: () => Promise<void>): Promise<void> => {
      await box.check(['ip', '-n', guest, 'addr', 'add', `${address}/24`, 'dev', 'eth0']);
      try {
        await then();
      } finally {
        await box.check(['ip', '-n', guest, 'addr', 'del', `${address}/24`, 'dev', 'eth0']);
      }
    };
    const pingAs = async (guest: string, source: string, to: string): Promise<boolean> =>
      (await box.run(['ping', '-c', '1', '-W', '1', '-I', source, to], { netns: guest })).exitCode === 0;
    const arrives = async (to: string, filter: string, frame: string, from = 'alice'): Promise<boolean> => {
      const capture = await startCapture(box, to, filter);
      await sendFrame(box, from, frame);
      return capture.isCaught();
    };

    it('drops a foreign source address unless it is allowed', async () => {
      await host.apply(world());
      await withAddress('alice', '10.0.0.99', async () => {
        expect(await pingAs('alice', '10.0.0.11', '10.0.0.12')).toBe(true);
        expect(await pingAs('alice', '10.0.0.99', '10.0.0.12')).toBe(false);
        const pair = { macAddress: alice.macAddress, cidr: '10.0.0.96/29' };
        await host.apply(world({ ports: [{ ...alice, allowedAddressPairs: [pair] }, bob, carol] }));
        expect(await pingAs('alice', '10.0.0.99', '10.0.0.12')).toBe(true);
        await host.apply(world({ ports: [{ ...alice, hasPortSecurity: false }, bob, carol] }));
        expect(await pingAs('alice', '10.0.0.99', '10.0.0.12')).toBe(true);
      });
    });

    it('drops a foreign MAC address', async () => {
      await host.apply(world());
      await box.check(['ip', '-n', 'alice', 'link', 'set', 'dev', 'eth0', 'address', 'fa:16:3e:00:00:99']);
      expect(await ping('alice', '10.0.0.12')).toBe(false);
      await box.check(['ip', '-n', 'alice', 'link', 'set', 'dev', 'eth0', 'address', alice.macAddress]);
      await box.check(['ip', '-n', 'alice', 'route', 'replace', 'default', 'via', '10.0.0.1']);
      expect(await ping('alice', '10.0.0.12')).toBe(true);
    });

    it('drops ARP that claims another address, whichever of its fields lies', async () => {
      await host.apply(world());
      const arp = (ether: string, sender: string, address: string): string =>
        `ffffffffffff${ether}08060001080006040002${sender}${address}ffffffffffff0a00000c`;
      const own = alice.macAddress.replaceAll(':', '');
      const other = 'fa163e000099';
      expect(await arrives('bob', 'arp', arp(own, own, '0a00000b'))).toBe(true);
      expect(await arrives('bob', 'arp', arp(own, own, '0a000001'))).toBe(false);
      expect(await arrives('bob', 'arp', arp(own, other, '0a00000b'))).toBe(false);
      expect(await arrives('bob', 'arp', arp(other, other, '0a00000b'))).toBe(false);
    });

    it('drops frames with a VLAN tag, and ethertypes that nobody checks', async () => {
      await host.apply(world());
      const own = alice.macAddress.replaceAll(':', '');
      const ip = `0800${udpPacket('0a00000b', '0a00000c', 9, 9)}`;
      expect(await arrives('bob', 'udp', `fa163e00000b${own}${ip}`)).toBe(true);
      expect(await arrives('bob', 'vlan', `fa163e00000b${own}81000064${ip}`)).toBe(false);
      expect(await arrives('bob', 'ether proto 0x88b5', `fa163e00000b${own}88b5${'00'.repeat(50)}`)).toBe(false);
    });

    it('drops answers of a DHCP server and router advertisements from a guest', async () => {
      await host.apply(world());
      const own = alice.macAddress.replaceAll(':', '');
      expect(await arrives('bob', 'udp', `fa163e00000b${own}0800${udpPacket('0a00000b', '0a00000c', 67, 68)}`)).toBe(
        false,
      );
      const linkLocal = 'fe80000000000000f8163efffe00000a';
      const all = 'ff020000000000000000000000000001';
      const echo = icmp6(linkLocal, all, '8000', '00010001');
      const advertisement = icmp6(linkLocal, all, '8600', '40000708'.padEnd(24, '0'));
      const type = (number: number): string => `ether src ${alice.macAddress} and ip6[40] == ${number}`;
      expect(await arrives('bob', type(128), `333300000001${own}86dd${echo}`)).toBe(true);
      expect(await arrives('bob', type(134), `333300000001${own}86dd${advertisement}`)).toBe(false);
      const neighbourOf = (target: string): string => icmp6(linkLocal, all, '8800', `20000000${target}0201${own}`);
      expect(await arrives('bob', type(136), `333300000001${own}86dd${neighbourOf(linkLocal)}`)).toBe(true);
      expect(
        await arrives('bob', type(136), `333300000001${own}86dd${neighbourOf('fe80000000000000f8163efffe0000fe')}`),
      ).toBe(false);
      expect(
        await arrives(
          'bob',
          type(128),
          `333300000001${own}86dd${icmp6('fe80000000000000f8163efffe0000fe', all, '8000', '00010001')}`,
        ),
      ).toBe(false);
    });

    it("keeps guests away from the host's own addresses behind a bridge", async () => {
      await host.apply(world());
      const bridge = `brq${RED.slice(0, 11)}`;
      const mac =
        (JSON.parse(await box.check(['ip', '-j', 'link', 'show', bridge])) as { address: string }[])[0]?.address ?? '';
      await box.check(['ip', '-n', 'alice', 'neigh', 'replace', '10.0.0.200', 'lladdr', mac, 'dev', 'eth0']);
      await box.check(['ip', '-n', 'alice', 'route', 'replace', '198.51.100.1', 'via', '10.0.0.200']);
      const echoes = async (): Promise<string | undefined> =>
        (await box.check(['cat', '/proc/net/snmp']))
          .split('\n')
          .filter((line) => line.startsWith('Icmp:'))[1]
          ?.split(' ')[9];
      const before = await echoes();
      expect(await ping('alice', '198.51.100.1')).toBe(false);
      expect(await echoes()).toBe(before);
      await box.check(['ip', '-n', 'alice', 'route', 'del', '198.51.100.1']);
    });
  });
});

function config() {
  return {
    cloudId: 'test-cloud',
    physicalNetworks: { physnet1: 'br-ex' },
    providerBridges: [{ name: 'br-ex', addresses: ['203.0.113.1/24'], masquerade: true }],
    tunnelAddress: null,
  };
}

async function dnsmasqPids(box: Sandbox): Promise<readonly string[]> {
  const { stdout } = await box.run(['pgrep', '-f', `dnsmasq --conf-file=${box.folder}/`]);
  return stdout.trim().split('\n').toSorted();
}

async function neighbour(box: Sandbox, netns: string | undefined, address: string): Promise<string | undefined> {
  const text = await box.check(['ip', '-j', 'neigh', 'show', 'to', address], netns === undefined ? {} : { netns });
  return (JSON.parse(text) as { lladdr?: string }[])[0]?.lladdr;
}

/** Connects from `client` to a server on `address` in `netns`, and tells whom the server saw. */
async function peerSeen(box: Sandbox, netns: string | undefined, address: string, client: string): Promise<string> {
  const inside = netns === undefined ? [] : ['ip', 'netns', 'exec', netns];
  const program =
    "import socket\ns=socket.socket()\ns.setsockopt(1,2,1)\ns.bind(('',7777))\ns.listen()\nprint('ready',flush=True)\ns.settimeout(3)\nprint('from',s.accept()[1][0],flush=True)";
  const server = spawn('nsenter', ['-t', String(box.pid), '-n', '-m', ...inside, '/usr/bin/python3', '-c', program]);
  let said = '';
  server.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()));
  await waitFor(async () => (await new Promise((resolve) => setImmediate(resolve)), said.includes('ready')));
  await box.run(['busybox', 'nc', '-w', '1', address, '7777'], { netns: client, stdin: 'x' });
  await ended;
  return /from ([\d.]+)/.exec(said)?.[1] ?? 'nobody';
}

async function waitFor(isTrue: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (performance.now() < deadline) if (await isTrue()) return;
  throw new Error('waited in vain');
}

interface Capture {
  /** Whether a frame was seen, or is within a second. */
  isCaught(): Promise<boolean>;
}

/** Resolves once tcpdump really listens. */
async function startCapture(box: Sandbox, netns: string, filter: string): Promise<Capture> {
  const argv = [
    '-t',
    String(box.pid),
    '-n',
    '-m',
    'ip',
    'netns',
    'exec',
    netns,
    'tcpdump',
    '-U',
    '-c',
    '1',
    '-nei',
    'eth0',
    filter,
  ];
  const child = spawn('nsenter', argv);
  let said = '';
  let isDone = false;
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  void ended.then(() => {
    isDone = true;
  });
  await waitFor(async () => (await new Promise((resolve) => setImmediate(resolve)), said.includes('listening on')));
  return {
    async isCaught() {
      await Promise.race([ended, box.run(['sleep', '1'])]);
      const isCaught = isDone;
      child.kill('SIGKILL');
      return isCaught;
    },
  };
}

interface Flow {
  untilAnswered(): Promise<void>;
  /** How many answers come in one second from now. */
  answersAfterwards(): Promise<number>;
}

/** One conversation, as ping keeps one ICMP id: what conntrack takes for a flow. */
function startPing(box: Sandbox, netns: string | undefined, address: string): Flow {
  const inside = netns === undefined ? [] : ['ip', 'netns', 'exec', netns];
  const child = spawn('nsenter', [
    '-t',
    String(box.pid),
    '-n',
    '-m',
    ...inside,
    'ping',
    '-i',
    '0.1',
    '-w',
    '8',
    address,
  ]);
  let answers = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    answers += chunk.toString().split('bytes from').length - 1;
  });
  return {
    untilAnswered: () => waitFor(async () => (await new Promise((resolve) => setImmediate(resolve)), answers > 1)),
    async answersAfterwards() {
      await box.run(['sleep', '0.3']); // what is under way arrives
      const before = answers;
      await box.run(['sleep', '1']);
      child.kill('SIGKILL');
      return answers - before;
    },
  };
}

async function sendFrame(box: Sandbox, netns: string, hex: string): Promise<void> {
  const program =
    "import socket,sys\ns=socket.socket(socket.AF_PACKET,socket.SOCK_RAW)\ns.bind(('eth0',0))\ns.send(bytes.fromhex(sys.argv[1]))";
  await box.check(['/usr/bin/python3', '-c', program, hex], { netns });
}

function checksum(hex: string): string {
  let sum = 0;
  for (let at = 0; at < hex.length; at += 4) sum += Number.parseInt(hex.slice(at, at + 4).padEnd(4, '0'), 16);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return (~sum & 0xffff).toString(16).padStart(4, '0');
}

const hex16 = (value: number): string => value.toString(16).padStart(4, '0');

function udpPacket(from: string, to: string, fromPort: number, toPort: number): string {
  const payload = '00'.repeat(26);
  const header = `4500${hex16(28 + 26)}00000000401100`.slice(0, 20);
  const sum = checksum(`${header}0000${from}${to}`);
  return `${header}${sum}${from}${to}${hex16(fromPort)}${hex16(toPort)}${hex16(8 + 26)}0000${payload}`;
}

function icmp6(from: string, to: string, type: string, body: string): string {
  const length = 4 + body.length / 2;
  const sum = checksum(`${from}${to}${length.toString(16).padStart(8, '0')}0000003a${type}0000${body}`);
  return `60000000${hex16(length)}3aff${from}${to}${type}${sum}${body}`;
}
