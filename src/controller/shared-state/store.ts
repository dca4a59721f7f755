import type { Db } from '#kernel/db/database.ts';
import { unlessTaken } from '#kernel/db/transaction.ts';
import type { SharedStateTables } from './tables.ts';

export type SharedStateDb = Db<SharedStateTables>;

export async function findSecret(
  db: SharedStateDb,
  name: string,
): Promise<{ readonly revision: number; readonly sealed: string } | undefined> {
  return db.selectFrom('shared_secrets').select(['revision', 'sealed']).where('name', '=', name).executeTakeFirst();
}

/** @returns false when somebody else was first. */
export async function insertSecret(db: SharedStateDb, name: string, sealed: string): Promise<boolean> {
  return unlessTaken(db.insertInto('shared_secrets').values({ name, revision: 1, sealed }).execute());
}

/** Replaces what has this revision; the new one has the next. @returns false when it has another one by now. */
export async function replaceSecret(
  db: SharedStateDb,
  name: string,
  revision: number,
  sealed: string,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('shared_secrets')
    .set({ revision: revision + 1, sealed })
    .where('name', '=', name)
    .where('revision', '=', revision)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}
