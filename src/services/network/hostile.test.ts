/** Bodies and queries that nobody honest sends: each is refused in the envelope, none is a bug, none changes anything. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Db } from '#kernel/db/database.ts';
import { type NetworkUnderTest, startNetwork } from '#tests/api/network.ts';
import { dumpTable } from '#tests/support/dump.ts';

let cloud: NetworkUnderTest;
beforeEach(async () => {
  cloud = await startNetwork();
});
afterEach(() => cloud.close());

const TABLES = [
  'networks',
  'subnets',
  'ports',
  'port_addresses',
  'security_groups',
  'security_group_rules',
  'routers',
  'floating_ips',
  'subnet_pools',
  'address_scopes',
  'address_groups',
  'rbac_policies',
  'network_quotas',
  'network_tags',
  'network_segments',
] as const;

/** Everything that there is, as text. */
async function everything(): Promise<string> {
  const rows = [];
  for (const table of TABLES) rows.push(await dumpTable(cloud.db as Db, table));
  return JSON.stringify(rows);
}

const strange = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    -1,
    Number.MAX_VALUE,
    2 ** 53,
    1.5,
    '',
    ' ',
    '\u0000',
    '\n',
    "'; drop table ports; --",
    '../../etc/passwd',
    '$(reboot)',
    '10.0.0.0/33',
    '::/0',
    '0x7f000001',
    '010.1.1.1',
    'fe80::1%eth0',
    '\ud800',
    'x'.repeat(70_000),
    [],
    {},
    [[]],
    [null],
    [{}],
    { constructor: 1 },
    { length: -1 },
  ),
  fc.jsonValue({ maxDepth: 3 }),
);

describe('hostile requests', () => {
  it('never end in a bug, and change nothing when they are refused', async () => {
    await cloud.addHost('h1');
    const { network } = await cloud.must(201, 'POST /networks', { network: { name: 'n' } });
    const { subnet } = await cloud.must(201, 'POST /subnets', {
      subnet: { network_id: network.id, cidr: '10.0.0.0/24', ip_version: 4 },
    });
    const { port } = await cloud.must(201, 'POST /ports', { port: { network_id: network.id } });
    const { router } = await cloud.must(201, 'POST /routers', { router: { name: 'r' } });
    const { security_groups: groups } = await cloud.must(200, 'GET /security-groups');
    const nouns = [
      [
        'network',
        'networks',
        network.id,
        { name: 'x', mtu: 1400, dns_domain: 'a.', shared: false, admin_state_up: true },
      ],
      [
        'subnet',
        'subnets',
        subnet.id,
        {
          network_id: network.id,
          cidr: '10.1.0.0/24',
          ip_version: 4,
          gateway_ip: '10.1.0.1',
          allocation_pools: [{ start: '10.1.0.5', end: '10.1.0.9' }],
          dns_nameservers: ['1.1.1.1'],
          host_routes: [{ destination: '1.0.0.0/8', nexthop: '10.1.0.2' }],
          ipv6_ra_mode: 'slaac',
          subnetpool_id: null,
          prefixlen: 24,
          service_types: ['compute:nova'],
        },
      ],
      [
        'port',
        'ports',
        port.id,
        {
          network_id: network.id,
          fixed_ips: [{ subnet_id: subnet.id, ip_address: '10.0.0.77' }],
          mac_address: 'fa:16:3e:00:00:01',
          device_id: 'd',
          device_owner: 'x',
          allowed_address_pairs: [{ ip_address: '10.0.0.9' }],
          extra_dhcp_opts: [{ opt_name: 'mtu', opt_value: '1' }],
          security_groups: [groups[0].id],
          'binding:profile': {},
          'binding:vnic_type': 'normal',
          port_security_enabled: true,
          dns_name: 'a',
        },
      ],
      ['router', 'routers', router.id, { name: 'r', external_gateway_info: null, routes: [] }],
      ['security_group', 'security-groups', groups[0].id, { name: 'g', description: 'd', stateful: true }],
      [
        'security_group_rule',
        'security-group-rules',
        groups[0].security_group_rules[0].id,
        {
          security_group_id: groups[0].id,
          direction: 'ingress',
          ethertype: 'IPv4',
          protocol: 'tcp',
          port_range_min: 1,
          port_range_max: 2,
          remote_ip_prefix: '10.0.0.0/8',
          remote_group_id: null,
        },
      ],
      [
        'floatingip',
        'floatingips',
        port.id,
        { floating_network_id: network.id, port_id: port.id, fixed_ip_address: null },
      ],
      [
        'subnetpool',
        'subnetpools',
        port.id,
        { name: 'p', prefixes: ['10.9.0.0/16'], default_prefixlen: 24, is_default: false },
      ],
      ['address_scope', 'address-scopes', port.id, { name: 's', ip_version: 4 }],
      ['address_group', 'address-groups', port.id, { name: 's', addresses: ['10.0.0.1'] }],
      [
        'rbac_policy',
        'rbac-policies',
        port.id,
        { object_type: 'network', object_id: network.id, action: 'access_as_shared', target_tenant: 'x' },
      ],
    ] as const;
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...nouns),
        fc.constantFrom('POST', 'PUT', 'bulk'),
        fc.nat(11),
        strange,
        fc.constantFrom('alice', 'admin', 'bob'),
        async ([singular, path, id, good], method, which, value, who) => {
          const key = Object.keys(good)[which % Object.keys(good).length] ?? 'name';
          const item = { ...good, [key]: value };
          const plural = `${singular}s`.replace('policys', 'policies');
          const body =
            method === 'bulk' ? { [plural]: [good, item] } : { [singular]: method === 'PUT' ? { [key]: value } : item };
          const before = await everything();
          const answer = await cloud.ask(method === 'PUT' ? `PUT /${path}/${id}` : `POST /${path}`, body, who);
          expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(500);
          if (answer.status >= 400) {
            refused++;
            expect(answer.body.NeutronError.type).toMatch(/^[A-Z]\w+$/);
            expect(await everything()).toBe(before);
          }
        },
      ),
      { numRuns: 400, seed: 11 },
    );
    expect(refused).toBeGreaterThan(100);
  }, 60_000);

  it('never end in a bug when they list', async () => {
    const keys = [
      'limit',
      'marker',
      'sort_key',
      'sort_dir',
      'fields',
      'tags',
      'not-tags',
      'changed_since',
      'page_reverse',
      'id',
      'name',
      'shared',
      'fixed_ips',
      'revision_number',
      '__proto__',
      'constructor',
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(
          'networks',
          'subnets',
          'ports',
          'security-groups',
          'security-group-rules',
          'routers',
          'floatingips',
          'subnetpools',
          'agents',
          'network-ip-availabilities',
        ),
        fc.array(
          fc.tuple(
            fc.constantFrom(...keys),
            fc.oneof(
              fc.string(),
              fc.constantFrom(
                '-1',
                '99999999999',
                'id',
                'asc',
                'true',
                "' or 1=1",
                'subnet_id=',
                'ip_address_substr=%',
              ),
            ),
          ),
          { maxLength: 5 },
        ),
        fc.constantFrom('alice', 'admin'),
        async (path, pairs, who) => {
          const query = new URLSearchParams(pairs);
          const answer = await cloud.ask(`GET /${path}?${query.toString()}`, undefined, who);
          expect(answer.status, `${query.toString()} ${JSON.stringify(answer.body)}`).toBeLessThan(500);
        },
      ),
      { numRuns: 300, seed: 5 },
    );
  }, 60_000);

  it.each([
    'PUT /routers/x/add_router_interface',
    'PUT /routers/x/remove_router_interface',
    'PUT /routers/x/add_extraroutes',
    'PUT /subnetpools/x/add_prefixes',
    'PUT /address-groups/x/add_addresses',
    'PUT /networks/x/tags',
    'PUT /quotas/project-alice',
    'POST /agents/x/dhcp-networks',
    'PUT /agents/x',
  ])('%s refuses any shape of body without a bug', async (operation) => {
    for (const body of [
      null,
      [],
      'x',
      1,
      {},
      { router: 1 },
      { tags: [1] },
      { tags: 'x' },
      { quota: { network: {} } },
      { subnet_id: {} },
      { agent: { admin_state_up: [] } },
    ]) {
      for (const who of ['alice', 'admin']) {
        const answer = await cloud.ask(operation, body, who);
        expect(answer.status, JSON.stringify([operation, body, answer.body])).toBeLessThan(500);
      }
    }
  });

  it('a change of nothing is none, and no bug', async () => {
    const { network } = await cloud.must(201, 'POST /networks', { network: {} });
    const { subnet } = await cloud.must(201, 'POST /subnets', {
      subnet: { network_id: network.id, cidr: '10.0.0.0/24', ip_version: 4 },
    });
    const { port } = await cloud.must(201, 'POST /ports', { port: { network_id: network.id } });
    const { router } = await cloud.must(201, 'POST /routers', { router: {} });
    const { address_group: group } = await cloud.must(201, 'POST /address-groups', { address_group: { name: 'a' } });
    const { address_scope: scope } = await cloud.must(201, 'POST /address-scopes', {
      address_scope: { ip_version: 4 },
    });
    const { subnetpool: pool } = await cloud.must(201, 'POST /subnetpools', {
      subnetpool: { name: 'p', prefixes: ['10.0.0.0/8'] },
    });
    const [sg] = (await cloud.must(200, 'GET /security-groups')).security_groups;
    await cloud.must(200, `PUT /networks/${network.id}`, { network: {} });
    await cloud.must(200, `PUT /subnets/${subnet.id}`, { subnet: {} });
    await cloud.must(200, `PUT /ports/${port.id}`, { port: {} });
    await cloud.must(200, `PUT /routers/${router.id}`, { router: {} });
    await cloud.must(200, `PUT /address-groups/${group.id}`, { address_group: {} });
    await cloud.must(200, `PUT /address-scopes/${scope.id}`, { address_scope: {} });
    await cloud.must(200, `PUT /subnetpools/${pool.id}`, { subnetpool: {} });
    await cloud.must(200, `PUT /security-groups/${sg.id}`, { security_group: {} });
    await cloud.must(200, 'PUT /quotas/project-alice', { quota: {} }, 'admin');
  });

  it('does not remember paths that do not exist (CVE-2021-40797)', async () => {
    for (let i = 0; i < 50; i++) expect((await cloud.ask(`GET /nothing-${i}/${i}`)).status).toBe(404);
  });
});
