/**
 * A database that was put back does not know what was made after its backup. Until an operator has looked, nothing may be
 * destroyed for being unknown: no guest on a host, no image in a store.
 */
import { sql } from 'kysely';
import type { Db } from '../db/database.ts';
import { newUuid } from '../ids.ts';
import type { RestorationTables } from './tables.ts';

/**
 * How far a restored database's revisions jump: more changes than any cloud makes between a backup and its loss, so that every
 * host sees that what it is told is newer than what it has.
 */
const REVISION_JUMP = 1_000_000_000;

/** Notes that the database was put back, and makes its revisions newer than all that was ever told. */
export async function noteRestoration(
  db: Db,
  times: { readonly takenMs: number; readonly restoredMs: number },
): Promise<void> {
  const tables = db as Db<RestorationTables>;
  await tables
    .insertInto('restorations')
    .values({ id: newUuid(), taken_at: times.takenMs, restored_at: times.restoredMs, accepted_at: null })
    .execute();
  await sql`update revisions set revision = revision + ${REVISION_JUMP}`.execute(db);
}

/** Whether what is unknown here must be kept. */
export async function isRestorationOpen(db: Db): Promise<boolean> {
  const row = await (db as Db<RestorationTables>)
    .selectFrom('restorations')
    .select('id')
    .where('accepted_at', 'is', null)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Lets go of what is unknown here; every host is told anew. @returns whether there was anything to accept. */
export async function acceptRestoration(db: Db, nowMs: number): Promise<boolean> {
  const accepted = await (db as Db<RestorationTables>)
    .updateTable('restorations')
    .set({ accepted_at: nowMs })
    .where('accepted_at', 'is', null)
    .executeTakeFirst();
  if (accepted.numUpdatedRows === 0n) return false;
  await sql`update revisions set revision = revision + 1`.execute(db);
  return true;
}
