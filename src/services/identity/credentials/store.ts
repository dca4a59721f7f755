import type { Db } from '#kernel/db/database.ts';
import { unlessTaken } from '#kernel/db/transaction.ts';
import { conflict } from '../errors.ts';
import { applyFilters, type Filter } from '../store/filters.ts';
import type { CredentialId, CredentialRow, CredentialTables } from './tables.ts';

type CredentialDb = Db<CredentialTables>;

export function findCredential(db: CredentialDb, id: CredentialId): Promise<CredentialRow | undefined> {
  return db.selectFrom('credentials').selectAll().where('id', '=', id).executeTakeFirst();
}

/** Credentials in the order of their ids; one more than the limit when there are more. */
export function listCredentials(
  db: CredentialDb,
  query: {
    readonly filters: readonly Filter[];
    readonly userId?: string;
    readonly type?: string;
    readonly limit: number;
  },
): Promise<CredentialRow[]> {
  let select = db
    .selectFrom('credentials')
    .selectAll()
    .orderBy('id')
    .limit(query.limit + 1);
  if (query.userId !== undefined) select = select.where('user_id', '=', query.userId);
  if (query.type !== undefined) select = select.where('type', '=', query.type);
  return applyFilters(select, 'credentials', query.filters).execute();
}

/** @throws {Conflict} `identity.credential.conflict` when the access key is taken. */
export async function insertCredential(db: CredentialDb, row: CredentialRow): Promise<void> {
  if (!(await unlessTaken(db.insertInto('credentials').values(row).execute())))
    throw conflict('credential', 'Duplicate entry');
}

export async function updateCredential(
  db: CredentialDb,
  id: CredentialId,
  change: Partial<CredentialRow>,
): Promise<void> {
  await db.updateTable('credentials').set(change).where('id', '=', id).execute();
}

export async function deleteCredential(db: CredentialDb, id: CredentialId): Promise<void> {
  await db.deleteFrom('credentials').where('id', '=', id).execute();
}

/** For users and projects that are gone. */
export async function deleteCredentialsOf(
  db: CredentialDb,
  owner: { readonly userId: string } | { readonly projectIds: readonly string[] },
): Promise<void> {
  const remove = db.deleteFrom('credentials');
  if ('userId' in owner) await remove.where('user_id', '=', owner.userId).execute();
  else if (owner.projectIds.length > 0) await remove.where('project_id', 'in', owner.projectIds).execute();
}
