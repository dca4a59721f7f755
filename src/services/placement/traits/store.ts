import type { Db } from '#kernel/db/database.ts';
import { unlessTaken } from '#kernel/db/transaction.ts';
import type { PlacementTables } from '../tables.ts';

export async function listCustomTraits(db: Db<PlacementTables>): Promise<string[]> {
  const rows = await db.selectFrom('placement_traits').select('name').orderBy('name').execute();
  return rows.map((row) => row.name);
}

/** Adds custom traits that are not there yet. Returns how many were new. */
export async function ensureCustomTraits(
  db: Db<PlacementTables>,
  names: readonly string[],
  nowMs: number,
): Promise<number> {
  let added = 0;
  for (const name of names) {
    const row = { name, created_at: nowMs, updated_at: nowMs };
    if (await unlessTaken(db.insertInto('placement_traits').values(row).execute())) added += 1;
  }
  return added;
}

export async function deleteCustomTrait(db: Db<PlacementTables>, name: string): Promise<void> {
  await db.deleteFrom('placement_traits').where('name', '=', name).execute();
}

export async function isTraitInUse(db: Db<PlacementTables>, trait: string): Promise<boolean> {
  const row = await db
    .selectFrom('placement_provider_traits')
    .select('provider_id')
    .where('trait', '=', trait)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

export async function listUsedTraits(db: Db<PlacementTables>): Promise<string[]> {
  const rows = await db.selectFrom('placement_provider_traits').select('trait').distinct().execute();
  return rows.map((row) => row.trait);
}

export async function listProviderTraits(db: Db<PlacementTables>, providerId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('placement_provider_traits')
    .select('trait')
    .where('provider_id', '=', providerId)
    .orderBy('trait')
    .execute();
  return rows.map((row) => row.trait);
}

/** Traits of many providers, by provider; every provider's when `providerIds` is absent. */
export async function listTraitsOf(
  db: Db<PlacementTables>,
  providerIds?: readonly string[],
): Promise<Map<string, Set<string>>> {
  const found = new Map<string, Set<string>>();
  if (providerIds?.length === 0) return found;
  let query = db.selectFrom('placement_provider_traits').selectAll();
  if (providerIds !== undefined) query = query.where('provider_id', 'in', providerIds);
  for (const row of await query.execute()) {
    const traits = found.get(row.provider_id) ?? new Set();
    found.set(row.provider_id, traits.add(row.trait));
  }
  return found;
}

export async function replaceProviderTraits(
  db: Db<PlacementTables>,
  providerId: string,
  traits: readonly string[],
): Promise<void> {
  await db.deleteFrom('placement_provider_traits').where('provider_id', '=', providerId).execute();
  if (traits.length === 0) return;
  await db
    .insertInto('placement_provider_traits')
    .values(traits.map((trait) => ({ provider_id: providerId, trait })))
    .execute();
}
