import { type SqlBool, sql } from 'kysely';
import type { Db } from '#kernel/db/database.ts';
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
import type { SubnetPoolRow } from './tables.ts';

type Tx = Db<NetworkTables>;

export const subnetPoolSource: Source = {
  table: 'subnet_pools',
  visible: (scope): Condition =>
    sql<SqlBool>`(t.project_id = ${scope.projectId} or ${isOpened('subnetpool', ['access_as_shared'], 't.id', scope)})`,
  filters: {
    ...standardFilters,
    name: isText('name'),
    ip_version: isInteger('ip_version'),
    default_prefixlen: isInteger('default_prefixlen'),
    min_prefixlen: isInteger('min_prefixlen'),
    max_prefixlen: isInteger('max_prefixlen'),
    default_quota: isInteger('default_quota'),
    is_default: isBit('is_default'),
    shared: isShared('subnetpool', 't.id'),
    address_scope_id: isTextOrNull('address_scope_id'),
  },
};

export function subnetPoolNotFound(id: string) {
  return notFound('SubnetPoolNotFound', `Subnet pool ${id} could not be found.`);
}

/** @throws {NotFound} also when the scope may not see it. */
export async function getSubnetPool(db: Tx, scope: Scope, id: string): Promise<SubnetPoolRow> {
  const query = { ...EVERYTHING, filters: { id: [id] } };
  const row = (await selectRows<SubnetPoolRow>(db, subnetPoolSource, scope, query))[0];
  if (row === undefined) throw subnetPoolNotFound(id);
  return row;
}

export async function findDefaultPool(db: Tx, ipVersion: 4 | 6): Promise<SubnetPoolRow | undefined> {
  return db
    .selectFrom('subnet_pools')
    .selectAll()
    .where('is_default', '=', 1)
    .where('ip_version', '=', ipVersion)
    .executeTakeFirst();
}

export async function listPoolsOfScope(db: Tx, addressScopeId: string): Promise<SubnetPoolRow[]> {
  return db.selectFrom('subnet_pools').selectAll().where('address_scope_id', '=', addressScopeId).execute();
}

export async function insertSubnetPool(tx: Tx, row: SubnetPoolRow): Promise<void> {
  await tx.insertInto('subnet_pools').values(row).execute();
}

export async function updateSubnetPoolRow(tx: Tx, id: string, changes: Partial<SubnetPoolRow>): Promise<void> {
  await tx.updateTable('subnet_pools').set(changes).where('id', '=', id).execute();
}

export async function deleteSubnetPoolRow(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('subnet_pools').where('id', '=', id).execute();
}
