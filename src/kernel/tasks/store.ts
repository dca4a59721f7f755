import type { Db } from '../db/database.ts';
import { fromJson } from '../db/json.ts';
import type { TaskError, TaskRow, TaskTables } from './tables.ts';
import type { TaskStatus } from './task.ts';

/** Most unfinished tasks listed for one resource. */
const MAX_LISTED = 100;

export async function insertTask(tx: Db<TaskTables>, row: TaskRow): Promise<void> {
  await tx.insertInto('tasks').values(row).execute();
}

/** The highest sequence number given to a resource's tasks; 0 when it has none. */
export async function lastSequence(tx: Db<TaskTables>, resourceId: string): Promise<number> {
  const row = await tx
    .selectFrom('tasks')
    .select('sequence')
    .where('resource_id', '=', resourceId)
    .orderBy('sequence', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.sequence ?? 0;
}

export async function markCancelled(tx: Db<TaskTables>, resourceId: string, nowMs: number): Promise<void> {
  await tx
    .updateTable('tasks')
    .set({ is_cancelled: 1, next_try_at: nowMs })
    .where('resource_id', '=', resourceId)
    .where('state', '=', 'pending')
    .execute();
}

/** Marks the unfinished tasks of some kinds. Returns how many were not marked yet. */
export async function markKindsCancelled(
  tx: Db<TaskTables>,
  resourceId: string,
  kinds: readonly string[],
  nowMs: number,
): Promise<number> {
  if (kinds.length === 0) return 0;
  const marked = await tx
    .updateTable('tasks')
    .set({ is_cancelled: 1, next_try_at: nowMs })
    .where('resource_id', '=', resourceId)
    .where('state', '=', 'pending')
    .where('kind', 'in', kinds)
    .where('direction', '=', 'forward')
    .where('is_cancelled', '=', 0)
    .executeTakeFirst();
  return Number(marked.numUpdatedRows);
}

/** Tasks that are due, that nobody holds, and that no earlier unfinished task of their resource goes before. */
export async function listDue(db: Db<TaskTables>, nowMs: number, limit: number): Promise<TaskRow[]> {
  return db
    .selectFrom('tasks as t')
    .selectAll()
    .where('t.state', '=', 'pending')
    .where('t.next_try_at', '<=', nowMs)
    .where('t.lease_until', '<=', nowMs)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('tasks as earlier')
            .select('earlier.id')
            .whereRef('earlier.resource_id', '=', 't.resource_id')
            .where('earlier.state', '=', 'pending')
            .whereRef('earlier.sequence', '<', 't.sequence'),
        ),
      ),
    )
    .orderBy('t.next_try_at')
    .limit(limit)
    .execute();
}

export async function hasEarlierUnfinished(db: Db<TaskTables>, resourceId: string, sequence: number): Promise<boolean> {
  const row = await db
    .selectFrom('tasks')
    .select('id')
    .where('resource_id', '=', resourceId)
    .where('state', '=', 'pending')
    .where('sequence', '<', sequence)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Takes the lease of a task that nobody holds. False: another controller was quicker. */
export async function takeLease(
  db: Db<TaskTables>,
  row: TaskRow,
  owner: string,
  nowMs: number,
  untilMs: number,
): Promise<boolean> {
  const taken = await db
    .updateTable('tasks')
    .set({ lease_owner: owner, lease_until: untilMs })
    .where('id', '=', row.id)
    .where('state', '=', 'pending')
    .where('lease_until', '<=', nowMs)
    .executeTakeFirst();
  return taken.numUpdatedRows === 1n;
}

/** Ends the leases whose holder's name begins with `prefix` (which has no `%` or `_`), but for those of `owner`. */
export async function takeBackLeases(db: Db<TaskTables>, prefix: string, owner: string): Promise<void> {
  await db
    .updateTable('tasks')
    .set({ lease_owner: null, lease_until: 0 })
    .where('state', '=', 'pending')
    .where('lease_owner', 'like', `${prefix}%`)
    .where('lease_owner', '<>', owner)
    .execute();
}

export async function renewLeases(
  db: Db<TaskTables>,
  owner: string,
  ids: readonly string[],
  untilMs: number,
): Promise<void> {
  if (ids.length === 0) return;
  await db
    .updateTable('tasks')
    .set({ lease_until: untilMs })
    .where('lease_owner', '=', owner)
    .where('id', 'in', ids)
    .execute();
}

/** Writes progress, as long as the lease is still ours. False: it is not. */
export async function saveProgress(
  db: Db<TaskTables>,
  id: string,
  owner: string,
  patch: Partial<TaskRow>,
): Promise<boolean> {
  const saved = await db
    .updateTable('tasks')
    .set(patch)
    .where('id', '=', id)
    .where('lease_owner', '=', owner)
    .where('state', '=', 'pending')
    .executeTakeFirst();
  return saved.numUpdatedRows === 1n;
}

export async function findTask(db: Db<TaskTables>, id: string): Promise<TaskRow | undefined> {
  return db.selectFrom('tasks').selectAll().where('id', '=', id).executeTakeFirst();
}

/** When the next task that nobody holds is due, or undefined. */
export async function nextDueAt(db: Db<TaskTables>): Promise<number | undefined> {
  const row = await db
    .selectFrom('tasks')
    .select('next_try_at')
    .where('state', '=', 'pending')
    .orderBy('next_try_at')
    .limit(1)
    .executeTakeFirst();
  return row?.next_try_at;
}

export async function deleteFinished(db: Db<TaskTables>, beforeMs: number): Promise<void> {
  await db.deleteFrom('tasks').where('state', 'in', ['done', 'failed']).where('updated_at', '<', beforeMs).execute();
}

export async function listUnfinished(db: Db<TaskTables>, resourceId: string): Promise<StoredStatus[]> {
  const rows = await db
    .selectFrom('tasks')
    .selectAll()
    .where('resource_id', '=', resourceId)
    .where('state', '=', 'pending')
    .orderBy('sequence')
    .limit(MAX_LISTED)
    .execute();
  return rows.map(statusOf);
}

export async function listFinished(db: Db<TaskTables>, resourceId: string, limit: number): Promise<StoredStatus[]> {
  const rows = await db
    .selectFrom('tasks')
    .selectAll()
    .where('resource_id', '=', resourceId)
    .where('state', 'in', ['done', 'failed'])
    .orderBy('sequence', 'desc')
    .limit(limit)
    .execute();
  return rows.map(statusOf);
}

export async function listOlderThan(db: Db<TaskTables>, beforeMs: number, limit: number): Promise<StoredStatus[]> {
  const rows = await db
    .selectFrom('tasks')
    .selectAll()
    .where('state', '=', 'pending')
    .where('created_at', '<', beforeMs)
    .orderBy('created_at')
    .limit(limit)
    .execute();
  return rows.map(statusOf);
}

/** What the table knows: not what steps are called. */
export type StoredStatus = Omit<TaskStatus, 'stepName'>;

function statusOf(row: TaskRow): StoredStatus {
  return {
    id: row.id,
    name: row.kind,
    resourceId: row.resource_id,
    requestId: row.request_id,
    state: row.state,
    direction: row.direction,
    step: row.step,
    isCancelled: row.is_cancelled === 1,
    attempts: row.attempts,
    error: row.error === null ? null : fromJson<TaskError>(row.error),
    leaseOwner: row.lease_owner,
    nextTryAt: row.next_try_at,
    deadlineAt: row.deadline_at,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
