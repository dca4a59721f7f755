import type { Db } from './database.ts';
import { markTransaction } from './open-transaction.ts';

/** How often a transaction that lost a race in the database itself is run again. */
const MAX_ATTEMPTS = 5;

/**
 * Runs `work` in one transaction, or in the caller's when `db` already is one. All queries inside must go through `tx`,
 * and `work` must await nothing but queries: everybody else waits meanwhile. It may run more than once (a deadlock or
 * certification failure is retried), so it must have no effect outside the database.
 */
export async function inTransaction<Tables, Result>(
  db: Db<Tables>,
  work: (tx: Db<Tables>) => Promise<Result>,
): Promise<Result> {
  if (db.isTransaction) return work(db);
  for (let attempt = 1; ; attempt++) {
    try {
      return await markTransaction((within) => db.transaction().execute((tx) => within(() => work(tx))));
    } catch (error) {
      if (attempt >= MAX_ATTEMPTS || !isLostRace(error)) throw error;
    }
  }
}

/** SQLite's busy and MariaDB's deadlock, lock timeout and Galera certification failure: nothing happened, try again. */
function isLostRace(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return code.startsWith('SQLITE_BUSY') || code === 'ER_LOCK_DEADLOCK' || code === 'ER_LOCK_WAIT_TIMEOUT';
}

/** Whether an insert or update failed because a unique key is taken. Stores turn it into a Conflict. */
export function isUniqueViolation(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return code === 'SQLITE_CONSTRAINT_UNIQUE' || code === 'SQLITE_CONSTRAINT_PRIMARYKEY' || code === 'ER_DUP_ENTRY';
}
