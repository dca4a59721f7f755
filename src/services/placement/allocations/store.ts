import { sql } from 'kysely';
import type { Db } from '#kernel/db/database.ts';
import type { AllocationRow, ConsumerRow, PlacementTables } from '../tables.ts';

export async function findConsumer(db: Db<PlacementTables>, id: string): Promise<ConsumerRow | undefined> {
  return db.selectFrom('placement_consumers').selectAll().where('id', '=', id).executeTakeFirst();
}

/** Consumers of a type, in pages by id. */
export async function listConsumers(
  db: Db<PlacementTables>,
  page: { readonly type: string; readonly after: string; readonly limit: number },
): Promise<ConsumerRow[]> {
  return db
    .selectFrom('placement_consumers')
    .selectAll()
    .where('consumer_type', '=', page.type)
    .where('id', '>', page.after)
    .orderBy('id')
    .limit(page.limit)
    .execute();
}

export async function insertConsumer(db: Db<PlacementTables>, row: ConsumerRow): Promise<void> {
  await db.insertInto('placement_consumers').values(row).execute();
}

/** Writes a consumer that is still of the generation seen. False: somebody else was quicker. */
export async function updateConsumer(db: Db<PlacementTables>, row: ConsumerRow, seen: number): Promise<boolean> {
  const updated = await db
    .updateTable('placement_consumers')
    .set(row)
    .where('id', '=', row.id)
    .where('generation', '=', seen)
    .executeTakeFirst();
  return updated.numUpdatedRows === 1n;
}

export async function deleteConsumer(db: Db<PlacementTables>, id: string): Promise<void> {
  await db.deleteFrom('placement_consumers').where('id', '=', id).execute();
}

export async function listAllocationsOf(db: Db<PlacementTables>, consumerId: string): Promise<AllocationRow[]> {
  return db.selectFrom('placement_allocations').selectAll().where('consumer_id', '=', consumerId).execute();
}

/** A provider's allocations, each with its consumer's generation. */
export async function listAllocationsAt(
  db: Db<PlacementTables>,
  providerId: string,
): Promise<(AllocationRow & { generation: number | null })[]> {
  return db
    .selectFrom('placement_allocations as a')
    .leftJoin('placement_consumers as c', 'c.id', 'a.consumer_id')
    .selectAll('a')
    .select('c.generation')
    .where('a.provider_id', '=', providerId)
    .orderBy('a.consumer_id')
    .execute();
}

export async function hasAllocations(db: Db<PlacementTables>, providerId: string): Promise<boolean> {
  const row = await db
    .selectFrom('placement_allocations')
    .select('consumer_id')
    .where('provider_id', '=', providerId)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/**
 * Takes an amount out of an inventory if there is room, in one conditional statement: this is what decides races between
 * claims. The constraints are the inventory's own.
 * @returns whether it was taken.
 */
export async function takeFromInventory(
  db: Db<PlacementTables>,
  taken: { readonly providerId: string; readonly resourceClass: string; readonly amount: number },
): Promise<boolean> {
  const { providerId, resourceClass, amount } = taken;
  const updated = await db
    .updateTable('placement_inventories')
    .set({ used: sql<number>`used + ${amount}` })
    .where('provider_id', '=', providerId)
    .where('resource_class', '=', resourceClass)
    .where('min_unit', '<=', amount)
    .where('max_unit', '>=', amount)
    .where(sql<boolean>`${amount} % step_size = 0`)
    .where(sql<boolean>`(total - reserved) * allocation_ratio >= used + ${amount}`)
    .executeTakeFirst();
  return updated.numUpdatedRows === 1n;
}

export async function insertAllocations(db: Db<PlacementTables>, rows: readonly AllocationRow[]): Promise<void> {
  if (rows.length > 0) await db.insertInto('placement_allocations').values(rows).execute();
}

/** Gives back all that a consumer holds. Returns what it was. */
export async function returnAllocations(db: Db<PlacementTables>, consumerId: string): Promise<AllocationRow[]> {
  const held = await listAllocationsOf(db, consumerId);
  for (const row of held) {
    await db
      .updateTable('placement_inventories')
      .set({ used: sql<number>`used - ${row.used}` })
      .where('provider_id', '=', row.provider_id)
      .where('resource_class', '=', row.resource_class)
      .execute();
  }
  if (held.length > 0) await db.deleteFrom('placement_allocations').where('consumer_id', '=', consumerId).execute();
  return held;
}
