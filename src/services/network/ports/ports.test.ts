import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Body, type NetworkUnderTest, startNetwork } from '#tests/api/network.ts';

let cloud: NetworkUnderTest;
let network: Body;
beforeEach(async () => {
  cloud = await startNetwork();
  network = (await cloud.must(201, 'POST /networks', { network: { name: 'n' } })).network;
});
afterEach(() => cloud.close());

async function subnet(extra: Record<string, unknown> = {}): Promise<Body> {
  const body = { subnet: { network_id: network.id, cidr: '10.0.0.0/24', ip_version: 4, ...extra } };
  return (await cloud.must(201, 'POST /subnets', body)).subnet;
}

async function port(extra: Record<string, unknown> = {}): Promise<Body> {
  return (await cloud.must(201, 'POST /ports', { port: { network_id: network.id, ...extra } })).port;
}

describe('ports', () => {
  it('get one low address of each version', async () => {
    const v4 = await subnet();
    const v6 = await subnet({ cidr: '2001:db8::/64', ip_version: 6 });
    const { fixed_ips: addresses } = await port();
    expect(addresses.map((each: Body) => each.subnet_id)).toEqual([v4.id, v6.id]);
    expect(Number(addresses[0].ip_address.split('.')[3])).toBeLessThan(32);
  });

  it('never share an address, however many are made at once', async () => {
    await subnet({ allocation_pools: [{ start: '10.0.0.10', end: '10.0.0.29' }], enable_dhcp: false });
    const answers = await Promise.all(
      Array.from({ length: 25 }, () => cloud.ask('POST /ports', { port: { network_id: network.id } })),
    );
    const made = answers.filter(({ status }) => status === 201);
    expect(new Set(made.map(({ body }) => body.port.fixed_ips[0].ip_address)).size).toBe(20);
    const refused = answers.filter(({ status }) => status !== 201);
    expect(refused.map(({ body }) => body.NeutronError.type)).toEqual(Array(5).fill('IpAddressGenerationFailure'));
  });

  it('a certain address is given once', async () => {
    const { id } = await subnet();
    const wanted = { fixed_ips: [{ subnet_id: id, ip_address: '10.0.0.77' }] };
    await port(wanted);
    const again = await cloud.ask('POST /ports', { port: { network_id: network.id, ...wanted } });
    expect([again.status, again.body.NeutronError.type]).toEqual([409, 'IpAddressInUse']);
  });

  it.each([
    [[{ ip_address: '10.0.1.1' }], 'InvalidIpForNetwork'],
    [[{ ip_address: '10.0.0.255' }], 'InvalidIpForNetwork'],
    [[{ ip_address: '10.0.0.0' }], 'InvalidIpForNetwork'],
    [[{}], 'InvalidInput'],
  ])('the addresses %j are refused as %s', async (fixedIps, type) => {
    await subnet();
    const answer = await cloud.ask('POST /ports', { port: { network_id: network.id, fixed_ips: fixedIps } });
    expect([answer.status, answer.body.NeutronError.type]).toEqual([400, type]);
  });

  it('make their own address where the subnet says so, also when the subnet comes later', async () => {
    const early = await port({ mac_address: 'fa:16:3e:12:34:56' });
    await subnet({ cidr: '2001:db8::/64', ip_version: 6, ipv6_address_mode: 'slaac', ipv6_ra_mode: 'slaac' });
    const { port: shown } = await cloud.must(200, `GET /ports/${early.id}`);
    expect(shown.fixed_ips.map((each: Body) => each.ip_address)).toEqual(['2001:db8::f816:3eff:fe12:3456']);
    expect((await port({ mac_address: 'fa:16:3e:12:34:57' })).fixed_ips[0].ip_address).toBe(
      '2001:db8::f816:3eff:fe12:3457',
    );
  });

  it('keep the addresses that a change names, and give up the others', async () => {
    const { id } = await subnet();
    const made = await port({ fixed_ips: [{ ip_address: '10.0.0.20' }, { ip_address: '10.0.0.21' }] });
    const change = { fixed_ips: [{ subnet_id: id, ip_address: '10.0.0.21' }, { ip_address: '10.0.0.22' }] };
    const { port: changed } = await cloud.must(200, `PUT /ports/${made.id}`, { port: change });
    expect(new Set(changed.fixed_ips.map((each: Body) => each.ip_address))).toEqual(
      new Set(['10.0.0.21', '10.0.0.22']),
    );
    await port({ fixed_ips: [{ ip_address: '10.0.0.20' }] });
  });

  it('all of a bulk are made or none', async () => {
    await subnet();
    const body = {
      ports: [{ network_id: network.id }, { network_id: network.id, fixed_ips: [{ ip_address: '9.9.9.9' }] }],
    };
    expect((await cloud.ask('POST /ports', body)).status).toBe(400);
    expect((await cloud.must(200, 'GET /ports')).ports).toEqual([]);
    const made = await cloud.must(201, 'POST /ports', {
      ports: [{ network_id: network.id }, { port: { network_id: network.id } }],
    });
    expect(made.ports).toHaveLength(2);
  });

  it('have the default group unless told otherwise, and none without port security', async () => {
    const { security_groups: groups } = await cloud.must(200, 'GET /security-groups');
    expect((await port()).security_groups).toEqual([groups[0].id]);
    expect((await port({ security_groups: [] })).security_groups).toEqual([]);
    expect((await port({ port_security_enabled: false })).security_groups).toEqual([]);
    const both = { port_security_enabled: false, security_groups: [groups[0].id] };
    expect((await cloud.ask('POST /ports', { port: { network_id: network.id, ...both } })).status).toBe(400);
  });

  it('take and lose DHCP options by name', async () => {
    const made = await port({ extra_dhcp_opts: [{ opt_name: 'bootfile-name', opt_value: 'pxelinux.0' }] });
    const change = {
      extra_dhcp_opts: [
        { opt_name: 'bootfile-name', opt_value: null },
        { opt_name: 'tftp-server', opt_value: '10.0.0.5' },
      ],
    };
    const { port: changed } = await cloud.must(200, `PUT /ports/${made.id}`, { port: change });
    expect(changed.extra_dhcp_opts).toEqual([{ opt_name: 'tftp-server', opt_value: '10.0.0.5', ip_version: 4 }]);
  });

  it('of routers and floating IPs are not deleted by themselves', async () => {
    const { id } = await subnet();
    const { router } = await cloud.must(201, 'POST /routers', { router: { name: 'r' } });
    const joined = await cloud.must(200, `PUT /routers/${router.id}/add_router_interface`, { subnet_id: id });
    const answer = await cloud.ask(`DELETE /ports/${joined.port_id}`);
    expect([answer.status, answer.body.NeutronError.type]).toEqual([409, 'ServicePortInUse']);
  });

  it('are listed by any attribute, part of an address, in pages and in any order', async () => {
    const { id } = await subnet();
    for (const n of [1, 2, 3, 4, 5]) await port({ name: `p${n % 2}`, fixed_ips: [{ ip_address: `10.0.0.10${n}` }] });
    const list = async (query: string): Promise<Body> => cloud.must(200, `GET /ports?${query}`);
    expect((await list('name=p1&name=none')).ports).toHaveLength(3);
    expect((await list('fixed_ips=ip_address_substr=0.10')).ports).toHaveLength(5);
    expect((await list(`fixed_ips=subnet_id=${id}&fixed_ips=ip_address=10.0.0.103`)).ports).toHaveLength(1);
    expect((await list('admin_state_up=False')).ports).toEqual([]);
    expect(Object.keys((await list('fields=id&fields=name')).ports[0])).toEqual(['id', 'name']);
    const names = async (query: string): Promise<string[]> => (await list(query)).ports.map((each: Body) => each.name);
    expect(await names('sort_key=name&sort_dir=desc')).toEqual(['p1', 'p1', 'p1', 'p0', 'p0']);
    const first = await list('limit=2&sort_key=id&sort_dir=asc');
    const next = first.ports_links.find((link: Body) => link.rel === 'next').href;
    const second = await cloud.must(200, `GET ${new URL(next).pathname}${new URL(next).search}`);
    expect(second.ports).toHaveLength(2);
    const back = second.ports_links.find((link: Body) => link.rel === 'previous').href;
    const again = await cloud.must(200, `GET ${new URL(back).pathname}${new URL(back).search}`);
    expect(again.ports.map((each: Body) => each.id)).toEqual(first.ports.map((each: Body) => each.id));
    const bad = await cloud.ask('GET /ports?colour=red');
    expect([bad.status, bad.body.NeutronError.message]).toEqual([400, "['colour'] is invalid attribute for filtering"]);
  });

  it('change only at the revision that the caller saw', async () => {
    const made = await port();
    const change = (revision: number) =>
      cloud.ask(`PUT /ports/${made.id}`, { port: { name: 'x' } }, 'alice', {
        'if-match': `revision_number=${revision}`,
      });
    expect((await change(made.revision_number + 1)).status).toBe(412);
    const { status, body } = await change(made.revision_number);
    expect([status, body.port.revision_number]).toEqual([200, made.revision_number + 1]);
  });
});
