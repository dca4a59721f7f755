import type { RequestContext } from '#kernel/auth/context.ts';
import { readBooleanWord } from '#kernel/words.ts';
import type { IdentityDeps } from '../deps.ts';
import { cut, limitOf, markerOf, type Query } from '../query.ts';
import { afterMarker, readFilters } from '../store/filters.ts';
import { collection, type V3Url } from '../views.ts';
import { findDomain, findProject, getDomain, getProject, listProjects, listTags, type TagQuery } from './store.ts';
import type { ProjectRow } from './tables.ts';
import { showDomain, showProject } from './view.ts';

const PROJECT_FILTERS = ['domain_id', 'enabled', 'name', 'parent_id', 'is_domain'];
const DOMAIN_FILTERS = ['enabled', 'name'];

/** The body of a list of projects that the caller's domain, if it is of one, allows. */
export async function readProjects(
  deps: IdentityDeps,
  ctx: RequestContext,
  query: Query,
  v3Url: V3Url,
): Promise<Record<string, unknown>> {
  const limit = limitOf(query, deps.config.listLimit);
  const filters = [
    ...readFilters(query, PROJECT_FILTERS).filter(({ attribute }) => attribute !== 'is_domain'),
    ...afterMarker(await markerOf(query, (id) => findProject(deps.db, id))),
  ];
  const isDomain = readBooleanWord(query['is_domain'] ?? '') === true;
  const found = await listProjects(deps.db, {
    filters,
    isDomain,
    domainId: ctx.domainId ?? undefined,
    tags: readTagQuery(query),
    limit,
  });
  const { rows, isTruncated } = cut(found, limit);
  return collection(v3Url, 'projects', 'projects', await showProjects(deps, rows, v3Url), isTruncated, query);
}

export async function readDomains(deps: IdentityDeps, query: Query, v3Url: V3Url): Promise<Record<string, unknown>> {
  const limit = limitOf(query, deps.config.listLimit);
  const filters = [
    ...readFilters(query, DOMAIN_FILTERS),
    ...afterMarker(await markerOf(query, (id) => findDomain(deps.db, id))),
  ];
  const found = await listProjects(deps.db, { filters, isDomain: true, limit });
  const { rows, isTruncated } = cut(found, limit);
  return collection(v3Url, 'domains', 'domains', await showDomains(deps, rows, v3Url), isTruncated, query);
}

export async function showProjects(
  deps: IdentityDeps,
  rows: readonly ProjectRow[],
  v3Url: V3Url,
): Promise<Record<string, unknown>[]> {
  const tags = await listTags(
    deps.db,
    rows.map((row) => row.id),
  );
  return rows.map((row) => showProject(row, tags.get(row.id) ?? [], v3Url));
}

export async function showDomains(
  deps: IdentityDeps,
  rows: readonly ProjectRow[],
  v3Url: V3Url,
): Promise<Record<string, unknown>[]> {
  const tags = await listTags(
    deps.db,
    rows.map((row) => row.id),
  );
  return rows.map((row) => showDomain(row, tags.get(row.id) ?? [], v3Url));
}

/** @throws {NotFound} `identity.project.not_found`. */
export function readProject(deps: IdentityDeps, id: string): Promise<ProjectRow> {
  return getProject(deps.db, id);
}

/** @throws {NotFound} `identity.domain.not_found`. */
export function readDomain(deps: IdentityDeps, id: string): Promise<ProjectRow> {
  return getDomain(deps.db, id);
}

/** @throws {NotFound} `identity.project.not_found`. */
export async function readTags(deps: IdentityDeps, id: string): Promise<string[]> {
  await getProject(deps.db, id);
  return (await listTags(deps.db, [id])).get(id) ?? [];
}

function readTagQuery(query: Query): TagQuery | undefined {
  const names = (key: string): string[] => (query[key] ?? '').split(',').filter((name) => name !== '');
  const tags = { all: names('tags'), any: names('tags-any'), notAll: names('not-tags'), notAny: names('not-tags-any') };
  return Object.values(tags).some((list) => list.length > 0) ? tags : undefined;
}
