import { sql } from 'kysely';
import type { Db } from '#kernel/db/database.ts';
import { unlessTaken } from '#kernel/db/transaction.ts';
import type { ComputeTables } from '../tables.ts';
import { QUOTA_RESOURCES, type QuotaResource } from './resources.ts';
import type { QuotaTables } from './tables.ts';

/** Limits set for one owner: a project (`userId` empty), a user in it, or a class (`class:<name>`). */
export async function listSetLimits(
  db: Db<QuotaTables>,
  projectId: string,
  userId = '',
): Promise<Partial<Record<QuotaResource, number>>> {
  const rows = await db
    .selectFrom('quota_limits')
    .select(['resource', 'limit_value'])
    .where('project_id', '=', projectId)
    .where('user_id', '=', userId)
    .execute();
  const known = rows.filter((row) => (QUOTA_RESOURCES as readonly string[]).includes(row.resource));
  return Object.fromEntries(known.map((row) => [row.resource, row.limit_value]));
}

/** Sets limits of one owner, in the caller's transaction. */
export async function setLimits(
  tx: Db<QuotaTables>,
  projectId: string,
  userId: string,
  limits: Readonly<Partial<Record<QuotaResource, number>>>,
): Promise<void> {
  for (const [resource, limit] of Object.entries(limits)) {
    const key = { project_id: projectId, user_id: userId, resource };
    await tx
      .deleteFrom('quota_limits')
      .where('project_id', '=', projectId)
      .where('user_id', '=', userId)
      .where('resource', '=', resource)
      .execute();
    await tx
      .insertInto('quota_limits')
      .values({ ...key, limit_value: limit })
      .execute();
  }
}

/** Takes back what was set: for one user, or for the project and all of its users when `userId` is undefined. */
export async function deleteLimits(db: Db<QuotaTables>, projectId: string, userId?: string): Promise<void> {
  await db
    .deleteFrom('quota_limits')
    .where('project_id', '=', projectId)
    .$if(userId !== undefined, (q) => q.where('user_id', '=', userId ?? ''))
    .execute();
}

/** What the users of a project have been given of each resource, together. */
export async function sumUserLimits(
  db: Db<QuotaTables>,
  projectId: string,
): Promise<Partial<Record<QuotaResource, number>>> {
  const rows = await db
    .selectFrom('quota_limits')
    .select((eb) => ['resource', eb.fn.sum<number | string>('limit_value').as('total')])
    .where('project_id', '=', projectId)
    .where('user_id', '!=', '')
    .groupBy('resource')
    .execute();
  return Object.fromEntries(rows.map((row) => [row.resource, Number(row.total)]));
}

/** Makes all who count and take in this project (or for this user) wait for this transaction's end. */
export async function lockQuota(tx: Db<QuotaTables>, ownerId: string): Promise<void> {
  if (await takeTurn(tx, ownerId)) return;
  if (await unlessTaken(tx.insertInto('quota_locks').values({ project_id: ownerId, turn: 1 }).execute())) return;
  await takeTurn(tx, ownerId);
}

async function takeTurn(tx: Db<QuotaTables>, ownerId: string): Promise<boolean> {
  const taken = await tx
    .updateTable('quota_locks')
    .set({ turn: sql<number>`turn + 1` })
    .where('project_id', '=', ownerId)
    .executeTakeFirst();
  return taken.numUpdatedRows > 0n;
}

export interface ServerUsage {
  readonly instances: number;
  readonly cores: number;
  readonly ram: number;
}

/** The project's servers that are not deleted, or one user's of them: how many, their processors and memory (MiB). */
export async function countServers(db: Db<ComputeTables>, projectId: string, userId?: string): Promise<ServerUsage> {
  const row = await db
    .selectFrom('servers')
    .select((eb) => [
      eb.fn.countAll<number | string>().as('instances'),
      eb.fn.sum<number | string | null>('vcpus').as('cores'),
      eb.fn.sum<number | string | null>('memory_mib').as('ram'),
    ])
    .where('project_id', '=', projectId)
    .where('deleted_at', 'is', null)
    .$if(userId !== undefined, (q) => q.where('user_id', '=', userId ?? ''))
    .executeTakeFirstOrThrow();
  return { instances: Number(row.instances), cores: Number(row.cores ?? 0), ram: Number(row.ram ?? 0) };
}
