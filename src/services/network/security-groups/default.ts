import type { Db } from '#kernel/db/database.ts';
import { newUuid } from '#kernel/ids.ts';
import type { NetworkDeps } from '../deps.ts';
import type { NetworkTables } from '../tables.ts';
import {
  claimDefaultGroup,
  deleteSecurityGroupRow,
  findDefaultGroupId,
  insertRule,
  insertSecurityGroup,
} from './store.ts';
import type { SecurityGroupRuleRow } from './tables.ts';

type RuleSpec = Pick<SecurityGroupRuleRow, 'direction' | 'ethertype'> & { readonly remoteGroupId?: string };

/**
 * The id of the project's group `default`, which is made the first time that somebody looks; when two look at once, the table's
 * key says whose it is.
 */
export async function ensureDefaultGroup(deps: NetworkDeps, tx: Db<NetworkTables>, projectId: string): Promise<string> {
  const found = await findDefaultGroupId(tx, projectId);
  if (found !== undefined) return found;
  const id = await makeGroup(deps, tx, {
    projectId,
    name: 'default',
    description: 'Default security group',
    isStateful: true,
  });
  for (const ethertype of ['IPv4', 'IPv6'] as const)
    await insertPlainRule(deps, tx, projectId, id, { direction: 'ingress', ethertype, remoteGroupId: id });
  if (await claimDefaultGroup(tx, projectId, id)) return id;
  await deleteSecurityGroupRow(tx, id);
  return (await findDefaultGroupId(tx, projectId)) ?? id;
}

/** A group as it is born: everything may leave. */
export async function makeGroup(
  deps: NetworkDeps,
  tx: Db<NetworkTables>,
  group: {
    readonly projectId: string;
    readonly name: string;
    readonly description: string;
    readonly isStateful: boolean;
  },
): Promise<string> {
  const nowMs = deps.clock.now().getTime();
  const id = newUuid();
  await insertSecurityGroup(tx, {
    id,
    project_id: group.projectId,
    name: group.name,
    description: group.description,
    stateful: group.isStateful ? 1 : 0,
    revision_number: 1,
    created_at: nowMs,
    updated_at: nowMs,
  });
  for (const ethertype of ['IPv4', 'IPv6'] as const)
    await insertPlainRule(deps, tx, group.projectId, id, { direction: 'egress', ethertype });
  return id;
}

async function insertPlainRule(
  deps: NetworkDeps,
  tx: Db<NetworkTables>,
  projectId: string,
  groupId: string,
  { direction, ethertype, remoteGroupId }: RuleSpec,
): Promise<void> {
  const nowMs = deps.clock.now().getTime();
  const row: Omit<SecurityGroupRuleRow, 'fingerprint'> = {
    id: newUuid(),
    project_id: projectId,
    description: '',
    revision_number: 0,
    created_at: nowMs,
    updated_at: nowMs,
    security_group_id: groupId,
    direction,
    ethertype,
    protocol: null,
    port_range_min: null,
    port_range_max: null,
    remote_ip_prefix: null,
    remote_group_id: remoteGroupId ?? null,
    remote_address_group_id: null,
  };
  await insertRule(tx, { ...row, fingerprint: fingerprintOf(row) });
}

/** The same text for rules that do the same. */
export function fingerprintOf(
  rule: Pick<
    SecurityGroupRuleRow,
    | 'direction'
    | 'ethertype'
    | 'protocol'
    | 'port_range_min'
    | 'port_range_max'
    | 'remote_ip_prefix'
    | 'remote_group_id'
    | 'remote_address_group_id'
  >,
): string {
  return [
    rule.direction,
    rule.ethertype,
    rule.protocol ?? '-',
    rule.port_range_min ?? '-',
    rule.port_range_max ?? '-',
    rule.remote_ip_prefix ?? '-',
    rule.remote_group_id ?? '-',
    rule.remote_address_group_id ?? '-',
  ].join(' ');
}
