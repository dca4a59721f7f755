import { fromJson, toJson } from '#kernel/db/json.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { newHexId } from '#kernel/ids.ts';
import { getEndpoint, listEndpoints } from '../catalog/store.ts';
import type { EndpointRow } from '../catalog/tables.ts';
import type { IdentityDeps } from '../deps.ts';
import { badRequest, missing, notFound } from '../errors.ts';
import { checkUnmoved } from '../extra.ts';
import { showProjects } from '../projects/list.ts';
import { findProject, getProject } from '../projects/store.ts';
import { cut, limitOf, type Query } from '../query.ts';
import { readFilters } from '../store/filters.ts';
import { collection, type V3Url } from '../views.ts';
import type { EndpointGroupChange, NewEndpointGroup } from './schema.ts';
import {
  belongs,
  deleteEndpointGroup,
  deleteProjectEndpoint,
  deleteProjectGroup,
  getEndpointGroup,
  insertEndpointGroup,
  insertProjectEndpoint,
  insertProjectGroup,
  isEndpointOf,
  isGroupOf,
  listEndpointGroups,
  listEndpointsOfProject,
  listGroupsOfProject,
  listProjectIdsOfEndpoint,
  listProjectIdsOfGroup,
  updateEndpointGroup,
} from './store.ts';
import type { EndpointGroupFilters, EndpointGroupRow } from './tables.ts';

const KEYS = ['service_id', 'region_id', 'interface'];

export function showEndpointGroup(row: EndpointGroupRow, v3Url: V3Url): Record<string, unknown> {
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    filters: fromJson(row.filters),
    links: { self: `${v3Url}/OS-EP-FILTER/endpoint_groups/${row.id}` },
  };
}

export async function readEndpointGroups(
  deps: IdentityDeps,
  query: Query,
  v3Url: V3Url,
): Promise<Record<string, unknown>> {
  const limit = limitOf(query, deps.config.listLimit);
  const found = await listEndpointGroups(deps.db, readFilters(query, ['name']), limit);
  const { rows, isTruncated } = cut(found, limit);
  const shown = rows.map((row) => showEndpointGroup(row, v3Url));
  return collection(v3Url, 'OS-EP-FILTER/endpoint_groups', 'endpoint_groups', shown, isTruncated);
}

/** @throws {NotFound} `identity.endpoint_group.not_found`. */
export function readEndpointGroup(deps: IdentityDeps, id: string): Promise<EndpointGroupRow> {
  return getEndpointGroup(deps.db, id);
}

/** @throws {BadRequest} for filters that are none. */
export async function createEndpointGroup(deps: IdentityDeps, given: NewEndpointGroup): Promise<EndpointGroupRow> {
  if (Object.keys(given.filters).length === 0)
    throw badRequest('endpoint_group.filters', 'filters field is required and cannot be empty');
  const row: EndpointGroupRow = {
    id: newHexId(),
    name: given.name,
    description: given.description ?? null,
    filters: toJson(checkedFilters(given.filters)),
  };
  await insertEndpointGroup(deps.db, row);
  return row;
}

/** @throws {NotFound} `identity.endpoint_group.not_found`; {BadRequest} for filters that are none. */
export async function changeEndpointGroup(
  deps: IdentityDeps,
  id: string,
  given: EndpointGroupChange,
): Promise<EndpointGroupRow> {
  return inTransaction(deps.db, async (tx) => {
    const row = await getEndpointGroup(tx, id);
    checkUnmoved('endpoint_group', { id }, given);
    const changed: EndpointGroupRow = {
      ...row,
      ...(given.name === undefined ? {} : { name: given.name }),
      ...(given.description === undefined ? {} : { description: given.description }),
      ...(given.filters === undefined ? {} : { filters: toJson(checkedFilters(given.filters)) }),
    };
    await updateEndpointGroup(tx, id, changed);
    return changed;
  });
}

/** @throws {NotFound} `identity.endpoint_group.not_found`. */
export async function removeEndpointGroup(deps: IdentityDeps, id: string): Promise<void> {
  await getEndpointGroup(deps.db, id);
  await deleteEndpointGroup(deps.db, id);
}

/** @throws {NotFound} when one is not there; {Conflict} when they are tied already. */
export async function addEndpoint(deps: IdentityDeps, projectId: string, endpointId: string): Promise<void> {
  await getEndpoint(deps.db, endpointId);
  await getProject(deps.db, projectId);
  await insertProjectEndpoint(deps.db, projectId, endpointId);
}

/** @throws {NotFound} when one is not there, or they are not tied. */
export async function checkEndpoint(deps: IdentityDeps, projectId: string, endpointId: string): Promise<void> {
  await getEndpoint(deps.db, endpointId);
  await getProject(deps.db, projectId);
  if (!(await isEndpointOf(deps.db, projectId, endpointId))) throw notFound('endpoint', endpointId);
}

/** @throws {NotFound} when they are not tied. */
export async function removeEndpointOf(deps: IdentityDeps, projectId: string, endpointId: string): Promise<void> {
  if (!(await isEndpointOf(deps.db, projectId, endpointId))) throw notFound('endpoint', endpointId);
  await deleteProjectEndpoint(deps.db, projectId, endpointId);
}

/** @throws {NotFound} `identity.project.not_found`. */
export async function endpointsOfProject(deps: IdentityDeps, projectId: string): Promise<EndpointRow[]> {
  await getProject(deps.db, projectId);
  return (await listEndpointsOfProject(deps.db, projectId)) ?? [];
}

/** @throws {NotFound} `identity.endpoint.not_found`. */
export async function readProjectsOfEndpoint(
  deps: IdentityDeps,
  endpointId: string,
  v3Url: V3Url,
): Promise<Record<string, unknown>> {
  await getEndpoint(deps.db, endpointId);
  const path = `OS-EP-FILTER/endpoints/${endpointId}/projects`;
  return showProjectList(deps, await listProjectIdsOfEndpoint(deps.db, endpointId), path, v3Url);
}

/** @throws {NotFound} `identity.endpoint_group.not_found`. */
export async function readProjectsOfGroup(
  deps: IdentityDeps,
  groupId: string,
  v3Url: V3Url,
): Promise<Record<string, unknown>> {
  await getEndpointGroup(deps.db, groupId);
  const path = `OS-EP-FILTER/endpoint_groups/${groupId}/projects`;
  return showProjectList(deps, await listProjectIdsOfGroup(deps.db, groupId), path, v3Url);
}

/** @throws {NotFound} `identity.endpoint_group.not_found`. */
export async function endpointsOfGroup(deps: IdentityDeps, groupId: string): Promise<EndpointRow[]> {
  const filters: EndpointGroupFilters = fromJson((await getEndpointGroup(deps.db, groupId)).filters);
  return (await listEndpoints(deps.db, [], deps.config.listLimit)).filter((endpoint) => belongs(endpoint, filters));
}

/** @throws {NotFound} `identity.project.not_found`. */
export async function groupsOfProject(deps: IdentityDeps, projectId: string): Promise<EndpointGroupRow[]> {
  await getProject(deps.db, projectId);
  return listGroupsOfProject(deps.db, projectId);
}

/** @throws {NotFound} when one is not there; {Conflict} when they are tied already. */
export async function addGroup(deps: IdentityDeps, projectId: string, groupId: string): Promise<void> {
  await getProject(deps.db, projectId);
  await getEndpointGroup(deps.db, groupId);
  await insertProjectGroup(deps.db, projectId, groupId);
}

/** @throws {NotFound} when one is not there, or they are not tied. */
export async function checkGroup(deps: IdentityDeps, projectId: string, groupId: string): Promise<void> {
  await getProject(deps.db, projectId);
  await getEndpointGroup(deps.db, groupId);
  if (!(await isGroupOf(deps.db, projectId, groupId))) throw notFound('Endpoint Group', groupId);
}

/** @throws {NotFound} when one is not there, or they are not tied. */
export async function removeGroupOf(deps: IdentityDeps, projectId: string, groupId: string): Promise<void> {
  await checkGroup(deps, projectId, groupId);
  await deleteProjectGroup(deps.db, projectId, groupId);
}

function checkedFilters(given: Readonly<Record<string, unknown>>): EndpointGroupFilters {
  if (Object.keys(given).some((key) => !KEYS.includes(key))) throw missing(KEYS.join(' or '), 'endpoint_group');
  return given;
}

async function showProjectList(
  deps: IdentityDeps,
  ids: readonly string[],
  path: string,
  v3Url: V3Url,
): Promise<Record<string, unknown>> {
  const rows = await Promise.all(ids.map((id) => findProject(deps.db, id)));
  const present = rows.filter((row) => row !== undefined);
  return collection(v3Url, path, 'projects', await showProjects(deps, present, v3Url));
}
