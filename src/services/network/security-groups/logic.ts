import type { RequestContext } from '#kernel/auth/context.ts';
import { toBit } from '#kernel/db/json.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { PROTOCOLS_WITH_PORTS } from '#kernel/ip-protocols.ts';
import { getAddressGroup } from '../address-groups/store.ts';
import type { NetworkDeps } from '../deps.ts';
import { badRequest, conflict, hidden } from '../errors.ts';
import { touchGroups } from '../hosts/touch.ts';
import { checkQuota } from '../quotas/logic.ts';
import type { Changes, NewValues } from '../resources/attributes.ts';
import { newRow, type Write } from '../resources/resource.ts';
import { deleteAttachments, touchRow } from '../resources/store.ts';
import { versionOf } from '../resources/types.ts';
import { ensureDefaultGroup, fingerprintOf, makeGroup } from './default.ts';
import type { securityGroupAttributes, securityGroupRuleAttributes } from './schema.ts';
import {
  deleteRule,
  deleteSecurityGroupRow,
  findDefaultGroupId,
  findRule,
  getSecurityGroup,
  insertRule,
  isDefaultGroup,
  isGroupInUse,
  ruleNotFound,
  updateSecurityGroupRow,
} from './store.ts';
import { normalizedCidr, protocolNumber } from './values.ts';

type NewGroup = NewValues<typeof securityGroupAttributes> & { readonly project_id: string };
type NewRule = NewValues<typeof securityGroupRuleAttributes> & { readonly project_id: string };

/** Protocols with ports: TCP, UDP, DCCP, SCTP, UDP-Lite. */
const ICMP = new Set([1, 58]);
/** Protocols that exist in IPv6 alone. */
const IPV6_ONLY = new Set(['icmpv6', 'ipv6-encap', 'ipv6-frag', 'ipv6-icmp', 'ipv6-nonxt', 'ipv6-opts', 'ipv6-route']);

/** Makes the caller's default group, the first time that he lists groups. */
export async function prepareGroups(deps: NetworkDeps, ctx: RequestContext): Promise<void> {
  const { projectId } = ctx;
  if (projectId === null || (await findDefaultGroupId(deps.db, projectId)) !== undefined) return;
  await inTransaction(deps.db, (tx) => ensureDefaultGroup(deps, tx, projectId));
}

export async function createSecurityGroup(write: Write, values: NewGroup): Promise<string> {
  if (values.name.toLowerCase() === 'default')
    throw conflict('SecurityGroupDefaultAlreadyExists', 'Default security group already exists.');
  await ensureDefaultGroup(write.deps, write.tx, values.project_id);
  await checkQuota(write.deps, write.tx, values.project_id, 'security_group', 'security_groups');
  return makeGroup(write.deps, write.tx, {
    projectId: values.project_id,
    name: values.name,
    description: values.description,
    isStateful: values.stateful,
  });
}

export async function updateSecurityGroup(
  write: Write,
  id: string,
  changes: Changes<typeof securityGroupAttributes>,
): Promise<void> {
  const row = await getSecurityGroup(write.tx, { projectId: null, isAdmin: true }, id);
  const isRenamed = changes.name !== undefined && changes.name !== row.name;
  if (isRenamed && (await isDefaultGroup(write.tx, id)))
    throw conflict('SecurityGroupCannotUpdateDefault', 'Updating default security group not allowed.');
  if (isRenamed && changes.name?.toLowerCase() === 'default')
    throw conflict('SecurityGroupDefaultAlreadyExists', 'Default security group already exists.');
  const stateful = changes.stateful;
  if (stateful !== undefined && toBit(stateful) !== row.stateful && (await isGroupInUse(write.tx, id)))
    throw conflict('SecurityGroupInUse', `Security Group ${id} in use.`);
  await updateSecurityGroupRow(write.tx, id, {
    ...(changes.name === undefined ? {} : { name: changes.name }),
    ...(changes.description === undefined ? {} : { description: changes.description }),
    ...(stateful === undefined ? {} : { stateful: toBit(stateful) }),
  });
  await touchRow(write.tx, 'security_groups', id, write.deps.clock.now().getTime());
}

/** @throws {Conflict} while a port has it; for the default group of a project, to all but administrators. */
export async function deleteSecurityGroup(write: Write, id: string): Promise<void> {
  if (await isGroupInUse(write.tx, id)) throw conflict('SecurityGroupInUse', `Security Group ${id} in use.`);
  if (!write.scope.isAdmin && (await isDefaultGroup(write.tx, id)))
    throw conflict('SecurityGroupCannotRemoveDefault', 'Insufficient rights for removing default security group.');
  await deleteAttachments(write.tx, id);
  await deleteSecurityGroupRow(write.tx, id);
}

/**
 * Adds a rule to a group.
 * @throws {Conflict} `SecurityGroupRuleExists` when the group has one that does the same.
 */
export async function createRule(write: Write, values: NewRule): Promise<string> {
  checkRule(values);
  const group = await getSecurityGroup(write.tx, write.scope, values.security_group_id);
  if (!write.scope.isAdmin && group.project_id !== values.project_id) throw hidden();
  if (values.remote_group_id !== null) await getSecurityGroup(write.tx, write.scope, values.remote_group_id);
  if (values.remote_address_group_id !== null)
    await getAddressGroup(write.tx, write.scope, values.remote_address_group_id);
  const row = {
    ...newRow(write, values),
    security_group_id: values.security_group_id,
    direction: values.direction,
    ethertype: values.ethertype,
    protocol: values.protocol,
    port_range_min: values.port_range_min,
    port_range_max: values.port_range_max,
    remote_ip_prefix: values.remote_ip_prefix,
    remote_group_id: values.remote_group_id,
    remote_address_group_id: values.remote_address_group_id,
  };
  const fingerprint = fingerprintOf({
    ...row,
    protocol: protocolNumber(row.protocol, row.ethertype)?.toString() ?? null,
    remote_ip_prefix: anywhereIsNull(normalizedCidr(row.remote_ip_prefix)),
  });
  const same = await insertRule(write.tx, { ...row, fingerprint });
  if (same !== undefined)
    throw conflict('SecurityGroupRuleExists', `Security group rule already exists. Rule id is ${same}.`);
  await touchRow(write.tx, 'security_groups', group.id, row.updated_at);
  await touchGroups(write, [group.id]);
  return row.id;
}

export async function removeRule(write: Write, id: string): Promise<void> {
  const row = await findRule(write.tx, id);
  if (row === undefined) throw ruleNotFound(id);
  await touchGroups(write, [row.security_group_id]);
  await deleteRule(write.tx, id);
  await touchRow(write.tx, 'security_groups', row.security_group_id, write.deps.clock.now().getTime());
}

function anywhereIsNull(cidr: string | null): string | null {
  return cidr === '0.0.0.0/0' || cidr === '::/0' ? null : cidr;
}

/** @throws {BadRequest} for what makes no sense together. */
function checkRule(rule: NewRule): void {
  checkPorts(rule);
  const remotes = [rule.remote_ip_prefix, rule.remote_group_id, rule.remote_address_group_id];
  if (remotes.filter((remote) => remote !== null).length > 1)
    throw badRequest(
      'SecurityGroupMultipleRemoteEntites',
      'Only one of remote_ip_prefix or remote_group_id or remote_address_group_id may be provided.',
    );
  if (rule.ethertype === 'IPv4' && IPV6_ONLY.has(rule.protocol ?? ''))
    throw badRequest(
      'SecurityGroupEthertypeConflictWithProtocol',
      `Invalid ethertype ${rule.ethertype} for protocol ${rule.protocol}.`,
    );
  if (rule.remote_ip_prefix !== null && `IPv${versionOf(rule.remote_ip_prefix)}` !== rule.ethertype)
    throw badRequest(
      'SecurityGroupRuleParameterConflict',
      `Conflicting value ethertype ${rule.ethertype} for CIDR ${rule.remote_ip_prefix}`,
    );
}

function checkPorts({ port_range_min: min, port_range_max: max, protocol, ethertype }: NewRule): void {
  if (min === null && max === null) return;
  const number = protocolNumber(protocol, ethertype);
  if (number === null)
    throw badRequest('SecurityGroupProtocolRequiredWithPorts', 'Must also specify protocol if port range is given.');
  if (PROTOCOLS_WITH_PORTS.has(number)) {
    if (min === 0 || max === 0) throw badRequest('SecurityGroupInvalidPortValue', 'Invalid value for port 0');
    if (min === null || max === null || min > max)
      throw badRequest(
        'SecurityGroupInvalidPortRange',
        'For TCP/UDP protocols, port_range_min must be <= port_range_max',
      );
    return;
  }
  if (!ICMP.has(number))
    throw badRequest(
      'SecurityGroupInvalidProtocolForPort',
      `Ports cannot be specified for protocol ${protocol}. Ports are only supported for tcp, udp, dccp, sctp, udplite.`,
    );
  for (const [field, attr, value] of [
    ['port_range_min', 'type', min],
    ['port_range_max', 'code', max],
  ] as const) {
    if (value !== null && value > 255)
      throw badRequest(
        'SecurityGroupInvalidIcmpValue',
        `Invalid value for ICMP ${attr} (${field.replaceAll('_', '-')}) ${value}. It must be 0 to 255.`,
      );
  }
  if (min === null)
    throw badRequest(
      'SecurityGroupMissingIcmpType',
      `ICMP code (port-range-max) ${max} is provided but ICMP type (port-range-min) is missing.`,
    );
}
