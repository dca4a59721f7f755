/** What worked on OpenStack once, by the rows of the list of advisories: it must not here. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { contextOf, type NetworkUnderTest, startNetwork } from '#tests/api/network.ts';

let cloud: NetworkUnderTest;
beforeEach(async () => {
  cloud = await startNetwork();
});
afterEach(() => cloud.close());

async function makeNetwork(who: string, network: Record<string, unknown> = {}, cidr = '10.0.0.0/24') {
  const made = (await cloud.must(201, 'POST /networks', { network: { name: 'n', ...network } }, who)).network;
  const subnet = (await cloud.must(201, 'POST /subnets', { subnet: { network_id: made.id, cidr, ip_version: 4 } }, who))
    .subnet;
  return { network: made, subnet };
}

describe('attacks on networks', () => {
  it('a port cannot be made the interface of another project’s router (CVE-2014-0056)', async () => {
    const { network } = await makeNetwork('alice');
    const { router } = await cloud.must(201, 'POST /routers', { router: { name: 'r' } }, 'bob');
    const port = { network_id: network.id, device_id: router.id, device_owner: 'network:router_interface' };
    const made = await cloud.ask('POST /ports', { port });
    expect([made.status, made.body.NeutronError.type]).toEqual([409, 'DeviceIDNotOwnedByTenant']);
    const plain = (await cloud.must(201, 'POST /ports', { port: { network_id: network.id } })).port;
    const { network_id: _network, ...device } = port;
    expect((await cloud.ask(`PUT /ports/${plain.id}`, { port: device })).status).toBe(409);
  });

  it('a port on somebody else’s network cannot pass for the network’s own (CVE-2015-5240)', async () => {
    const { network } = await makeNetwork('admin', { shared: true });
    const port = { network_id: network.id, device_owner: 'network:dhcp' };
    expect((await cloud.ask('POST /ports', { port })).status).toBe(403);
    const plain = (await cloud.must(201, 'POST /ports', { port: { network_id: network.id } })).port;
    for (const deviceOwner of ['network:dhcp', 'network:router_gateway', 'network:'])
      expect((await cloud.ask(`PUT /ports/${plain.id}`, { port: { device_owner: deviceOwner } })).status).toBe(403);
    expect((await cloud.must(200, `GET /ports/${plain.id}`)).port.security_groups).toHaveLength(1);
  });

  it('on a shared network nobody but its owner chooses addresses, MACs, pairs or turns protection off', async () => {
    const { network } = await makeNetwork('admin', { shared: true });
    for (const extra of [
      { fixed_ips: [{ ip_address: '10.0.0.99' }] },
      { mac_address: 'fa:16:3e:11:22:33' },
      { port_security_enabled: false },
      { allowed_address_pairs: [{ ip_address: '10.0.0.0/24' }] },
      { 'binding:host_id': 'host-h1' },
    ])
      expect((await cloud.ask('POST /ports', { port: { network_id: network.id, ...extra } })).status).toBe(403);
    expect(
      (await cloud.ask('POST /subnets', { subnet: { network_id: network.id, cidr: '10.9.0.0/24', ip_version: 4 } }))
        .status,
    ).toBe(403);
  });

  it('a value that could hurt a host is refused before it is kept (CVE-2014-0187, CVE-2019-9735)', async () => {
    const { security_groups: groups } = await cloud.must(200, 'GET /security-groups');
    const rule = (extra: Record<string, unknown>) => ({
      security_group_rule: { security_group_id: groups[0].id, direction: 'ingress', ...extra },
    });
    for (const extra of [
      { remote_ip_prefix: '10.0.0.0/33' },
      { remote_ip_prefix: '10.0.0.1/0x8' },
      { remote_ip_prefix: '; reboot' },
      { protocol: 'vrrp', port_range_min: 1, port_range_max: 2 },
      { protocol: 'tcp; drop' },
      { protocol: '256' },
      { protocol: 'tcp', port_range_min: 5, port_range_max: 1 },
      { protocol: 'icmp', port_range_min: 256 },
      { protocol: 'icmp', port_range_max: 1 },
      { protocol: 'ipv6-icmp', ethertype: 'IPv4' },
      { port_range_min: 1, port_range_max: 2 },
      { ethertype: 'ARP' },
      { ethertype: 'IPv6', remote_ip_prefix: '10.0.0.0/8' },
    ]) {
      const answer = await cloud.ask('POST /security-group-rules', rule(extra));
      expect([answer.status, extra]).toEqual([400, extra]);
    }
  });

  it('an address pair needs an address, and ten are enough (CVE-2014-3555)', async () => {
    const { network } = await makeNetwork('alice');
    const pairs = Array.from({ length: 11 }, (_, i) => ({ ip_address: `10.0.1.${i}` }));
    const refused = await cloud.ask('POST /ports', { port: { network_id: network.id, allowed_address_pairs: pairs } });
    expect([refused.status, refused.body.NeutronError.type]).toEqual([400, 'AllowedAddressPairExhausted']);
    const port = { network_id: network.id, allowed_address_pairs: pairs.slice(0, 10) };
    await cloud.must(201, 'POST /ports', { port });
    for (const bad of [[{ mac_address: 'fa:16:3e:00:00:01' }], [{ ip_address: '10.0.0.0/40' }], [pairs[0], pairs[0]]])
      expect((await cloud.ask('POST /ports', { port: { ...port, allowed_address_pairs: bad } })).status).toBe(400);
  });

  it('nothing writes a line of its own into the DHCP server’s files (CVE-2021-40085)', async () => {
    const { network } = await makeNetwork('alice');
    for (const option of [
      { opt_name: 'mtu', opt_value: '1400\ndhcp-script=/bin/sh' },
      { opt_name: 'mtu\n', opt_value: '1' },
      { opt_name: 'a b', opt_value: '1' },
      { opt_name: 'mtu', opt_value: 'x\r' },
      { opt_name: 'mtu', opt_value: '\u2028' },
    ])
      expect(
        (await cloud.ask('POST /ports', { port: { network_id: network.id, extra_dhcp_opts: [option] } })).status,
      ).toBe(400);
    for (const names of [['1.1.1.1\nserver=6.6.6.6'], ['evil.example'], ['1.1.1']])
      expect(
        (
          await cloud.ask('POST /subnets', {
            subnet: { network_id: network.id, cidr: '10.5.0.0/24', ip_version: 4, dns_nameservers: names },
          })
        ).status,
      ).toBe(400);
    expect((await cloud.ask('POST /ports', { port: { network_id: network.id, dns_name: 'a\nb' } })).status).toBe(400);
  });

  it('naming an attribute that only administrators set is refused even with its present value (OSSA 2014-031)', async () => {
    const { network } = await makeNetwork('alice');
    for (const change of [
      { shared: false },
      { 'router:external': false },
      { is_default: false },
      { 'provider:segmentation_id': 1 },
    ])
      expect((await cloud.ask(`PUT /networks/${network.id}`, { network: change })).status).toBe(403);
  });

  it('nobody tags, changes or finds what is another project’s (CVE-2024-53916)', async () => {
    const { network } = await makeNetwork('alice');
    for (const operation of [
      `PUT /networks/${network.id}/tags/mine`,
      `DELETE /networks/${network.id}/tags`,
      `GET /networks/${network.id}/tags`,
      `GET /networks/${network.id}`,
      `DELETE /networks/${network.id}`,
    ])
      expect([operation, (await cloud.ask(operation, undefined, 'bob')).status]).toEqual([operation, 404]);
    const shared = (await makeNetwork('admin', { shared: true })).network;
    expect((await cloud.ask(`GET /networks/${shared.id}`)).status).toBe(200);
    expect((await cloud.ask(`PUT /networks/${shared.id}/tags/mine`)).status).toBe(403);
    expect((await cloud.ask(`PUT /networks/${shared.id}`, { network: { name: 'mine' } })).status).toBe(403);
  });

  it('a rule for an address group never lets in everybody, not even when the group is empty (OSSN-0095)', async () => {
    await cloud.addHost('h1');
    const { network } = await makeNetwork('alice');
    const { address_group: group } = await cloud.must(201, 'POST /address-groups', { address_group: { name: 'a' } });
    const { security_groups: groups } = await cloud.must(200, 'GET /security-groups');
    await cloud.must(201, 'POST /security-group-rules', {
      security_group_rule: { security_group_id: groups[0].id, direction: 'ingress', remote_address_group_id: group.id },
    });
    await cloud.service.ensureServerPort(contextOf('alice'), {
      portId: '11111111-1111-1111-1111-111111111111',
      networkId: network.id,
      securityGroupIds: [],
      serverId: 's1',
      hostId: 'h1',
      zone: 'nova',
      isUserPort: false,
    });
    const cidrs = async () => {
      const desired = await cloud.service.desiredNetworks('h1');
      const rules = desired.securityGroups.flatMap((each) => each.rules);
      return rules.filter((rule) => rule.direction === 'ingress').map((rule) => rule.remoteCidrs);
    };
    expect(await cidrs()).not.toContain(null);
    expect(await cidrs()).toContainEqual([]);
    const before = await cloud.revision('h1');
    await cloud.must(200, `PUT /address-groups/${group.id}/add_addresses`, { addresses: ['192.0.2.7'] });
    expect(await cloud.revision('h1')).toBeGreaterThan(before);
    expect(await cidrs()).toContainEqual(['192.0.2.7/32']);
  });

  it('a port that names another’s server is not that server’s, nor does it read its metadata (CVE-2013-6419)', async () => {
    await cloud.addHost('h1');
    const { network } = await makeNetwork('alice');
    const boot = (portId: string, serverId: string, isUserPort: boolean) =>
      cloud.service.ensureServerPort(contextOf('alice'), {
        portId,
        networkId: network.id,
        securityGroupIds: [],
        serverId,
        hostId: 'h1',
        zone: 'nova',
        isUserPort,
      });
    const claim = { network_id: network.id, device_id: 'victim', device_owner: 'compute:nova' };
    const { port } = await cloud.must(201, 'POST /ports', { port: claim });
    expect((await cloud.service.listServerPorts(cloud.db, ['victim'])).get('victim')).toEqual([]);
    await cloud.must(200, `PUT /ports/${port.id}`, { port: { device_id: '' } });
    await boot(port.id, 'mine', true);
    await cloud.must(200, `PUT /ports/${port.id}`, { port: { device_id: 'victim' } });
    expect((await cloud.service.listServerPorts(cloud.db, ['victim'])).get('victim')).toEqual([]);
    expect((await cloud.service.desiredNetworks('h1')).ports.map(({ guestId }) => guestId)).not.toContain('victim');
    await cloud.service.releaseServerPorts('victim');
    expect((await cloud.must(200, `GET /ports/${port.id}`)).port.device_id).toBe('victim');
  });

  it('a rule made while a server runs reaches its host at once (OSSA 2013-030, 2015-021)', async () => {
    await cloud.addHost('h1');
    await cloud.addHost('h2');
    const { network } = await makeNetwork('alice');
    await cloud.service.ensureServerPort(contextOf('alice'), {
      portId: '11111111-1111-1111-1111-111111111111',
      networkId: network.id,
      securityGroupIds: [],
      serverId: 's1',
      hostId: 'h1',
      zone: 'nova',
      isUserPort: false,
    });
    const { security_groups: groups } = await cloud.must(200, 'GET /security-groups');
    const before = [await cloud.revision('h1'), await cloud.revision('h2')];
    const { security_group_rule: rule } = await cloud.must(201, 'POST /security-group-rules', {
      security_group_rule: { security_group_id: groups[0].id, direction: 'ingress', protocol: 'icmp' },
    });
    expect([await cloud.revision('h1'), await cloud.revision('h2')]).toEqual([(before[0] ?? 0) + 1, before[1]]);
    const ids = (await cloud.service.desiredNetworks('h1')).securityGroups[0]?.rules.map((each) => each.id);
    expect(ids).toContain(rule.id);
  });

  it('rules, ports and addresses are counted against the project’s limits', async () => {
    await cloud.must(
      200,
      'PUT /quotas/project-alice',
      { quota: { port: 1, security_group_rule: 5, network: 1 } },
      'admin',
    );
    const { network } = await makeNetwork('alice');
    await cloud.must(201, 'POST /ports', { port: { network_id: network.id } });
    const over = await cloud.ask('POST /ports', { port: { network_id: network.id } });
    expect([over.status, over.body.NeutronError.type]).toEqual([409, 'OverQuota']);
    expect(over.body.NeutronError.message).toBe("Quota exceeded for resources: ['port'].");
    const { security_groups: groups } = await cloud.must(200, 'GET /security-groups');
    const rules = [1, 2].map((port) => ({
      security_group_id: groups[0].id,
      direction: 'ingress',
      protocol: 'tcp',
      port_range_min: port,
      port_range_max: port,
    }));
    expect((await cloud.ask('POST /security-group-rules', { security_group_rules: rules })).status).toBe(409);
    expect((await cloud.must(200, 'GET /security-group-rules')).security_group_rules).toHaveLength(4);
    const many = Array.from({ length: 33 }, (_, i) => ({ ip_address: `10.0.0.${10 + i}` }));
    expect(
      (await cloud.ask('POST /ports', { port: { network_id: network.id, fixed_ips: many } }, 'admin')).status,
    ).toBe(400);
  });
});
