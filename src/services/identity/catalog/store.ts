import type { Db } from '#kernel/db/database.ts';
import { unlessTaken } from '#kernel/db/transaction.ts';
import { conflict, notFound } from '../errors.ts';
import { applyFilters, type Filter } from '../store/filters.ts';
import type { CatalogTables, EndpointRow, RegionRow, ServiceRow } from './tables.ts';

type CatalogDb = Db<CatalogTables>;

export function findRegion(db: CatalogDb, id: string): Promise<RegionRow | undefined> {
  return db.selectFrom('regions').selectAll().where('id', '=', id).executeTakeFirst();
}

/** @throws {NotFound} `identity.region.not_found`. */
export async function getRegion(db: CatalogDb, id: string): Promise<RegionRow> {
  const row = await findRegion(db, id);
  if (row === undefined) throw notFound('region', id);
  return row;
}

export function listRegions(db: CatalogDb, filters: readonly Filter[], limit: number): Promise<RegionRow[]> {
  const select = db
    .selectFrom('regions')
    .selectAll()
    .orderBy('id')
    .limit(limit + 1);
  return applyFilters(select, 'regions', filters).execute();
}

/** @throws {Conflict} `identity.region.conflict` when the id is taken. */
export async function insertRegion(db: CatalogDb, row: RegionRow): Promise<void> {
  if (!(await unlessTaken(db.insertInto('regions').values(row).execute())))
    throw conflict('region', `Duplicate ID, ${row.id}`);
}

export async function updateRegion(db: CatalogDb, id: string, change: Partial<RegionRow>): Promise<void> {
  if (Object.keys(change).length > 0) await db.updateTable('regions').set(change).where('id', '=', id).execute();
}

export async function deleteRegions(db: CatalogDb, ids: readonly string[]): Promise<void> {
  if (ids.length > 0) await db.deleteFrom('regions').where('id', 'in', ids).execute();
}

export function findService(db: CatalogDb, id: string): Promise<ServiceRow | undefined> {
  return db.selectFrom('services').selectAll().where('id', '=', id).executeTakeFirst();
}

/** @throws {NotFound} `identity.service.not_found`. */
export async function getService(db: CatalogDb, id: string): Promise<ServiceRow> {
  const row = await findService(db, id);
  if (row === undefined) throw notFound('service', id);
  return row;
}

export function listServices(db: CatalogDb, filters: readonly Filter[], limit: number): Promise<ServiceRow[]> {
  const select = db
    .selectFrom('services')
    .selectAll()
    .orderBy('id')
    .limit(limit + 1);
  return applyFilters(select, 'services', filters).execute();
}

export async function insertService(db: CatalogDb, row: ServiceRow): Promise<void> {
  await db.insertInto('services').values(row).execute();
}

export async function updateService(db: CatalogDb, id: string, change: Partial<ServiceRow>): Promise<void> {
  if (Object.keys(change).length > 0) await db.updateTable('services').set(change).where('id', '=', id).execute();
}

/** Its endpoints go with it. */
export async function deleteService(db: CatalogDb, id: string): Promise<void> {
  await db.deleteFrom('services').where('id', '=', id).execute();
}

export function findEndpoint(db: CatalogDb, id: string): Promise<EndpointRow | undefined> {
  return db.selectFrom('endpoints').selectAll().where('id', '=', id).executeTakeFirst();
}

/** @throws {NotFound} `identity.endpoint.not_found`. */
export async function getEndpoint(db: CatalogDb, id: string): Promise<EndpointRow> {
  const row = await findEndpoint(db, id);
  if (row === undefined) throw notFound('endpoint', id);
  return row;
}

export function listEndpoints(db: CatalogDb, filters: readonly Filter[], limit: number): Promise<EndpointRow[]> {
  const select = db
    .selectFrom('endpoints')
    .selectAll()
    .orderBy('id')
    .limit(limit + 1);
  return applyFilters(select, 'endpoints', filters).execute();
}

export async function insertEndpoint(db: CatalogDb, row: EndpointRow): Promise<void> {
  await db.insertInto('endpoints').values(row).execute();
}

export async function updateEndpoint(db: CatalogDb, id: string, change: Partial<EndpointRow>): Promise<void> {
  if (Object.keys(change).length > 0) await db.updateTable('endpoints').set(change).where('id', '=', id).execute();
}

export async function deleteEndpoint(db: CatalogDb, id: string): Promise<void> {
  await db.deleteFrom('endpoints').where('id', '=', id).execute();
}
