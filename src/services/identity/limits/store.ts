import type { Db } from '#kernel/db/database.ts';
import { unlessTaken } from '#kernel/db/transaction.ts';
import { NotFound } from '#kernel/errors.ts';
import type { CatalogTables } from '../catalog/tables.ts';
import { conflict } from '../errors.ts';
import { applyFilters, type Filter } from '../store/filters.ts';
import type { LimitRow, LimitTables, RegisteredLimitRow } from './tables.ts';

type LimitDb = Db<LimitTables>;

/** @throws {NotFound} `identity.registered_limit.not_found`. */
export async function getRegisteredLimit(db: LimitDb, id: string): Promise<RegisteredLimitRow> {
  const row = await db.selectFrom('registered_limits').selectAll().where('id', '=', id).executeTakeFirst();
  if (row === undefined)
    throw new NotFound('identity.registered_limit.not_found', `Could not find registered limit for ${id}.`);
  return row;
}

export function findRegisteredLimit(
  db: LimitDb,
  of: Pick<RegisteredLimitRow, 'service_id' | 'region_id' | 'resource_name'>,
): Promise<RegisteredLimitRow | undefined> {
  return db
    .selectFrom('registered_limits')
    .selectAll()
    .where('service_id', '=', of.service_id)
    .where('region_id', '=', of.region_id)
    .where('resource_name', '=', of.resource_name)
    .executeTakeFirst();
}

export function listRegisteredLimits(
  db: LimitDb,
  filters: readonly Filter[],
  limit: number,
): Promise<RegisteredLimitRow[]> {
  const select = db
    .selectFrom('registered_limits')
    .selectAll()
    .orderBy('id')
    .limit(limit + 1);
  return applyFilters(select, 'registered_limits', filters).execute();
}

/** @throws {Conflict} `identity.registered_limit.conflict` when the resource has one. */
export async function insertRegisteredLimit(db: LimitDb, row: RegisteredLimitRow): Promise<void> {
  await unique('registered_limit', () => db.insertInto('registered_limits').values(row).execute());
}

/** @throws {Conflict} `identity.registered_limit.conflict` when the resource has another. */
export async function updateRegisteredLimit(db: LimitDb, row: RegisteredLimitRow): Promise<void> {
  await unique('registered_limit', () =>
    db.updateTable('registered_limits').set(row).where('id', '=', row.id).execute(),
  );
}

export async function deleteRegisteredLimit(db: LimitDb, id: string): Promise<void> {
  await db.deleteFrom('registered_limits').where('id', '=', id).execute();
}

export async function isInUse(db: LimitDb, registeredLimitId: string): Promise<boolean> {
  const row = await db
    .selectFrom('limits')
    .select('id')
    .where('registered_limit_id', '=', registeredLimitId)
    .executeTakeFirst();
  return row !== undefined;
}

/** What is registered for a resource of services of a type, in a region or in all. */
export function listRegisteredLimitsOf(
  db: Db<LimitTables & CatalogTables>,
  of: { readonly serviceType: string; readonly region: string; readonly resourceName: string },
): Promise<RegisteredLimitRow[]> {
  return db
    .selectFrom('registered_limits')
    .innerJoin('services', 'services.id', 'registered_limits.service_id')
    .selectAll('registered_limits')
    .where('services.type', '=', of.serviceType)
    .where('resource_name', '=', of.resourceName)
    .where('region_id', 'in', [of.region, ''])
    .orderBy('region_id', 'desc')
    .orderBy('registered_limits.id')
    .execute();
}

/** A limit with what it limits. */
export type LimitWithResource = LimitRow & Pick<RegisteredLimitRow, 'service_id' | 'region_id' | 'resource_name'>;

/** @throws {NotFound} `identity.limit.not_found`. */
export async function getLimit(db: LimitDb, id: string): Promise<LimitWithResource> {
  const row = await withResource(db).where('limits.id', '=', id).executeTakeFirst();
  if (row === undefined) throw new NotFound('identity.limit.not_found', `Could not find limit for ${id}.`);
  return row;
}

export function findLimit(db: LimitDb, ownerId: string, registeredLimitId: string): Promise<LimitRow | undefined> {
  return db
    .selectFrom('limits')
    .selectAll()
    .where('owner_id', '=', ownerId)
    .where('registered_limit_id', '=', registeredLimitId)
    .executeTakeFirst();
}

export function listLimits(
  db: LimitDb,
  query: {
    readonly filters: readonly Filter[];
    readonly ownerIds?: readonly string[] | undefined;
    readonly ownerKind?: LimitRow['owner_kind'] | undefined;
    readonly limit: number;
  },
): Promise<LimitWithResource[]> {
  let select = withResource(db)
    .orderBy('limits.id')
    .limit(query.limit + 1);
  if (query.ownerIds !== undefined) select = select.where('owner_id', 'in', [...query.ownerIds, '']);
  if (query.ownerKind !== undefined) select = select.where('owner_kind', '=', query.ownerKind);
  return applyFilters(select, 'registered_limits', query.filters).execute();
}

/** @throws {Conflict} `identity.limit.conflict` when the owner has one. */
export async function insertLimit(db: LimitDb, row: LimitRow): Promise<void> {
  await unique('limit', () => db.insertInto('limits').values(row).execute());
}

export async function updateLimit(db: LimitDb, id: string, change: Partial<LimitRow>): Promise<void> {
  if (Object.keys(change).length > 0) await db.updateTable('limits').set(change).where('id', '=', id).execute();
}

export async function deleteLimit(db: LimitDb, id: string): Promise<void> {
  await db.deleteFrom('limits').where('id', '=', id).execute();
}

function withResource(db: LimitDb) {
  return db
    .selectFrom('limits')
    .innerJoin('registered_limits', 'registered_limits.id', 'limits.registered_limit_id')
    .selectAll('limits')
    .select(['registered_limits.service_id', 'registered_limits.region_id', 'registered_limits.resource_name']);
}

async function unique(kind: string, write: () => Promise<unknown>): Promise<void> {
  if (!(await unlessTaken(write()))) throw conflict(kind, 'Duplicate entry');
}
