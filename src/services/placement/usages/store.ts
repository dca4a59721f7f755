import type { Db } from '#kernel/db/database.ts';
import type { PlacementTables } from '../tables.ts';

/** How much of each of a provider's inventories is taken. */
export async function usageOf(db: Db<PlacementTables>, providerId: string): Promise<Record<string, number>> {
  const rows = await db
    .selectFrom('placement_inventories')
    .select(['resource_class', 'used'])
    .where('provider_id', '=', providerId)
    .orderBy('resource_class')
    .execute();
  return Object.fromEntries(rows.map((row) => [row.resource_class, row.used]));
}

export interface ConsumerUsage {
  readonly consumerType: string | null;
  readonly resourceClass: string;
  readonly used: number;
  readonly consumerId: string;
}

/** All that a project (or one user of it) holds. */
export async function listConsumerUsages(
  db: Db<PlacementTables>,
  owner: { readonly projectId: string; readonly userId?: string | undefined },
): Promise<ConsumerUsage[]> {
  let query = db
    .selectFrom('placement_consumers as c')
    .innerJoin('placement_allocations as a', 'a.consumer_id', 'c.id')
    .select([
      'c.id as consumerId',
      'c.consumer_type as consumerType',
      'a.resource_class as resourceClass',
      'a.used as used',
    ])
    .where('c.project_id', '=', owner.projectId);
  if (owner.userId !== undefined) query = query.where('c.user_id', '=', owner.userId);
  return query.execute();
}
