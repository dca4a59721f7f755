import type { Db } from '#kernel/db/database.ts';
import { toJson } from '#kernel/db/json.ts';
import { applyPage } from '#kernel/db/page.ts';
import type { ImageTaskRow, ImageTaskTables } from './tables.ts';

/** Ended tasks are kept this long: glance's `task_time_to_live`. */
const KEEP_MS = 48 * 3_600_000;
/** Tasks of one image that are shown. */
const MAX_OF_IMAGE = 100;

export interface TaskQuery {
  readonly limit: number;
  readonly sortKey: 'created_at' | 'updated_at' | 'id' | 'type' | 'status' | 'owner' | 'expires_at';
  readonly direction: 'asc' | 'desc';
  /** Column and value; unknown names match nothing. */
  readonly filters: readonly {
    readonly column: 'status' | 'type' | 'owner' | 'id' | 'image_id' | 'user_id';
    readonly value: string;
  }[];
}

export async function insertImageTask(db: Db<ImageTaskTables>, row: ImageTaskRow): Promise<void> {
  await db.insertInto('image_tasks').values(row).execute();
}

export async function findImageTask(db: Db<ImageTaskTables>, id: string): Promise<ImageTaskRow | undefined> {
  return db.selectFrom('image_tasks').selectAll().where('id', '=', id).executeTakeFirst();
}

/** @param owner whose tasks; everybody's when undefined. */
export async function listImageTasks(
  db: Db<ImageTaskTables>,
  query: TaskQuery,
  owner: string | undefined,
  marker: ImageTaskRow | undefined,
): Promise<ImageTaskRow[]> {
  let select = db.selectFrom('image_tasks').selectAll();
  if (owner !== undefined) select = select.where('owner', '=', owner);
  for (const { column, value } of query.filters) select = select.where(column, '=', value as never);
  const keys = [query.sortKey, 'created_at', 'id'].filter((key, index, all) => all.indexOf(key) === index);
  return applyPage(select, {
    keys: keys.map((column) => ({ column, direction: query.direction })),
    marker: marker === undefined ? undefined : { ...marker },
    limit: query.limit,
  }).execute();
}

export async function listTasksOfImage(db: Db<ImageTaskTables>, imageId: string): Promise<ImageTaskRow[]> {
  return db
    .selectFrom('image_tasks')
    .selectAll()
    .where('image_id', '=', imageId)
    .orderBy('created_at')
    .orderBy('id')
    .limit(MAX_OF_IMAGE)
    .execute();
}

export async function startImageTask(db: Db<ImageTaskTables>, id: string, nowMs: number): Promise<void> {
  await db
    .updateTable('image_tasks')
    .set({ status: 'processing', updated_at: nowMs })
    .where('id', '=', id)
    .where('status', '=', 'pending')
    .execute();
}

export async function noteProgress(db: Db<ImageTaskTables>, id: string, message: string, nowMs: number): Promise<void> {
  await db
    .updateTable('image_tasks')
    .set({ message, updated_at: nowMs })
    .where('id', '=', id)
    .where('status', '=', 'processing')
    .execute();
}

/** Ends a task, once. */
export async function endImageTask(
  db: Db<ImageTaskTables>,
  id: string,
  end: {
    readonly status: 'success' | 'failure';
    readonly message: string;
    readonly result: Readonly<Record<string, unknown>> | null;
  },
  nowMs: number,
): Promise<void> {
  await db
    .updateTable('image_tasks')
    .set({
      status: end.status,
      message: end.message,
      result: end.result === null ? null : toJson(end.result),
      expires_at: nowMs + KEEP_MS,
      updated_at: nowMs,
    })
    .where('id', '=', id)
    .where('status', 'in', ['pending', 'processing'])
    .execute();
}

export async function deleteExpiredTasks(db: Db<ImageTaskTables>, nowMs: number): Promise<void> {
  await db.deleteFrom('image_tasks').where('expires_at', '<', nowMs).execute();
}
