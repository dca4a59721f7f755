import type { Db } from '#kernel/db/database.ts';
import type { PlacementTables } from '../tables.ts';

export async function listAggregates(db: Db<PlacementTables>, providerId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('placement_provider_aggregates')
    .select('aggregate_id')
    .where('provider_id', '=', providerId)
    .orderBy('aggregate_id')
    .execute();
  return rows.map((row) => row.aggregate_id);
}

export async function listAggregatesOf(
  db: Db<PlacementTables>,
  providerIds?: readonly string[],
): Promise<Map<string, Set<string>>> {
  const found = new Map<string, Set<string>>();
  if (providerIds?.length === 0) return found;
  let query = db.selectFrom('placement_provider_aggregates').selectAll();
  if (providerIds !== undefined) query = query.where('provider_id', 'in', providerIds);
  for (const row of await query.execute()) {
    const ids = found.get(row.provider_id) ?? new Set();
    found.set(row.provider_id, ids.add(row.aggregate_id));
  }
  return found;
}

export async function replaceAggregates(
  db: Db<PlacementTables>,
  providerId: string,
  aggregateIds: readonly string[],
): Promise<void> {
  await db.deleteFrom('placement_provider_aggregates').where('provider_id', '=', providerId).execute();
  if (aggregateIds.length === 0) return;
  await db
    .insertInto('placement_provider_aggregates')
    .values(aggregateIds.map((id) => ({ provider_id: providerId, aggregate_id: id })))
    .execute();
}
