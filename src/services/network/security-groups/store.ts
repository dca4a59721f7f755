import { type SqlBool, sql } from 'kysely';
import type { Db } from '#kernel/db/database.ts';
import { unlessTaken } from '#kernel/db/transaction.ts';
import { notFound } from '../errors.ts';
import { EVERYTHING } from '../resources/query.ts';
import {
  type Condition,
  isBit,
  isInteger,
  isOpened,
  isShared,
  isText,
  isTextOrNull,
  type Scope,
  type Source,
  selectRows,
  standardFilters,
} from '../resources/store.ts';
import type { NetworkTables } from '../tables.ts';
import type { SecurityGroupRow, SecurityGroupRuleRow } from './tables.ts';

type Tx = Db<NetworkTables>;

export const securityGroupSource: Source = {
  table: 'security_groups',
  visible: (scope): Condition =>
    sql<SqlBool>`(t.project_id = ${scope.projectId} or ${isOpened('security_group', ['access_as_shared'], 't.id', scope)})`,
  filters: {
    ...standardFilters,
    name: isText('name'),
    stateful: isBit('stateful'),
    shared: isShared('security_group', 't.id'),
  },
};

export const securityGroupRuleSource: Source = {
  table: 'security_group_rules',
  visible: (scope): Condition =>
    sql<SqlBool>`(t.project_id = ${scope.projectId} or t.security_group_id in (select id from security_groups where project_id = ${scope.projectId}))`,
  filters: {
    ...standardFilters,
    security_group_id: isText('security_group_id'),
    direction: isText('direction'),
    ethertype: isText('ethertype'),
    protocol: isTextOrNull('protocol'),
    port_range_min: isInteger('port_range_min'),
    port_range_max: isInteger('port_range_max'),
    remote_ip_prefix: isTextOrNull('remote_ip_prefix'),
    remote_group_id: isTextOrNull('remote_group_id'),
    remote_address_group_id: isTextOrNull('remote_address_group_id'),
  },
};

export function securityGroupNotFound(id: string) {
  return notFound('SecurityGroupNotFound', `Security group ${id} does not exist`);
}

export function ruleNotFound(id: string) {
  return notFound('SecurityGroupRuleNotFound', `Security group rule ${id} does not exist`);
}

/** @throws {NotFound} also when the scope may not see it. */
export async function getSecurityGroup(db: Tx, scope: Scope, id: string): Promise<SecurityGroupRow> {
  const query = { ...EVERYTHING, filters: { id: [id] } };
  const row = (await selectRows<SecurityGroupRow>(db, securityGroupSource, scope, query))[0];
  if (row === undefined) throw securityGroupNotFound(id);
  return row;
}

/** Groups that the scope may use, by id or name. */
export async function findSecurityGroupsBy(
  db: Tx,
  scope: Scope,
  by: { readonly id: string } | { readonly name: string; readonly projectId: string },
): Promise<SecurityGroupRow[]> {
  const filters = 'id' in by ? { id: [by.id] } : { name: [by.name], project_id: [by.projectId] };
  return selectRows<SecurityGroupRow>(db, securityGroupSource, scope, { ...EVERYTHING, filters });
}

export async function listSecurityGroupsById(db: Tx, ids: readonly string[]): Promise<SecurityGroupRow[]> {
  if (ids.length === 0) return [];
  return db.selectFrom('security_groups').selectAll().where('id', 'in', ids).execute();
}

export async function findDefaultGroupId(db: Tx, projectId: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('default_security_groups')
    .select('security_group_id')
    .where('project_id', '=', projectId)
    .executeTakeFirst();
  return row?.security_group_id;
}

export async function insertSecurityGroup(tx: Tx, row: SecurityGroupRow): Promise<void> {
  await tx.insertInto('security_groups').values(row).execute();
}

/** @returns false when the project has a default group already. */
export async function claimDefaultGroup(tx: Tx, projectId: string, groupId: string): Promise<boolean> {
  return unlessTaken(
    tx.insertInto('default_security_groups').values({ project_id: projectId, security_group_id: groupId }).execute(),
  );
}

export async function isDefaultGroup(db: Tx, groupId: string): Promise<boolean> {
  const row = await db
    .selectFrom('default_security_groups')
    .select('project_id')
    .where('security_group_id', '=', groupId)
    .executeTakeFirst();
  return row !== undefined;
}

export async function updateSecurityGroupRow(tx: Tx, id: string, changes: Partial<SecurityGroupRow>): Promise<void> {
  if (Object.keys(changes).length > 0)
    await tx.updateTable('security_groups').set(changes).where('id', '=', id).execute();
}

export async function deleteSecurityGroupRow(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('default_security_groups').where('security_group_id', '=', id).execute();
  await tx.deleteFrom('security_group_rules').where('security_group_id', '=', id).execute();
  await tx.deleteFrom('security_group_rules').where('remote_group_id', '=', id).execute();
  await tx.deleteFrom('security_groups').where('id', '=', id).execute();
}

export async function isGroupInUse(db: Tx, id: string): Promise<boolean> {
  const row = await db
    .selectFrom('port_security_groups')
    .select('port_id')
    .where('security_group_id', '=', id)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

export async function listRulesOf(db: Tx, groupIds: readonly string[]): Promise<SecurityGroupRuleRow[]> {
  if (groupIds.length === 0) return [];
  return db
    .selectFrom('security_group_rules')
    .selectAll()
    .where('security_group_id', 'in', groupIds)
    .orderBy('created_at')
    .orderBy('id')
    .execute();
}

/** @returns the rule that says the same already, if there is one. */
export async function insertRule(tx: Tx, row: SecurityGroupRuleRow): Promise<string | undefined> {
  const same = await tx
    .selectFrom('security_group_rules')
    .select('id')
    .where('security_group_id', '=', row.security_group_id)
    .where('fingerprint', '=', row.fingerprint)
    .executeTakeFirst();
  if (same !== undefined) return same.id;
  return (await unlessTaken(tx.insertInto('security_group_rules').values(row).execute())) ? undefined : 'another one';
}

export async function findRule(db: Tx, id: string): Promise<SecurityGroupRuleRow | undefined> {
  return db.selectFrom('security_group_rules').selectAll().where('id', '=', id).executeTakeFirst();
}

export async function deleteRule(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('security_group_rules').where('id', '=', id).execute();
}

export async function isAddressGroupInUse(db: Tx, addressGroupId: string): Promise<boolean> {
  const row = await db
    .selectFrom('security_group_rules')
    .select('id')
    .where('remote_address_group_id', '=', addressGroupId)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}
