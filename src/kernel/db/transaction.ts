import { systemClock } from '../clock.ts';
import type { Db } from './database.ts';
import { DatabaseUnavailable, isLostRace, isUniqueViolation } from './failures.ts';
import { markTransaction } from './open-transaction.ts';

/** How often a transaction that lost a race in the database itself is run again, or whose database server went away. */
const MAX_ATTEMPTS = 8;
/** The first wait before it is run again; doubles. Together about 2.5 s, enough for a cluster to do without a node. */
const FIRST_BACKOFF_MS = 10;

/**
 * Runs `work` in one transaction, or in the caller's when `db` already is one. All queries inside must go through `tx`,
 * and `work` must await nothing but queries: everybody else waits meanwhile. It may run more than once (a deadlock or
 * certification failure is retried, and a server that went away before the commit), so it must have no effect outside
 * the database.
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
      const mayRepeat = isLostRace(error) || error instanceof DatabaseUnavailable;
      if (attempt >= MAX_ATTEMPTS || !mayRepeat) throw error;
      await systemClock.sleep(FIRST_BACKOFF_MS * 2 ** attempt);
    }
  }
}

/**
 * Waits for a write that a unique key may forbid, because somebody else was first.
 * @returns false when it did; nothing is written then. What that means (a Conflict, nothing, another try) is the store's to say.
 */
export async function unlessTaken(write: Promise<unknown>): Promise<boolean> {
  try {
    await write;
    return true;
  } catch (error) {
    if (isUniqueViolation(error)) return false;
    throw error;
  }
}
