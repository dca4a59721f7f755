import { type SqlBool, sql } from 'kysely';
import type { Db } from '#kernel/db/database.ts';
import { notFound } from '../errors.ts';
import { EVERYTHING } from '../resources/query.ts';
import {
  type Condition,
  isInteger,
  isOpened,
  isShared,
  isText,
  type Scope,
  type Source,
  selectRows,
  standardFilters,
} from '../resources/store.ts';
import type { NetworkTables } from '../tables.ts';
import type { AddressScopeRow } from './tables.ts';

type Tx = Db<NetworkTables>;
const { description: _description, ...filters } = standardFilters;

export const addressScopeSource: Source = {
  table: 'address_scopes',
  visible: (scope): Condition =>
    sql<SqlBool>`(t.project_id = ${scope.projectId} or ${isOpened('address_scope', ['access_as_shared'], 't.id', scope)})`,
  filters: {
    ...filters,
    name: isText('name'),
    ip_version: isInteger('ip_version'),
    shared: isShared('address_scope', 't.id'),
  },
};

export function addressScopeNotFound(id: string) {
  return notFound('AddressScopeNotFound', `Address scope ${id} could not be found.`);
}

/** @throws {NotFound} also when the scope may not see it. */
export async function getAddressScope(db: Tx, scope: Scope, id: string): Promise<AddressScopeRow> {
  const query = { ...EVERYTHING, filters: { id: [id] } };
  const row = (await selectRows<AddressScopeRow>(db, addressScopeSource, scope, query))[0];
  if (row === undefined) throw addressScopeNotFound(id);
  return row;
}

export async function insertAddressScope(tx: Tx, row: AddressScopeRow): Promise<void> {
  await tx.insertInto('address_scopes').values(row).execute();
}

export async function renameAddressScope(tx: Tx, id: string, name: string): Promise<void> {
  await tx.updateTable('address_scopes').set({ name }).where('id', '=', id).execute();
}

export async function deleteAddressScopeRow(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('address_scopes').where('id', '=', id).execute();
}
