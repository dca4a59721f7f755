import type { Db } from '#kernel/db/database.ts';
import type { NetworkTables } from '../tables.ts';

export async function listLimits(db: Db<NetworkTables>, projectId: string): Promise<Record<string, number>> {
  const rows = await db.selectFrom('network_quotas').selectAll().where('project_id', '=', projectId).execute();
  return Object.fromEntries(rows.map((row) => [row.resource, row.quota_limit]));
}

export async function findLimit(
  db: Db<NetworkTables>,
  projectId: string,
  resource: string,
): Promise<number | undefined> {
  const row = await db
    .selectFrom('network_quotas')
    .select('quota_limit')
    .where('project_id', '=', projectId)
    .where('resource', '=', resource)
    .executeTakeFirst();
  return row?.quota_limit;
}

/** Limits of every project that has any of its own. */
export async function listAllLimits(db: Db<NetworkTables>): Promise<Map<string, Record<string, number>>> {
  const all = new Map<string, Record<string, number>>();
  for (const row of await db.selectFrom('network_quotas').selectAll().orderBy('project_id').execute())
    all.set(row.project_id, { ...all.get(row.project_id), [row.resource]: row.quota_limit });
  return all;
}

export async function setLimits(
  tx: Db<NetworkTables>,
  projectId: string,
  limits: Readonly<Record<string, number>>,
): Promise<void> {
  for (const [resource, limit] of Object.entries(limits)) {
    await tx
      .deleteFrom('network_quotas')
      .where('project_id', '=', projectId)
      .where('resource', '=', resource)
      .execute();
    await tx.insertInto('network_quotas').values({ project_id: projectId, resource, quota_limit: limit }).execute();
  }
}

/** @returns whether there were any. */
export async function deleteLimits(tx: Db<NetworkTables>, projectId: string): Promise<boolean> {
  const result = await tx.deleteFrom('network_quotas').where('project_id', '=', projectId).executeTakeFirst();
  return result.numDeletedRows > 0n;
}
