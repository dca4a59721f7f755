import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Body, type NetworkUnderTest, startNetwork } from '#tests/api/network.ts';

let cloud: NetworkUnderTest;
beforeEach(async () => {
  cloud = await startNetwork();
});
afterEach(() => cloud.close());

const group = async (name: string, who = 'alice'): Promise<Body> =>
  (await cloud.must(201, 'POST /security-groups', { security_group: { name } }, who)).security_group;

describe('security groups', () => {
  it('begin with one default group per project, however many look at once', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => cloud.ask('GET /security-groups')));
    for (const { body } of answers) expect(body.security_groups.map((each: Body) => each.name)).toEqual(['default']);
    expect(new Set(answers.map(({ body }) => body.security_groups[0].id)).size).toBe(1);
    const { security_group_rules: rules } = await cloud.must(200, 'GET /security-group-rules');
    expect(rules.map((rule: Body) => `${rule.direction} ${rule.ethertype} ${rule.remote_group_id !== null}`)).toEqual(
      expect.arrayContaining(['egress IPv4 false', 'egress IPv6 false', 'ingress IPv4 true', 'ingress IPv6 true']),
    );
  });

  it('called default are neither made, renamed nor deleted', async () => {
    const { security_groups: groups } = await cloud.must(200, 'GET /security-groups');
    const body = (name: string) => ({ security_group: { name } });
    expect((await cloud.ask('POST /security-groups', body('Default'))).status).toBe(409);
    expect((await cloud.ask(`PUT /security-groups/${groups[0].id}`, body('x'))).status).toBe(409);
    expect((await cloud.ask(`DELETE /security-groups/${groups[0].id}`)).status).toBe(409);
    const other = await group('web');
    expect((await cloud.ask(`PUT /security-groups/${other.id}`, body('default'))).status).toBe(409);
    await cloud.must(200, `PUT /security-groups/${other.id}`, body('www'));
    expect((await cloud.must(200, `GET /security-groups/${other.id}`)).security_group.name).toBe('www');
    await cloud.must(204, `DELETE /security-groups/${other.id}`);
  });

  it.each([
    [{ protocol: 'tcp' }, { protocol: '6' }],
    [
      { protocol: 'icmp', ethertype: 'IPv6' },
      { protocol: 'icmpv6', ethertype: 'ipv6' },
    ],
    [{ remote_ip_prefix: '10.0.0.7/24' }, { remote_ip_prefix: '10.0.0.0/24' }],
    [{ protocol: 'any' }, { protocol: null, remote_ip_prefix: '0.0.0.0/0' }],
    [
      { protocol: 'tcp', port_range_min: '22', port_range_max: 22 },
      { protocol: 'tcp', port_range_min: 22, port_range_max: 22 },
    ],
  ])('hold %j and not %j as well, which does the same', async (first, second) => {
    const { id } = await group('web');
    const rule = (extra: Record<string, unknown>) => ({
      security_group_rule: { security_group_id: id, direction: 'ingress', ...extra },
    });
    const { security_group_rule: made } = await cloud.must(201, 'POST /security-group-rules', rule(first));
    const again = await cloud.ask('POST /security-group-rules', rule(second));
    expect([again.status, again.body.NeutronError.message]).toEqual([
      409,
      `Security group rule already exists. Rule id is ${made.id}.`,
    ]);
  });

  it('are used by other projects only where they are shared', async () => {
    const { id } = await group('web');
    const { network } = await cloud.must(201, 'POST /networks', { network: { name: 'b' } }, 'bob');
    const port = { port: { network_id: network.id, security_groups: [id] } };
    expect((await cloud.ask('POST /ports', port, 'bob')).status).toBe(404);
    const policy = {
      object_type: 'security_group',
      object_id: id,
      action: 'access_as_shared',
      target_tenant: 'project-bob',
    };
    const { rbac_policy: rbac } = await cloud.must(201, 'POST /rbac-policies', { rbac_policy: policy });
    const made = (await cloud.must(201, 'POST /ports', port, 'bob')).port;
    const rule = { security_group_id: id, direction: 'ingress', protocol: 'tcp' };
    expect((await cloud.ask('POST /security-group-rules', { security_group_rule: rule }, 'bob')).status).toBe(404);
    expect((await cloud.ask(`DELETE /security-groups/${id}`)).body.NeutronError.type).toBe('SecurityGroupInUse');
    expect((await cloud.ask(`DELETE /rbac-policies/${rbac.id}`)).body.NeutronError.type).toBe('RbacPolicyInUse');
    await cloud.must(204, `DELETE /ports/${made.id}`, undefined, 'bob');
    await cloud.must(204, `DELETE /rbac-policies/${rbac.id}`);
  });

  it('lose a rule, and the rules that name a group go with the group', async () => {
    const [web, db] = [await group('web'), await group('db')];
    const rule = { security_group_id: db.id, direction: 'ingress', protocol: 'tcp', remote_group_id: web.id };
    const { security_group_rule: made } = await cloud.must(201, 'POST /security-group-rules', {
      security_group_rule: rule,
    });
    await cloud.must(200, `GET /security-group-rules/${made.id}`);
    await cloud.must(204, `DELETE /security-groups/${web.id}`);
    expect((await cloud.ask(`GET /security-group-rules/${made.id}`)).status).toBe(404);
    const { security_group_rules: rules } = await cloud.must(
      200,
      `GET /security-group-rules?security_group_id=${db.id}`,
    );
    await cloud.must(204, `DELETE /security-group-rules/${rules[0].id}`);
    expect((await cloud.ask(`DELETE /security-group-rules/${rules[0].id}`)).status).toBe(404);
  });
});

describe('address groups', () => {
  it('take and lose addresses, and stay while a rule names them', async () => {
    const { address_group: made } = await cloud.must(201, 'POST /address-groups', {
      address_group: { name: 'a', addresses: ['10.0.0.1', '10.1.0.0/16'] },
    });
    expect(made.addresses).toEqual(['10.0.0.1/32', '10.1.0.0/16']);
    const change = (verb: string, addresses: string[]) =>
      cloud.ask(`PUT /address-groups/${made.id}/${verb}_addresses`, { addresses });
    expect((await change('add', ['10.0.0.1'])).status).toBe(400);
    expect((await change('remove', ['10.0.0.9'])).status).toBe(404);
    expect((await change('add', ['2001:db8::1'])).body.address_group.addresses).toContain('2001:db8::1/128');
    expect((await change('remove', ['10.0.0.1/32'])).status).toBe(200);
    await cloud.must(200, `PUT /address-groups/${made.id}`, { address_group: { name: 'b' } });
    const { id } = await group('web');
    const rule = { security_group_id: id, direction: 'ingress', remote_address_group_id: made.id };
    const { security_group_rule: used } = await cloud.must(201, 'POST /security-group-rules', {
      security_group_rule: rule,
    });
    expect((await cloud.ask(`DELETE /address-groups/${made.id}`)).body.NeutronError.type).toBe('AddressGroupInUse');
    await cloud.must(204, `DELETE /security-group-rules/${used.id}`);
    expect((await cloud.must(200, 'GET /address-groups')).address_groups).toHaveLength(1);
    await cloud.must(200, `GET /address-groups/${made.id}`);
    await cloud.must(204, `DELETE /address-groups/${made.id}`);
  });
});
