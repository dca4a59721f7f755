import type { Db } from '#kernel/db/database.ts';
import { fromJson } from '#kernel/db/json.ts';
import { unlessTaken } from '#kernel/db/transaction.ts';
import type { CatalogTables, EndpointRow } from '../catalog/tables.ts';
import { conflict, notFound } from '../errors.ts';
import { applyFilters, type Filter } from '../store/filters.ts';
import type { EndpointFilterTables, EndpointGroupFilters, EndpointGroupRow } from './tables.ts';

type FilterDb = Db<EndpointFilterTables>;

/** @throws {NotFound} `identity.endpoint_group.not_found`. */
export async function getEndpointGroup(db: FilterDb, id: string): Promise<EndpointGroupRow> {
  const row = await db.selectFrom('endpoint_groups').selectAll().where('id', '=', id).executeTakeFirst();
  if (row === undefined) throw notFound('Endpoint Group', id);
  return row;
}

export function listEndpointGroups(
  db: FilterDb,
  filters: readonly Filter[],
  limit: number,
): Promise<EndpointGroupRow[]> {
  const select = db
    .selectFrom('endpoint_groups')
    .selectAll()
    .orderBy('id')
    .limit(limit + 1);
  return applyFilters(select, 'endpoint_groups', filters).execute();
}

export async function insertEndpointGroup(db: FilterDb, row: EndpointGroupRow): Promise<void> {
  await db.insertInto('endpoint_groups').values(row).execute();
}

export async function updateEndpointGroup(db: FilterDb, id: string, change: Partial<EndpointGroupRow>): Promise<void> {
  await db.updateTable('endpoint_groups').set(change).where('id', '=', id).execute();
}

export async function deleteEndpointGroup(db: FilterDb, id: string): Promise<void> {
  await db.deleteFrom('endpoint_groups').where('id', '=', id).execute();
}

export async function isEndpointOf(db: FilterDb, projectId: string, endpointId: string): Promise<boolean> {
  const row = await db
    .selectFrom('project_endpoints')
    .select('endpoint_id')
    .where('project_id', '=', projectId)
    .where('endpoint_id', '=', endpointId)
    .executeTakeFirst();
  return row !== undefined;
}

/** @throws {Conflict} when the project has it already. */
export async function insertProjectEndpoint(db: FilterDb, projectId: string, endpointId: string): Promise<void> {
  await unique('project_endpoint', () =>
    db.insertInto('project_endpoints').values({ project_id: projectId, endpoint_id: endpointId }).execute(),
  );
}

export async function deleteProjectEndpoint(db: FilterDb, projectId: string, endpointId: string): Promise<void> {
  await db
    .deleteFrom('project_endpoints')
    .where('project_id', '=', projectId)
    .where('endpoint_id', '=', endpointId)
    .execute();
}

export async function listProjectIdsOfEndpoint(db: FilterDb, endpointId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('project_endpoints')
    .select('project_id')
    .where('endpoint_id', '=', endpointId)
    .execute();
  return rows.map((row) => row.project_id);
}

export async function isGroupOf(db: FilterDb, projectId: string, groupId: string): Promise<boolean> {
  const row = await db
    .selectFrom('project_endpoint_groups')
    .select('project_id')
    .where('project_id', '=', projectId)
    .where('endpoint_group_id', '=', groupId)
    .executeTakeFirst();
  return row !== undefined;
}

/** @throws {Conflict} when the project has it already. */
export async function insertProjectGroup(db: FilterDb, projectId: string, groupId: string): Promise<void> {
  await unique('project_endpoint_group', () =>
    db.insertInto('project_endpoint_groups').values({ project_id: projectId, endpoint_group_id: groupId }).execute(),
  );
}

export async function deleteProjectGroup(db: FilterDb, projectId: string, groupId: string): Promise<void> {
  await db
    .deleteFrom('project_endpoint_groups')
    .where('project_id', '=', projectId)
    .where('endpoint_group_id', '=', groupId)
    .execute();
}

export async function listProjectIdsOfGroup(db: FilterDb, groupId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('project_endpoint_groups')
    .select('project_id')
    .where('endpoint_group_id', '=', groupId)
    .execute();
  return rows.map((row) => row.project_id);
}

export function listGroupsOfProject(db: FilterDb, projectId: string): Promise<EndpointGroupRow[]> {
  return db
    .selectFrom('project_endpoint_groups as link')
    .innerJoin('endpoint_groups', 'endpoint_groups.id', 'link.endpoint_group_id')
    .selectAll('endpoint_groups')
    .where('link.project_id', '=', projectId)
    .orderBy('endpoint_groups.id')
    .execute();
}

/** The endpoints that a project was given, by themselves or by groups; undefined where it was given none: it sees all. */
export async function listEndpointsOfProject(
  db: Db<EndpointFilterTables & CatalogTables>,
  projectId: string,
): Promise<EndpointRow[] | undefined> {
  const direct = await db
    .selectFrom('project_endpoints')
    .select('endpoint_id')
    .where('project_id', '=', projectId)
    .execute();
  const groups = await listGroupsOfProject(db, projectId);
  if (direct.length === 0 && groups.length === 0) return undefined;
  const ids = new Set(direct.map((row) => row.endpoint_id));
  const endpoints = await db.selectFrom('endpoints').selectAll().orderBy('id').execute();
  const chosen = endpoints.filter(
    (endpoint) => ids.has(endpoint.id) || groups.some((group) => belongs(endpoint, fromJson(group.filters))),
  );
  return chosen.length === 0 ? undefined : chosen;
}

/** Whether an endpoint is what a group's filters ask for. */
export function belongs(endpoint: EndpointRow, filters: EndpointGroupFilters): boolean {
  return (['service_id', 'region_id', 'interface'] as const).every(
    (key) => filters[key] === undefined || filters[key] === endpoint[key],
  );
}

async function unique(kind: string, write: () => Promise<unknown>): Promise<void> {
  if (!(await unlessTaken(write()))) throw conflict(kind, 'Duplicate entry');
}
