import type { Db } from '#kernel/db/database.ts';
import type { InventoryRow, PlacementTables } from '../tables.ts';

export async function listInventories(db: Db<PlacementTables>, providerId: string): Promise<InventoryRow[]> {
  return db
    .selectFrom('placement_inventories')
    .selectAll()
    .where('provider_id', '=', providerId)
    .orderBy('resource_class')
    .execute();
}

/** Inventories of many providers in one query; every provider's when `providerIds` is absent. */
export async function listInventoriesOf(
  db: Db<PlacementTables>,
  filters: { readonly providerIds?: readonly string[] | undefined; readonly resourceClasses?: readonly string[] },
): Promise<InventoryRow[]> {
  if (filters.providerIds?.length === 0) return [];
  let query = db.selectFrom('placement_inventories').selectAll();
  if (filters.providerIds !== undefined) query = query.where('provider_id', 'in', filters.providerIds);
  if (filters.resourceClasses !== undefined) query = query.where('resource_class', 'in', filters.resourceClasses);
  return query.execute();
}

export async function insertInventory(db: Db<PlacementTables>, row: InventoryRow): Promise<void> {
  await db.insertInto('placement_inventories').values(row).execute();
}

export async function updateInventory(
  db: Db<PlacementTables>,
  row: Omit<InventoryRow, 'used' | 'created_at'>,
): Promise<void> {
  const { provider_id: providerId, resource_class: resourceClass, ...patch } = row;
  await db
    .updateTable('placement_inventories')
    .set(patch)
    .where('provider_id', '=', providerId)
    .where('resource_class', '=', resourceClass)
    .execute();
}

export async function deleteInventory(
  db: Db<PlacementTables>,
  providerId: string,
  resourceClass: string,
): Promise<void> {
  await db
    .deleteFrom('placement_inventories')
    .where('provider_id', '=', providerId)
    .where('resource_class', '=', resourceClass)
    .execute();
}

export async function isClassInUse(db: Db<PlacementTables>, resourceClass: string): Promise<boolean> {
  const row = await db
    .selectFrom('placement_inventories')
    .select('provider_id')
    .where('resource_class', '=', resourceClass)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}
