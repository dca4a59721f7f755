/** The network agent killed, its host damaged, and everything removed again. Needs root; in namespaces of its own. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DesiredNetworks } from '#protocol/networks.ts';
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
const OUT = uuid('out');
const SUBNET = uuid('sub');
const GROUP = uuid('grp');
const ROUTER = uuid('rou');
const port = portOf(uuid('po'), NETWORK, 'fa:16:3e:00:01:01', [{ subnetId: SUBNET, address: '10.1.0.11' }], {
  securityGroupIds: [GROUP],
});
const second = portOf(uuid('qo'), NETWORK, 'fa:16:3e:00:01:02', [{ subnetId: SUBNET, address: '10.1.0.12' }], {
  securityGroupIds: [GROUP],
});
const config = {
  cloudId: 'cloud-a',
  physicalNetworks: { physnet1: 'br-ex' },
  providerBridges: [{ name: 'br-ex', addresses: ['203.0.113.1/24'], masquerade: true }],
  tunnelAddress: '192.0.2.1',
};

function world(more: Partial<DesiredNetworks> = {}): DesiredNetworks {
  const dhcp = dhcpOf(uuid('dh'), 'fa:16:3e:00:01:d1', [{ subnetId: SUBNET, address: '10.1.0.2' }], [port], {
    servesMetadata: true,
  });
  return desiredOf({
    networks: [
      networkOf(NETWORK, [subnetOf(SUBNET, '10.1.0.0/24')], {
        dhcp,
        type: 'vxlan',
        segmentationId: 77,
        tunnelPeers: ['192.0.2.2'],
      }),
      networkOf(OUT, [], { type: 'flat', physicalNetwork: 'physnet1' }),
    ],
    ports: [port, second],
    securityGroups: [groupOf(GROUP, [ruleOf('ingress', { protocol: 'icmp' })])],
    routers: [
      routerOf(ROUTER, {
        interfaces: [
          {
            portId: uuid('qr'),
            networkId: NETWORK,
            macAddress: 'fa:16:3e:00:01:fe',
            addresses: [{ subnetId: SUBNET, address: '10.1.0.1', prefixLength: 24 }],
          },
        ],
        gateway: {
          portId: uuid('qg'),
          networkId: OUT,
          macAddress: 'fa:16:3e:00:01:ff',
          addresses: [{ subnetId: uuid('os'), address: '203.0.113.10', prefixLength: 24 }],
          nexthops: ['203.0.113.1'],
          hasSnat: true,
        },
        floatingIps: [{ id: uuid('f'), floatingAddress: '203.0.113.20', fixedAddress: '10.1.0.11' }],
      }),
    ],
    ...more,
  });
}

/** Everything that would differ had it been made again: numbers of devices, processes, namespaces. */
async function identities(box: Sandbox): Promise<string> {
  const links = JSON.parse(await box.check(['ip', '-j', 'link', 'show'])) as { ifname: string; ifindex: number }[];
  const pids = (await box.run(['pgrep', '-f', `dnsmasq --conf-file=${box.folder}/`])).stdout;
  const namespaces = await box.check(['ls', '-i', '/run/netns']);
  return [links.map((link) => `${link.ifindex} ${link.ifname}`).join('\n'), pids, namespaces].join('\n');
}

describe('a network agent', () => {
  let box: Sandbox;
  let host: TestHost;

  beforeAll(async () => {
    box = await createSandbox();
    // Another cloud's things, and the host's own: all have to stay.
    await box.check(['ip', 'link', 'add', 'dev', 'brqforeign', 'type', 'bridge']);
    await box.check(['ip', 'link', 'set', 'dev', 'brqforeign', 'alias', 'pileus:cloud-b:network:1']);
    await box.check(['ip', 'link', 'add', 'dev', 'tapforeign', 'type', 'bridge']);
    await box.check(['ip', 'netns', 'add', 'qdhcp-foreign']);
    await box.check(['nft', 'add table inet pileus_00000000; add table inet other; add chain inet other c']);
    host = await startHost(box, config);
    await host.apply(world());
  });
  afterAll(async () => {
    await host?.stop();
    await box?.close();
  });

  it('has nothing to do on a settled host, and finds that out with few commands', async () => {
    await host.plan();
    const { steps, commands } = await host.plan();
    expect(steps).toEqual([]);
    expect(commands.length).toBeLessThanOrEqual(4);
  });

  it('adds a port with one ip batch and one nft transaction', async () => {
    const third = portOf(uuid('xo'), NETWORK, 'fa:16:3e:00:01:03', [{ subnetId: SUBNET, address: '10.1.0.13' }], {
      securityGroupIds: [GROUP],
    });
    await host.plan();
    await host.apply(world({ ports: [port, second, third] }));
    const writes = (await host.plan()).commands.filter((command) => / -(f|batch) - /.test(command));
    expect(writes.map((command) => command.split(' [')[0])).toEqual(['nft -f -', 'ip -force -batch -']);
    expect(await box.check(['ip', 'link', 'show', third.tap])).toContain('master brq');
    await host.apply(world());
    expect((await box.run(['ip', 'link', 'show', third.tap])).exitCode).not.toBe(0);
  });

  it('makes nothing again that was right when it is killed and started anew', async () => {
    await host.apply(world());
    const before = await identities(box);
    await host.kill();
    host = await startHost(box, config);
    await host.waitForReport((report) => report.ports.every((one) => one.state === 'up'));
    await host.apply(world());
    expect(await identities(box)).toBe(before);
    const answer = await box.check(['curl', '-sS', '-m', '3', 'http://169.254.169.254/latest'], {
      netns: `qdhcp-${NETWORK}`,
    });
    expect(JSON.parse(answer)).toMatchObject({ networkId: NETWORK });
  });

  it('comes to the same end when it is killed at any moment of the way', async () => {
    for (const delayMs of [0, 5, 10, 15, 20, 30, 40, 50, 60, 80, 100]) {
      await host.apply(desiredOf({}), () => true);
      const wanted = world();
      void host.apply(wanted).catch(() => undefined);
      await box.run(['sleep', String(delayMs / 1000)]);
      await host.kill();
      host = await startHost(box, config);
      await host.apply(world());
      expect((await host.plan()).steps).toEqual([]);
    }
  });

  it('mends what somebody broke', async () => {
    await host.apply(world());
    const damages: readonly (readonly string[])[] = [
      ['nft', 'flush', 'ruleset'],
      ['ip', 'link', 'del', 'dev', `brq${NETWORK.slice(0, 11)}`],
      ['ip', 'link', 'set', 'dev', port.tap, 'nomaster'],
      ['ip', 'link', 'set', 'dev', port.tap, 'mtu', '900'],
      ['ip', 'link', 'del', 'dev', port.tap],
      ['ip', 'link', 'del', 'dev', `vxl${NETWORK.slice(0, 11)}`],
      ['bridge', 'fdb', 'del', '00:00:00:00:00:00', 'dev', `vxl${NETWORK.slice(0, 11)}`, 'dst', '192.0.2.2'],
      ['ip', 'addr', 'del', '203.0.113.1/24', 'dev', 'br-ex'],
      ['ip', 'netns', 'del', `qrouter-${ROUTER}`],
      ['ip', 'netns', 'del', `qdhcp-${NETWORK}`],
      ['pkill', '-KILL', '-f', `dnsmasq --conf-file=${box.folder}/`],
      ['sysctl', '-qw', 'net.bridge.bridge-nf-call-iptables=0'],
      ['ip', 'netns', 'exec', `qrouter-${ROUTER}`, 'ip', 'addr', 'flush', 'dev', `qr-${uuid('qr').slice(0, 11)}`],
    ];
    for (const damage of damages) {
      await box.check(damage);
      await host.kill();
      host = await startHost(box, config);
      await host.apply(world());
      expect([damage.join(' '), (await host.plan()).steps]).toEqual([damage.join(' '), []]);
    }
    expect((await box.run(['ping', '-c', '1', '-W', '1', '203.0.113.10'])).exitCode).toBe(0);
  });

  it('serves DHCP on the interface that takes the place of a removed one', async () => {
    const namespace = `qdhcp-${NETWORK}`;
    await box.check(['ip', '-n', namespace, 'link', 'del', 'dev', `ns-${uuid('dh').slice(0, 11)}`]);
    await host.kill();
    host = await startHost(box, config);
    await host.apply(world());
    const sockets = await box.check(['ip', 'netns', 'exec', namespace, 'ss', '-Hlun', 'sport', '=', ':67']);
    expect(sockets).toContain(`%ns-${uuid('dh').slice(0, 11)}:67`);
  });

  it('refuses a device that belongs to somebody else, and does the rest', async () => {
    const odd = portOf(uuid('zo'), NETWORK, 'fa:16:3e:00:01:09', [{ subnetId: SUBNET, address: '10.1.0.19' }]);
    await box.check(['ip', 'link', 'add', 'dev', odd.tap, 'type', 'bridge']);
    await box.check(['ip', 'link', 'set', 'dev', odd.tap, 'alias', 'pileus:cloud-b:port:1']);
    const isTold = (report: { ports: readonly { problem?: { code: string } | undefined }[] }): boolean =>
      report.ports.some((one) => one.problem?.code === 'network.link.foreign');
    void host.apply(world({ ports: [port, second, odd] })).catch(() => undefined);
    const report = await host.waitForReport(isTold);
    expect(report.ports.map((one) => one.state)).toEqual(['up', 'up', 'absent']);
    expect(await box.check(['ip', 'link', 'show', odd.tap])).toContain('cloud-b');
    await host.apply(world());
    await box.check(['ip', 'link', 'del', 'dev', odd.tap]);
  });

  it('tells what the kernel or the configuration cannot do', async () => {
    const vlan = networkOf(uuid('vl'), [], { type: 'vlan', physicalNetwork: 'physnet1', segmentationId: 5 });
    const gre = networkOf(uuid('gr'), [], { type: 'gre', segmentationId: 5 });
    const lost = networkOf(uuid('lo'), [], { type: 'flat', physicalNetwork: 'nowhere' });
    const base = world();
    const report = await host.apply({ ...base, networks: [...base.networks, vlan, gre, lost] }, () => true);
    const codes = report.networks.map((network) => network.problem?.code);
    expect(codes.slice(3)).toEqual(['network.gre.unsupported', 'network.physical.unknown']);
    if (!host.facts.types.includes('vlan')) expect(codes[2]).toBe('network.vlan.unsupported');
  });

  it('puts a free interface of the host into a flat network, and leaves one with addresses alone', async () => {
    await box.check(['ip', 'link', 'add', 'dev', 'nic0', 'type', 'veth', 'peer', 'name', 'nic1']);
    await box.check(['ip', 'addr', 'add', '192.0.2.77/32', 'dev', 'nic1']);
    await host.stop();
    host = await startHost(box, { ...config, physicalNetworks: { physnet1: 'br-ex', free: 'nic0', taken: 'nic1' } });
    const flat = networkOf(uuid('fr'), [], { type: 'flat', physicalNetwork: 'free' });
    const taken = networkOf(uuid('ta'), [], { type: 'flat', physicalNetwork: 'taken' });
    const base = world();
    const wanted = { ...base, networks: [...base.networks, flat, taken] };
    void host.apply(wanted).catch(() => undefined);
    await host.waitForReport((one) => one.networks.at(-1)?.problem?.code === 'network.physical.has_addresses');
    expect(await box.check(['ip', 'link', 'show', 'nic0'])).toContain(`master brq${uuid('fr').slice(0, 11)}`);
    await host.apply(world());
    expect(await box.check(['ip', 'link', 'show', 'nic0'])).not.toContain('master');
    expect(await box.check(['ip', 'addr', 'show', 'nic1'])).toContain('192.0.2.77/32');
    await box.check(['ip', 'link', 'del', 'dev', 'nic0']);
    await host.stop();
    host = await startHost(box, config);
  });

  it('leaves nothing behind but what others own', async () => {
    await host.apply(world());
    await host.stop('purge');
    const links = JSON.parse(await box.check(['ip', '-j', 'link', 'show'])) as { ifname: string }[];
    expect(links.map((link) => link.ifname)).toEqual(['lo', 'brqforeign', 'tapforeign']);
    expect(await box.check(['ls', '/run/netns'])).toBe('qdhcp-foreign\n');
    expect((await box.run(['pgrep', '-f', `dnsmasq --conf-file=${box.folder}/`])).stdout).toBe('');
    expect(await box.check(['ls', box.folder])).toBe('data-main\n');
    // `nft flush ruleset` above took the others' tables; ours must not be there.
    expect(await box.check(['nft', 'list', 'tables'])).toBe('');
  });
});
