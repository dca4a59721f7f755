import type { Db } from '#kernel/db/database.ts';
import { listSharedIds } from '../networks/store.ts';
import { standardView, type WireObject } from '../resources/resource.ts';
import { type Scope, tagsOf } from '../resources/store.ts';
import type { NetworkTables } from '../tables.ts';
import { listRulesOf } from './store.ts';
import type { SecurityGroupRow, SecurityGroupRuleRow } from './tables.ts';
import { normalizedCidr } from './values.ts';

export async function viewSecurityGroups(
  db: Db<NetworkTables>,
  rows: readonly SecurityGroupRow[],
  scope: Scope,
): Promise<WireObject[]> {
  const ids = rows.map(({ id }) => id);
  const rules = Map.groupBy(await listRulesOf(db, ids), (rule) => rule.security_group_id);
  const shared = await listSharedIds(db, 'security_group', ids, scope.projectId);
  const tags = await tagsOf(db, ids);
  return rows.map((row) => ({
    ...standardView(row),
    name: row.name,
    stateful: row.stateful === 1,
    shared: shared.has(row.id),
    security_group_rules: (rules.get(row.id) ?? []).map(viewRule),
    tags: tags.get(row.id) ?? [],
  }));
}

export async function viewRules(_db: unknown, rows: readonly SecurityGroupRuleRow[]): Promise<WireObject[]> {
  return rows.map(viewRule);
}

function viewRule(row: SecurityGroupRuleRow): WireObject {
  return {
    ...standardView(row),
    security_group_id: row.security_group_id,
    direction: row.direction,
    ethertype: row.ethertype,
    protocol: row.protocol,
    port_range_min: row.port_range_min,
    port_range_max: row.port_range_max,
    remote_ip_prefix: row.remote_ip_prefix,
    remote_group_id: row.remote_group_id,
    remote_address_group_id: row.remote_address_group_id,
    normalized_cidr: normalizedCidr(row.remote_ip_prefix),
  };
}
