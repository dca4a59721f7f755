import { type SelectQueryBuilder, sql } from 'kysely';
import type { Db } from '#kernel/db/database.ts';
import { unlessTaken } from '#kernel/db/transaction.ts';
import { Conflict, NotFound } from '#kernel/errors.ts';
import type { PlacementTables, ProviderRow } from '../tables.ts';

export async function findProvider(db: Db<PlacementTables>, id: string): Promise<ProviderRow | undefined> {
  return db.selectFrom('placement_providers').selectAll().where('id', '=', id).executeTakeFirst();
}

/** @throws {NotFound} `placement.undefined_code`, in the real service's words. */
export async function getProvider(db: Db<PlacementTables>, id: string): Promise<ProviderRow> {
  const row = await findProvider(db, id);
  if (row === undefined) throw new NotFound('placement.undefined_code', `No resource provider with uuid ${id} found`);
  return row;
}

export async function listProvidersById(db: Db<PlacementTables>, ids: readonly string[]): Promise<ProviderRow[]> {
  return ids.length === 0
    ? []
    : db.selectFrom('placement_providers').selectAll().where('id', 'in', ids).orderBy('id').execute();
}

export async function listTree(db: Db<PlacementTables>, rootId: string): Promise<ProviderRow[]> {
  return db.selectFrom('placement_providers').selectAll().where('root_id', '=', rootId).execute();
}

export interface ProviderFilters {
  readonly id?: string | undefined;
  readonly name?: string | undefined;
  readonly rootId?: string | undefined;
  /** Each provider must have one trait of each of these lists. */
  readonly anyTraits?: readonly (readonly string[])[];
  readonly forbiddenTraits?: readonly string[];
  /** Each provider must be in one aggregate of each of these lists. */
  readonly anyAggregates?: readonly (readonly string[])[];
  readonly forbiddenAggregates?: readonly string[];
  readonly resources?: Readonly<Record<string, number>>;
}

type ProviderQuery = SelectQueryBuilder<PlacementTables, 'placement_providers', ProviderRow>;

/** Providers that fit every filter, resources free at this moment included. */
export async function listProviders(db: Db<PlacementTables>, filters: ProviderFilters): Promise<ProviderRow[]> {
  let query: ProviderQuery = db.selectFrom('placement_providers').selectAll('placement_providers');
  if (filters.id !== undefined) query = query.where('id', '=', filters.id);
  if (filters.name !== undefined) query = query.where('name', '=', filters.name);
  if (filters.rootId !== undefined) query = query.where('root_id', '=', filters.rootId);
  for (const traits of filters.anyTraits ?? []) query = query.where('id', 'in', withTrait(db, traits));
  if ((filters.forbiddenTraits ?? []).length > 0)
    query = query.where('id', 'not in', withTrait(db, filters.forbiddenTraits ?? []));
  for (const aggregates of filters.anyAggregates ?? []) query = query.where('id', 'in', inAggregate(db, aggregates));
  if ((filters.forbiddenAggregates ?? []).length > 0)
    query = query.where('id', 'not in', inAggregate(db, filters.forbiddenAggregates ?? []));
  for (const [resourceClass, amount] of Object.entries(filters.resources ?? {}))
    query = query.where('id', 'in', withRoom(db, resourceClass, amount));
  return query.orderBy('created_at').orderBy('id').execute();
}

function withTrait(db: Db<PlacementTables>, traits: readonly string[]) {
  return db.selectFrom('placement_provider_traits').select('provider_id').where('trait', 'in', traits);
}

function inAggregate(db: Db<PlacementTables>, aggregates: readonly string[]) {
  return db.selectFrom('placement_provider_aggregates').select('provider_id').where('aggregate_id', 'in', aggregates);
}

function withRoom(db: Db<PlacementTables>, resourceClass: string, amount: number) {
  return db
    .selectFrom('placement_inventories')
    .select('provider_id')
    .where('resource_class', '=', resourceClass)
    .where('min_unit', '<=', amount)
    .where('max_unit', '>=', amount)
    .where(sql<boolean>`${amount} % step_size = 0`)
    .where(sql<boolean>`(total - reserved) * allocation_ratio >= used + ${amount}`);
}

/** @throws {Conflict} `placement.duplicate_name`. */
export async function insertProvider(db: Db<PlacementTables>, row: ProviderRow): Promise<void> {
  if (await unlessTaken(db.insertInto('placement_providers').values(row).execute())) return;
  const sameId = await findProvider(db, row.id);
  const duplicate = sameId === undefined ? `name: ${row.name}` : `uuid: ${row.id}`;
  throw new Conflict('placement.duplicate_name', `Conflicting resource provider ${duplicate} already exists.`);
}

/** @throws {Conflict} `placement.duplicate_name`. */
export async function updateProvider(
  db: Db<PlacementTables>,
  id: string,
  patch: Pick<ProviderRow, 'name' | 'parent_id' | 'root_id' | 'updated_at'>,
): Promise<void> {
  if (await unlessTaken(db.updateTable('placement_providers').set(patch).where('id', '=', id).execute())) return;
  throw new Conflict('placement.duplicate_name', `Conflicting resource provider ${patch.name} already exists.`);
}

export async function setRoot(db: Db<PlacementTables>, ids: readonly string[], rootId: string): Promise<void> {
  if (ids.length === 0) return;
  await db.updateTable('placement_providers').set({ root_id: rootId }).where('id', 'in', ids).execute();
}

/** Raises a provider's generation, if it still is what the caller has seen. False: somebody else was quicker. */
export async function raiseGeneration(
  db: Db<PlacementTables>,
  id: string,
  seen: number,
  nowMs: number,
): Promise<boolean> {
  const raised = await db
    .updateTable('placement_providers')
    .set({ generation: seen + 1, updated_at: nowMs })
    .where('id', '=', id)
    .where('generation', '=', seen)
    .executeTakeFirst();
  return raised.numUpdatedRows === 1n;
}

/** Raises a provider's generation whatever it is: for changes that are decided by their own condition. */
export async function bumpGeneration(db: Db<PlacementTables>, ids: readonly string[], nowMs: number): Promise<void> {
  if (ids.length === 0) return;
  await db
    .updateTable('placement_providers')
    .set({ generation: sql<number>`generation + 1`, updated_at: nowMs })
    .where('id', 'in', ids)
    .execute();
}

export async function hasChildren(db: Db<PlacementTables>, id: string): Promise<boolean> {
  const row = await db
    .selectFrom('placement_providers')
    .select('id')
    .where('parent_id', '=', id)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

export async function deleteProvider(db: Db<PlacementTables>, id: string): Promise<void> {
  await db.deleteFrom('placement_inventories').where('provider_id', '=', id).execute();
  await db.deleteFrom('placement_provider_traits').where('provider_id', '=', id).execute();
  await db.deleteFrom('placement_provider_aggregates').where('provider_id', '=', id).execute();
  await db.deleteFrom('placement_providers').where('id', '=', id).execute();
}
