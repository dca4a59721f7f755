import { type SqlBool, sql } from 'kysely';
import type { Db } from '#kernel/db/database.ts';
import { type JsonText, toJson } from '#kernel/db/json.ts';
import { notFound } from '../errors.ts';
import { EVERYTHING } from '../resources/query.ts';
import {
  type Condition,
  isOpened,
  isShared,
  isText,
  type Scope,
  type Source,
  selectRows,
  standardFilters,
} from '../resources/store.ts';
import type { NetworkTables } from '../tables.ts';
import type { AddressGroupRow } from './tables.ts';

type Tx = Db<NetworkTables>;

export const addressGroupSource: Source = {
  table: 'address_groups',
  visible: (scope): Condition =>
    sql<SqlBool>`(t.project_id = ${scope.projectId} or ${isOpened('address_group', ['access_as_shared'], 't.id', scope)})`,
  filters: { ...standardFilters, name: isText('name'), shared: isShared('address_group', 't.id') },
};

export function addressGroupNotFound(id: string) {
  return notFound('AddressGroupNotFound', `Address group ${id} could not be found.`);
}

/** @throws {NotFound} also when the scope may not see it. */
export async function getAddressGroup(db: Tx, scope: Scope, id: string): Promise<AddressGroupRow> {
  const query = { ...EVERYTHING, filters: { id: [id] } };
  const row = (await selectRows<AddressGroupRow>(db, addressGroupSource, scope, query))[0];
  if (row === undefined) throw addressGroupNotFound(id);
  return row;
}

export async function listAddressGroupsById(db: Tx, ids: readonly string[]): Promise<AddressGroupRow[]> {
  if (ids.length === 0) return [];
  return db.selectFrom('address_groups').selectAll().where('id', 'in', ids).execute();
}

export async function insertAddressGroup(tx: Tx, row: AddressGroupRow): Promise<void> {
  await tx.insertInto('address_groups').values(row).execute();
}

export async function updateAddressGroupRow(
  tx: Tx,
  id: string,
  changes: {
    readonly name?: string | undefined;
    readonly description?: string | undefined;
    readonly addresses?: readonly string[];
  },
): Promise<void> {
  const set: { name?: string; description?: string; addresses?: JsonText<readonly string[]> } = {};
  if (changes.name !== undefined) set.name = changes.name;
  if (changes.description !== undefined) set.description = changes.description;
  if (changes.addresses !== undefined) set.addresses = toJson(changes.addresses);
  if (Object.keys(set).length > 0) await tx.updateTable('address_groups').set(set).where('id', '=', id).execute();
}

export async function deleteAddressGroupRow(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('address_groups').where('id', '=', id).execute();
}
