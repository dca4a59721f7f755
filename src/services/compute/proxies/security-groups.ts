/** Security groups as compute kept them until 2.35, and those of servers. @see nova/api/openstack/compute/security_groups.py */
import { Type } from 'typebox';
import { type Route, route } from '#kernel/api/route.ts';
import type { RequestContext } from '#kernel/auth/context.ts';
import { BadRequest, Forbidden, NotFound } from '#kernel/errors.ts';
import { isUuidLike } from '#kernel/ids.ts';
import { isCidr } from '#kernel/net.ts';
import type { ComputeDeps } from '../deps.ts';
import { compute } from '../microversions.ts';
import { MAX_PAGE } from '../paging.ts';
import { openServer } from '../servers/access.ts';
import type { ServerAction } from '../servers/actions/action.ts';
import { ask, isStatus, type Question } from './ask.ts';

interface Rule {
  readonly id: string;
  readonly direction: 'ingress' | 'egress';
  readonly security_group_id: string;
  readonly protocol: string | null;
  readonly port_range_min: number | null;
  readonly port_range_max: number | null;
  readonly remote_ip_prefix: string | null;
  readonly remote_group_id: string | null;
}

interface Group {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly tenant_id: string;
  readonly security_group_rules: readonly Rule[];
}

type Deps = Pick<ComputeDeps, 'network' | 'policy' | 'db'>;

const rule = (verb: string): string => `os_compute_api:os-security-groups:${verb}`;
const Text = Type.Unsafe<string | undefined>({ type: 'string', maxLength: 255 });
const GroupBody = Type.Object({
  security_group: Type.Object({ name: Text, description: Text }, { additionalProperties: true }),
});
/** Numbers may come as text, and nothing is refused by its shape that isn't by its meaning. */
const RuleBody = Type.Object({
  security_group_rule: Type.Unsafe<Record<string, unknown>>({ type: 'object' }),
});

export const securityGroupProxyRoutes = (deps: ComputeDeps): Route[] => {
  const before = compute.noProxies;
  const idOf = (text: string | undefined): string => checkId(text);
  return [
    route({
      method: 'GET',
      path: '/os-security-groups',
      name: 'listSecurityGroups',
      before,
      policy: rule('get'),
      query: Type.Object(
        {
          limit: Type.Optional(Type.Unsafe<string>({ type: 'string', pattern: '^[0-9]{1,15}$' })),
          offset: Type.Optional(Type.Unsafe<string>({ type: 'string', pattern: '^[0-9]{1,15}$' })),
          all_tenants: Type.Optional(Type.String()),
        },
        { additionalProperties: true },
      ),
      handler: async ({ ctx, query }) => {
        const isForAll = query.all_tenants !== undefined && deps.policy.allows(ctx, 'context_is_admin');
        const path = `/v2.0/security-groups${isForAll ? '' : `?tenant_id=${encodeURIComponent(ctx.projectId ?? '')}`}`;
        const groups = await listGroups(deps, ctx, path);
        const from = Number(query.offset ?? 0);
        const limit = Number(query.limit ?? 0);
        return {
          security_groups: views(groups.slice(from, from + Math.min(limit === 0 ? MAX_PAGE : limit, MAX_PAGE))),
        };
      },
    }),
    route({
      method: 'POST',
      path: '/os-security-groups',
      name: 'createSecurityGroup',
      before,
      policy: rule('create'),
      body: GroupBody,
      handler: async ({ ctx, body }) => {
        const { name, description } = body.security_group;
        const security_group = { name, description };
        const question = { method: 'POST', path: '/v2.0/security-groups', body: { security_group } } as const;
        const made = await quotaAsForbidden(() => ask<{ security_group: Group }>(deps.network, ctx, question));
        return { security_group: view(made.security_group, []) };
      },
    }),
    route({
      method: 'GET',
      path: '/os-security-groups/:groupId',
      name: 'showSecurityGroup',
      before,
      policy: rule('show'),
      handler: async ({ ctx, params }) => {
        const group = await getGroup(deps, ctx, idOf(params['groupId']));
        return { security_group: view(group, await namesFor(deps, ctx, [group])) };
      },
    }),
    route({
      method: 'PUT',
      path: '/os-security-groups/:groupId',
      name: 'updateSecurityGroup',
      before,
      policy: rule('update'),
      body: GroupBody,
      handler: async ({ ctx, params, body }) => {
        const { id } = await getGroup(deps, ctx, idOf(params['groupId']));
        const { name, description } = body.security_group;
        const question: Question = {
          method: 'PUT',
          path: `/v2.0/security-groups/${id}`,
          body: { security_group: { name, description } },
        };
        await conflictAsBad(() => ask(deps.network, ctx, question));
        return { security_group: view(await getGroup(deps, ctx, id), []) };
      },
    }),
    route({
      method: 'DELETE',
      path: '/os-security-groups/:groupId',
      name: 'deleteSecurityGroup',
      before,
      policy: rule('delete'),
      status: 202,
      handler: async ({ ctx, params }) => {
        const { id } = await getGroup(deps, ctx, idOf(params['groupId']));
        await conflictAsBad(() => ask(deps.network, ctx, { method: 'DELETE', path: `/v2.0/security-groups/${id}` }));
      },
    }),
    route({
      method: 'POST',
      path: '/os-security-group-rules',
      name: 'createSecurityGroupRule',
      before,
      policy: rule('rule:create'),
      body: RuleBody,
      handler: async ({ ctx, body }) => ({
        security_group_rule: await createRule(deps, ctx, body.security_group_rule),
      }),
    }),
    route({
      method: 'DELETE',
      path: '/os-security-group-rules/:ruleId',
      name: 'deleteSecurityGroupRule',
      before,
      policy: rule('rule:delete'),
      status: 202,
      handler: async ({ ctx, params }) => {
        const id = idOf(params['ruleId']);
        await ask(deps.network, ctx, { method: 'DELETE', path: `/v2.0/security-group-rules/${id}` });
      },
    }),
    route({
      method: 'GET',
      path: '/servers/:serverId/os-security-groups',
      name: 'listSecurityGroupsOfServer',
      handler: async ({ ctx, params }) => {
        const server = await openServer(deps, ctx, params['serverId'] ?? '', rule('list'));
        const ports = await portsOf(deps, ctx, server.id);
        const ids = [...new Set(ports.flatMap((port) => port.security_groups))];
        if (ids.length === 0) return { security_groups: [] };
        const groups = await listGroups(deps, ctx, `/v2.0/security-groups?${ids.map((id) => `id=${id}`).join('&')}`);
        return { security_groups: views(groups) };
      },
    }),
  ];
};

/** Server actions: one group more, or less, on every port of the server. */
export const securityGroupActions = (deps: ComputeDeps): ServerAction[] => {
  const input = Type.Object({ name: Type.String({ minLength: 1, maxLength: 255 }) }, { additionalProperties: false });
  const change = async (ctx: RequestContext, serverId: string, name: string, verb: 'add' | 'remove'): Promise<void> => {
    const server = await openServer(deps, ctx, serverId, rule(verb));
    const query = `tenant_id=${encodeURIComponent(server.project_id)}`;
    const groups = await listGroups(deps, ctx, `/v2.0/security-groups?${query}`);
    const group = groups.find(({ id }) => id === name) ?? groups.find((each) => each.name === name);
    if (group === undefined) {
      throw new NotFound(
        'compute.security_group.absent',
        `Security group ${name} is not found for project ${server.project_id}`,
      );
    }
    const ports = await portsOf(deps, ctx, server.id);
    const isOn = (port: Port): boolean => port.security_groups.includes(group.id);
    if (verb === 'remove' && !ports.some(isOn)) {
      throw new NotFound(
        'compute.security_group.not_on_server',
        `Security group ${name} not associated with the instance ${server.id}`,
      );
    }
    for (const port of ports.filter((each) => isOn(each) === (verb === 'remove'))) {
      const kept = port.security_groups.filter((id) => id !== group.id);
      const body = { port: { security_groups: verb === 'add' ? [...kept, group.id] : kept } };
      await ask(deps.network, ctx, { method: 'PUT', path: `/v2.0/ports/${port.id}`, body });
    }
  };
  return (['add', 'remove'] as const).map((verb) => ({
    name: `${verb}SecurityGroup`,
    input,
    async run({ ctx }, serverId, { name }: { readonly name: string }) {
      await change(ctx, serverId, name, verb);
      return undefined;
    },
  }));
};

interface Port {
  readonly id: string;
  readonly security_groups: readonly string[];
}

async function portsOf({ network }: Deps, ctx: RequestContext, serverId: string): Promise<Port[]> {
  const path = `/v2.0/ports?device_id=${encodeURIComponent(serverId)}`;
  return (await ask<{ ports: Port[] }>(network, ctx, { method: 'GET', path })).ports;
}

async function listGroups({ network }: Deps, ctx: RequestContext, path: string): Promise<Group[]> {
  return (await ask<{ security_groups: Group[] }>(network, ctx, { method: 'GET', path })).security_groups;
}

/** @throws {NotFound} `compute.proxy` */
async function getGroup({ network }: Deps, ctx: RequestContext, id: string): Promise<Group> {
  return (await ask<{ security_group: Group }>(network, ctx, { method: 'GET', path: `/v2.0/security-groups/${id}` }))
    .security_group;
}

/** @throws {BadRequest} `compute.security_group.id` */
function checkId(text: unknown): string {
  if (typeof text === 'string' && isUuidLike(text)) return text;
  throw new BadRequest('compute.security_group.id', 'Security group id should be uuid');
}

/** The groups that rules of these groups point to. */
async function namesFor(deps: Deps, ctx: RequestContext, groups: readonly Group[]): Promise<Group[]> {
  const known = new Map(groups.map((group) => [group.id, group]));
  const ids = new Set(groups.flatMap((group) => group.security_group_rules.map((each) => each.remote_group_id)));
  const missing = [...ids].filter((id): id is string => id !== null && !known.has(id));
  if (missing.length === 0) return [...groups];
  const path = `/v2.0/security-groups?${missing.map((id) => `id=${id}`).join('&')}`;
  return [...groups, ...(await listGroups(deps, ctx, path))];
}

function views(groups: readonly Group[]): Record<string, unknown>[] {
  const order = (group: Group): string => `${group.tenant_id} ${group.name}`;
  return groups
    .toSorted((a, b) => (order(a) < order(b) ? -1 : Number(order(a) > order(b))))
    .map((group) => view(group, groups));
}

/** Compute knew of rules for what comes in only. */
function view(group: Group, others: readonly Group[]): Record<string, unknown> {
  return {
    id: group.id,
    name: group.name,
    description: group.description,
    tenant_id: group.tenant_id,
    rules: group.security_group_rules
      .filter(({ direction }) => direction === 'ingress')
      .map((each) => ruleView(each, [group, ...others])),
  };
}

function ruleView(each: Rule, groups: readonly Group[]): Record<string, unknown> {
  const source = groups.find(({ id }) => id === each.remote_group_id);
  const [from, to] = portsOfRule(each);
  return {
    id: each.id,
    parent_group_id: each.security_group_id,
    ip_protocol: each.protocol,
    from_port: from,
    to_port: to,
    group: source === undefined ? {} : { name: source.name, tenant_id: source.tenant_id },
    ip_range: each.remote_group_id === null ? { cidr: each.remote_ip_prefix ?? '0.0.0.0/0' } : {},
  };
}

function portsOfRule(each: Rule): readonly (number | null)[] {
  if (each.protocol === null || each.port_range_min !== null || each.port_range_max !== null)
    return [each.port_range_min, each.port_range_max];
  return ['tcp', 'udp'].includes(each.protocol.toLowerCase()) ? [1, 65_535] : [-1, -1];
}

/** @throws {BadRequest} for what is no rule or is there already; {NotFound} for a group that isn't there */
async function createRule(
  deps: Deps,
  ctx: RequestContext,
  wanted: Readonly<Record<string, unknown>>,
): Promise<unknown> {
  const parent = await getGroup(deps, ctx, checkId(wanted['parent_group_id']));
  const sourceId = wanted['group_id'] === undefined || wanted['group_id'] === null ? null : checkId(wanted['group_id']);
  const source = sourceId === null ? undefined : await getGroup(deps, ctx, sourceId);
  const cidr = sourceId === null ? readCidr(wanted['cidr']) : null;
  const range = readRange(wanted, sourceId !== null);
  const body = {
    security_group_rule: {
      security_group_id: parent.id,
      direction: 'ingress',
      ethertype: cidr?.includes(':') === true ? 'IPv6' : 'IPv4',
      ...range,
      ...(sourceId === null ? { remote_ip_prefix: cidr } : { remote_group_id: sourceId }),
    },
  };
  const question = { method: 'POST', path: '/v2.0/security-group-rules', body } as const;
  const made = await quotaAsForbidden(() =>
    conflictAsBad(() => ask<{ security_group_rule: Rule }>(deps.network, ctx, question)),
  );
  return ruleView(made.security_group_rule, [parent, ...(source === undefined ? [] : [source])]);
}

function readCidr(value: unknown): string {
  if (value === undefined || value === null || value === '') return '0.0.0.0/0';
  if (typeof value === 'string' && isCidr(value)) {
    if (value.endsWith('/0') && !/^(?:0\.0\.0\.0|::)\/0$/.test(value))
      throw new BadRequest('compute.security_group.rule', `Bad prefix for network in cidr ${value}`);
    return value;
  }
  throw new BadRequest('compute.security_group.rule', `Invalid cidr ${String(JSON.stringify(value)).slice(0, 255)}.`);
}

/** @see nova/network/security_group_api.py, _new_ingress_rule */
function readRange(wanted: Readonly<Record<string, unknown>>, hasSource: boolean): Record<string, unknown> {
  const { ip_protocol: protocol, from_port: from, to_port: to } = wanted;
  const bad = (sentence: string): BadRequest => new BadRequest('compute.security_group.rule', sentence);
  const isGiven = (value: unknown): boolean => value !== undefined && value !== null && value !== '';
  if (!isGiven(protocol) || !isGiven(from) || !isGiven(to)) {
    if (!hasSource) throw bad('Not enough parameters to build a valid rule.');
    return isGiven(protocol) ? { protocol: String(protocol).toLowerCase() } : {};
  }
  const name = String(protocol).toLowerCase();
  const [low, high] = [Number(from), Number(to)];
  if (!Number.isInteger(low) || !Number.isInteger(high)) {
    throw bad(
      name === 'icmp'
        ? 'Invalid input received: Type and Code must be integers for ICMP protocol type'
        : 'Invalid input received: To and From ports must be integers',
    );
  }
  if (!['tcp', 'udp', 'icmp'].includes(name)) throw bad(`Invalid IP protocol ${name.slice(0, 100)}.`);
  const range = `Invalid port range ${low}:${high}.`;
  if (name === 'icmp') {
    if (low < -1 || low > 255 || high < -1 || high > 255) throw bad(`${range} For ICMP, the type:code must be valid`);
    return { protocol: name, port_range_min: low < 0 ? null : low, port_range_max: high < 0 ? null : high };
  }
  if (low > high) throw bad(`${range} Former value cannot be greater than the later`);
  if (low < 1 || high > 65_535) throw bad(`${range} Valid ${name.toUpperCase()} ports should be between 1-65535`);
  return { protocol: name, port_range_min: low, port_range_max: high };
}

/** Network's 409 for a full quota is compute's 403. */
async function quotaAsForbidden<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isQuota = (isStatus(error, 409) || isStatus(error, 400)) && /quota/i.test(error.message);
    throw isQuota ? new Forbidden('compute.security_group.quota', error.message) : error;
  }
}

/** What is in use, or there already, is a bad request here. */
async function conflictAsBad<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw isStatus(error, 409) ? new BadRequest('compute.proxy', error.message) : error;
  }
}
