import type { Db } from '#kernel/db/database.ts';
import { toBit, toJson } from '#kernel/db/json.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { Forbidden } from '#kernel/errors.ts';
import { newHexId } from '#kernel/ids.ts';
import type { IdentityDeps } from '../deps.ts';
import { badRequest, missing } from '../errors.ts';
import { checkUnmoved, extraOf, mergeExtra } from '../extra.ts';
import { cut, limitOf, type Query } from '../query.ts';
import { readFilters } from '../store/filters.ts';
import { collection, type V3Url } from '../views.ts';
import { isFillable } from './catalog.ts';
import type { EndpointChange, NewEndpoint, NewRegion, NewService, ServiceChange } from './schema.ts';
import {
  deleteEndpoint,
  deleteRegions,
  deleteService,
  findRegion,
  findService,
  getEndpoint,
  getRegion,
  getService,
  insertEndpoint,
  insertRegion,
  insertService,
  listEndpoints,
  listRegions,
  listServices,
  updateEndpoint,
  updateRegion,
  updateService,
} from './store.ts';
import type { CatalogTables, EndpointRow, RegionRow, ServiceRow } from './tables.ts';
import { showEndpoint, showRegion, showService } from './view.ts';

const REGION_COLUMNS = ['description', 'parent_region_id'];
const SERVICE_COLUMNS = ['type', 'name', 'enabled'];
const ENDPOINT_COLUMNS = ['interface', 'service_id', 'url', 'enabled', 'region_id', 'region', 'legacy_endpoint_id'];
/** More regions than any cloud has; a line of parents that is longer is a circle. */
const MAX_REGIONS = 10_000;

export async function readRegions(deps: IdentityDeps, query: Query, v3Url: V3Url): Promise<Record<string, unknown>> {
  const limit = limitOf(query, deps.config.listLimit);
  const { rows, isTruncated } = cut(await listRegions(deps.db, readFilters(query, ['parent_region_id']), limit), limit);
  const shown = rows.map((row) => showRegion(row, v3Url));
  return collection(v3Url, 'regions', 'regions', shown, isTruncated);
}

/** @throws {NotFound} `identity.region.not_found`. */
export function readRegion(deps: IdentityDeps, id: string): Promise<RegionRow> {
  return getRegion(deps.db, id);
}

/**
 * @param pathId the id in the path of a PUT.
 * @throws {Conflict} when the id is taken; {NotFound} when the parent is not there; {BadRequest} for two ids.
 */
export async function createRegion(deps: IdentityDeps, given: NewRegion, pathId?: string): Promise<RegionRow> {
  if (pathId !== undefined && given.id !== undefined && given.id !== pathId)
    throw badRequest('region.ids', `Conflicting region IDs specified: "${pathId}" != "${given.id}"`);
  const asked = pathId ?? given.id ?? '';
  const row: RegionRow = {
    id: asked === '' ? newHexId() : asked,
    parent_region_id: given.parent_region_id ?? null,
    description: given.description ?? '',
    extra: toJson(extraOf(given, REGION_COLUMNS)),
  };
  await inTransaction(deps.db, async (tx) => {
    if (row.parent_region_id !== null) await getRegion(tx, row.parent_region_id);
    await insertRegion(tx, row);
  });
  return row;
}

/** @throws {NotFound} when the region or its parent is not there; {BadRequest} for a circle of parents. */
export async function changeRegion(deps: IdentityDeps, id: string, given: NewRegion): Promise<RegionRow> {
  return inTransaction(deps.db, async (tx) => {
    const row = await getRegion(tx, id);
    checkUnmoved('region', { id }, given);
    const parentId = given.parent_region_id === undefined ? row.parent_region_id : given.parent_region_id;
    if (parentId !== null && parentId !== row.parent_region_id) await checkNoCircle(tx, id, parentId);
    const changed: RegionRow = {
      ...row,
      parent_region_id: parentId,
      ...(given.description === undefined ? {} : { description: given.description ?? '' }),
      extra: mergeExtra(row.extra, extraOf(given, REGION_COLUMNS)),
    };
    await updateRegion(tx, id, changed);
    return changed;
  });
}

/** Regions below go with it. @throws {Forbidden} while any of them has an endpoint. */
export async function removeRegion(deps: IdentityDeps, id: string): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    await getRegion(tx, id);
    const ids = await withChildren(tx, id);
    const endpoints = await listEndpoints(tx, [], MAX_REGIONS);
    if (endpoints.some((endpoint) => endpoint.region_id !== null && ids.has(endpoint.region_id)))
      throw new Forbidden(
        'identity.region.in_use',
        `Unable to delete region ${id} because it or its child regions have associated endpoints.`,
      );
    await deleteRegions(tx, [...ids].toReversed());
  });
}

export async function readServices(deps: IdentityDeps, query: Query, v3Url: V3Url): Promise<Record<string, unknown>> {
  const limit = limitOf(query, deps.config.listLimit);
  const { rows, isTruncated } = cut(await listServices(deps.db, readFilters(query, ['type', 'name']), limit), limit);
  const shown = rows.map((row) => showService(row, v3Url));
  return collection(v3Url, 'services', 'services', shown, isTruncated);
}

/** @throws {NotFound} `identity.service.not_found`. */
export function readService(deps: IdentityDeps, id: string): Promise<ServiceRow> {
  return getService(deps.db, id);
}

export async function createService(deps: IdentityDeps, given: NewService): Promise<ServiceRow> {
  const row: ServiceRow = {
    id: newHexId(),
    type: given.type,
    name: given.name ?? null,
    enabled: toBit(given.enabled ?? true),
    extra: toJson(extraOf(given, SERVICE_COLUMNS)),
  };
  await insertService(deps.db, row);
  return row;
}

/** @throws {NotFound} `identity.service.not_found`. */
export async function changeService(deps: IdentityDeps, id: string, given: ServiceChange): Promise<ServiceRow> {
  return inTransaction(deps.db, async (tx) => {
    const row = await getService(tx, id);
    checkUnmoved('service', { id }, given);
    const changed: ServiceRow = {
      ...row,
      ...(given.type === undefined ? {} : { type: given.type }),
      ...(given.name === undefined ? {} : { name: given.name }),
      ...(given.enabled === undefined ? {} : { enabled: toBit(given.enabled) }),
      extra: mergeExtra(row.extra, extraOf(given, SERVICE_COLUMNS)),
    };
    await updateService(tx, id, changed);
    return changed;
  });
}

/** Its endpoints go with it. @throws {NotFound} `identity.service.not_found`. */
export async function removeService(deps: IdentityDeps, id: string): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    await getService(tx, id);
    await deleteService(tx, id);
  });
}

export async function readEndpoints(deps: IdentityDeps, query: Query, v3Url: V3Url): Promise<Record<string, unknown>> {
  const limit = limitOf(query, deps.config.listLimit);
  const filters = readFilters(query, ['interface', 'service_id', 'region_id']);
  const { rows, isTruncated } = cut(await listEndpoints(deps.db, filters, limit), limit);
  const shown = rows.map((row) => showEndpoint(row, v3Url));
  return collection(v3Url, 'endpoints', 'endpoints', shown, isTruncated);
}

/** @throws {NotFound} `identity.endpoint.not_found`. */
export function readEndpoint(deps: IdentityDeps, id: string): Promise<EndpointRow> {
  return getEndpoint(deps.db, id);
}

/** A region given by `region`, as in the second version of the API, is made when it is missing. @throws {BadRequest}. */
export async function createEndpoint(deps: IdentityDeps, given: NewEndpoint): Promise<EndpointRow> {
  checkUrl(given.url);
  const row: EndpointRow = {
    id: newHexId(),
    service_id: given.service_id,
    region_id: given.region_id ?? given.region ?? null,
    interface: given.interface,
    url: given.url,
    enabled: toBit(given.enabled ?? true),
    extra: toJson(extraOf(given, ENDPOINT_COLUMNS)),
  };
  await inTransaction(deps.db, async (tx) => {
    await ensureRegion(tx, given);
    await checkPlace(tx, row);
    await insertEndpoint(tx, row);
  });
  return row;
}

/** @throws {NotFound} `identity.endpoint.not_found`; {BadRequest} for a service or region that is not there. */
export async function changeEndpoint(deps: IdentityDeps, id: string, given: EndpointChange): Promise<EndpointRow> {
  if (given.url !== undefined) checkUrl(given.url);
  return inTransaction(deps.db, async (tx) => {
    const row = await getEndpoint(tx, id);
    checkUnmoved('endpoint', { id }, given);
    await ensureRegion(tx, given);
    const regionId = given.region_id ?? given.region;
    const changed: EndpointRow = {
      ...row,
      ...(given.service_id === undefined ? {} : { service_id: given.service_id }),
      ...(given.interface === undefined ? {} : { interface: given.interface }),
      ...(given.url === undefined ? {} : { url: given.url }),
      ...(given.enabled === undefined ? {} : { enabled: toBit(given.enabled) }),
      ...(regionId === undefined ? {} : { region_id: regionId }),
      extra: mergeExtra(row.extra, extraOf(given, ENDPOINT_COLUMNS)),
    };
    await checkPlace(tx, changed);
    await updateEndpoint(tx, id, changed);
    return changed;
  });
}

/** @throws {NotFound} `identity.endpoint.not_found`. */
export async function removeEndpoint(deps: IdentityDeps, id: string): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    await getEndpoint(tx, id);
    await deleteEndpoint(tx, id);
  });
}

function checkUrl(url: string): void {
  if (!isFillable(url)) throw badRequest('endpoint.url', `Cannot create an endpoint with an invalid URL: ${url}.`);
}

async function ensureRegion(
  tx: Db<CatalogTables>,
  given: { region_id?: string | null; region?: string | null },
): Promise<void> {
  const id = given.region_id === undefined || given.region_id === null ? given.region : undefined;
  if (id === undefined || id === null || (await findRegion(tx, id)) !== undefined) return;
  await insertRegion(tx, { id, parent_region_id: null, description: '', extra: '{}' });
}

async function checkPlace(tx: Db<CatalogTables>, row: EndpointRow): Promise<void> {
  if (row.region_id !== null && (await findRegion(tx, row.region_id)) === undefined)
    throw missing('endpoint region_id', 'region table');
  if ((await findService(tx, row.service_id)) === undefined) throw missing('endpoint service_id', 'service table');
}

async function checkNoCircle(tx: Db<CatalogTables>, id: string, parentId: string): Promise<void> {
  const below = await withChildren(tx, id);
  await getRegion(tx, parentId);
  if (below.has(parentId))
    throw badRequest(
      'region.circle',
      `The specified parent region ${parentId} would create a circular region hierarchy.`,
    );
}

/** A region and all below, parents first. */
async function withChildren(tx: Db<CatalogTables>, id: string): Promise<Set<string>> {
  const children = Map.groupBy(await listRegions(tx, [], MAX_REGIONS), (region) => region.parent_region_id);
  const found = new Set([id]);
  for (const parent of found) for (const child of children.get(parent) ?? []) found.add(child.id);
  return found;
}
