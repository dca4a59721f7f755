import type { Db } from '#kernel/db/database.ts';
import { unlessTaken } from '#kernel/db/transaction.ts';
import type { DomainId } from '#kernel/ids.ts';
import { conflict, notFound } from '../errors.ts';
import { applyFilters, type Filter } from '../store/filters.ts';
import type { ProjectOrDomainId, ProjectRow, ProjectTables } from './tables.ts';

/** No tree is deeper; what is deeper in the database is a circle. */
const MAX_DEPTH = 64;

/** Projects and domains alike. */
export function findProject(db: Db<ProjectTables>, id: ProjectOrDomainId): Promise<ProjectRow | undefined> {
  return db.selectFrom('projects').selectAll().where('id', '=', id).executeTakeFirst();
}

/** @throws {NotFound} `identity.project.not_found`. */
export async function getProject(db: Db<ProjectTables>, id: ProjectOrDomainId): Promise<ProjectRow> {
  const row = await findProject(db, id);
  if (row === undefined) throw notFound('project', id);
  return row;
}

export async function findDomain(db: Db<ProjectTables>, id: DomainId): Promise<ProjectRow | undefined> {
  const row = await findProject(db, id);
  return row?.is_domain === 1 ? row : undefined;
}

/** @throws {NotFound} `identity.domain.not_found`. */
export async function getDomain(db: Db<ProjectTables>, id: DomainId): Promise<ProjectRow> {
  const row = await findDomain(db, id);
  if (row === undefined) throw notFound('domain', id);
  return row;
}

/** A domain is found with an empty `domainId`. */
export function findProjectByName(
  db: Db<ProjectTables>,
  domainId: DomainId,
  name: string,
): Promise<ProjectRow | undefined> {
  return db
    .selectFrom('projects')
    .selectAll()
    .where('domain_id', '=', domainId)
    .where('name', '=', name)
    .executeTakeFirst();
}

/** From the parent up to the root. */
export async function listAncestors(db: Db<ProjectTables>, project: ProjectRow): Promise<ProjectRow[]> {
  const ancestors: ProjectRow[] = [];
  for (let parentId = project.parent_id; parentId !== null && ancestors.length < MAX_DEPTH; ) {
    const parent = await findProject(db, parentId);
    if (parent === undefined) break;
    ancestors.push(parent);
    parentId = parent.parent_id;
  }
  return ancestors;
}

/** All below, level by level. */
export async function listSubtree(db: Db<ProjectTables>, id: ProjectOrDomainId): Promise<ProjectRow[]> {
  const found: ProjectRow[] = [];
  let level: readonly ProjectOrDomainId[] = [id];
  for (let depth = 0; level.length > 0 && depth < MAX_DEPTH; depth++) {
    const children = await db
      .selectFrom('projects')
      .selectAll()
      .where('parent_id', 'in', level)
      .orderBy('id')
      .execute();
    found.push(...children);
    level = children.map((child) => child.id);
  }
  return found;
}

export interface ProjectQuery {
  readonly filters: readonly Filter[];
  readonly isDomain: boolean;
  readonly domainId?: DomainId | undefined;
  readonly ids?: readonly ProjectOrDomainId[] | undefined;
  readonly tags?: TagQuery | undefined;
  readonly limit: number;
}

/** Each list is one condition; all that are there must hold. */
export interface TagQuery {
  readonly all: readonly string[];
  readonly any: readonly string[];
  readonly notAll: readonly string[];
  readonly notAny: readonly string[];
}

/** Projects, or domains, in the order of their ids; one more than the limit when there are more. */
export function listProjects(db: Db<ProjectTables>, query: ProjectQuery): Promise<ProjectRow[]> {
  let select = db
    .selectFrom('projects')
    .selectAll()
    .where('is_domain', '=', query.isDomain ? 1 : 0)
    .orderBy('id')
    .limit(query.limit + 1);
  if (query.domainId !== undefined) select = select.where('domain_id', '=', query.domainId);
  if (query.ids !== undefined) select = select.where('id', 'in', [...query.ids, '']);
  const { tags } = query;
  if (tags !== undefined) {
    const withTag = (names: readonly string[]) =>
      db.selectFrom('project_tags').select('project_id').where('name', 'in', names).groupBy('project_id');
    const withAll = (names: readonly string[]) =>
      withTag(names).having((eb) => eb.fn.count('name'), '=', new Set(names).size);
    if (tags.all.length > 0) select = select.where('id', 'in', withAll(tags.all));
    if (tags.any.length > 0) select = select.where('id', 'in', withTag(tags.any));
    if (tags.notAll.length > 0) select = select.where('id', 'not in', withAll(tags.notAll));
    if (tags.notAny.length > 0) select = select.where('id', 'not in', withTag(tags.notAny));
  }
  return applyFilters(select, 'projects', query.filters).execute();
}

/** @throws {Conflict} `identity.project.conflict` or `identity.domain.conflict` when the name is taken. */
export async function insertProject(db: Db<ProjectTables>, row: ProjectRow): Promise<void> {
  await named(row.is_domain === 1, row.name, () => db.insertInto('projects').values(row).execute());
}

/** @throws {Conflict} when another has the name. */
export async function updateProject(
  db: Db<ProjectTables>,
  row: ProjectRow,
  change: Partial<ProjectRow>,
): Promise<void> {
  if (Object.keys(change).length === 0) return;
  await named(row.is_domain === 1, change.name ?? row.name, () =>
    db.updateTable('projects').set(change).where('id', '=', row.id).execute(),
  );
}

export async function deleteProjects(db: Db<ProjectTables>, ids: readonly ProjectOrDomainId[]): Promise<void> {
  if (ids.length > 0) await db.deleteFrom('projects').where('id', 'in', ids).execute();
}

export async function listTags(
  db: Db<ProjectTables>,
  ids: readonly ProjectOrDomainId[],
): Promise<Map<ProjectOrDomainId, string[]>> {
  const rows = await db
    .selectFrom('project_tags')
    .selectAll()
    .where('project_id', 'in', [...ids, ''])
    .orderBy('name')
    .execute();
  return new Map([...Map.groupBy(rows, (row) => row.project_id)].map(([id, list]) => [id, list.map((r) => r.name)]));
}

export async function replaceTags(
  db: Db<ProjectTables>,
  id: ProjectOrDomainId,
  tags: readonly string[],
): Promise<void> {
  await db.deleteFrom('project_tags').where('project_id', '=', id).execute();
  const names = [...new Set(tags)];
  if (names.length > 0)
    await db
      .insertInto('project_tags')
      .values(names.map((name) => ({ project_id: id, name })))
      .execute();
}

async function named(isDomain: boolean, name: string, write: () => Promise<unknown>): Promise<void> {
  if (await unlessTaken(write())) return;
  throw isDomain
    ? conflict('domain', `it is not permitted to have two domains with the same name: ${name}`)
    : conflict('project', `it is not permitted to have two projects with the same name in the same domain: ${name}`);
}
