import type { RequestContext } from '#kernel/auth/context.ts';
import type { Db } from '#kernel/db/database.ts';
import { toBit, toJson } from '#kernel/db/json.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { BadRequest, errorText, Forbidden, NotFound } from '#kernel/errors.ts';
import { newHexId } from '#kernel/ids.ts';
import { type IdentityDeps, nowMs } from '../deps.ts';
import { domainForNew } from '../domain-of.ts';
import { badRequest, notFound } from '../errors.ts';
import { checkMutable, checkUnmoved, extraOf, mergeExtra, mergeOptions } from '../extra.ts';
import { revokeTokens } from '../revocations/revoke.ts';
import type { IdentityTables } from '../tables.ts';
import { type DomainChange, MAX_TAGS, type NewDomain, type NewProject, type ProjectChange } from './schema.ts';
import {
  findProject,
  getDomain,
  getProject,
  insertProject,
  listAncestors,
  listSubtree,
  listTags,
  replaceTags,
  updateProject,
} from './store.ts';
import type { ProjectRow } from './tables.ts';

const COLUMNS = [
  'name',
  'description',
  'domain_id',
  'enabled',
  'is_domain',
  'parent_id',
  'tags',
  'options',
  'explicit_domain_id',
];

/** The target of rules about one project; without a project where there is none. */
export async function projectTarget(deps: IdentityDeps, id: string): Promise<Record<string, unknown>> {
  const row = await findProject(deps.db, id);
  if (row === undefined) return { target: {} };
  return { target: { project: { id: row.id, domain_id: row.is_domain === 1 ? null : row.domain_id } } };
}

/**
 * @throws {BadRequest} when the parent or domain is not there, not of one tree, or disabled; {Conflict} when the name is taken.
 * @see https://docs.openstack.org/api-ref/identity/v3/#create-project
 */
export async function createProject(deps: IdentityDeps, ctx: RequestContext, given: NewProject): Promise<ProjectRow> {
  const isDomain = given.is_domain === true;
  const domainId = isDomain ? '' : domainForNew(ctx, given.domain_id);
  const parentId = isDomain ? (given.parent_id ?? given.domain_id ?? null) : (given.parent_id ?? domainId);
  if (isDomain && parentId !== null)
    throw badRequest('project.not_root', 'only root projects are allowed to act as domains.');
  const row: ProjectRow = {
    ...newRow(deps, newHexId(), given),
    is_domain: toBit(isDomain),
    domain_id: domainId,
    parent_id: parentId,
  };
  await inTransaction(deps.db, async (tx) => {
    if (!isDomain) await checkPlace(deps, tx, row);
    await insertProject(tx, row);
    await replaceTags(tx, row.id, given.tags ?? []);
  });
  return row;
}

/**
 * @throws {BadRequest} for an id that is no UUID; {Conflict} when the name is taken.
 */
export async function createDomain(deps: IdentityDeps, given: NewDomain): Promise<ProjectRow> {
  const id = given.explicit_domain_id ?? newHexId();
  if (!/^[0-9a-f]{32}$/.test(id)) throw badRequest('domain.id', 'Domain ID does not conform to required UUID format.');
  const row: ProjectRow = { ...newRow(deps, id, given), is_domain: 1, domain_id: '', parent_id: null };
  await inTransaction(deps.db, async (tx) => {
    await insertProject(tx, row);
    await replaceTags(tx, row.id, given.tags ?? []);
  });
  return row;
}

/**
 * @throws {Forbidden} for a move, an immutable project, or one whose parents or children stand against it.
 */
export async function changeProject(deps: IdentityDeps, id: string, given: ProjectChange): Promise<ProjectRow> {
  return inTransaction(deps.db, async (tx) => {
    const row = await getProject(tx, id);
    checkUnmoved('project', row, given);
    if (given.parent_id !== undefined && given.parent_id !== row.parent_id)
      throw new Forbidden('identity.project.move', 'Update of `parent_id` is not allowed.');
    if (given.is_domain !== undefined && given.is_domain !== (row.is_domain === 1))
      throw badRequest('project.is_domain', 'Update of `is_domain` is not allowed.');
    return change(deps, tx, row, given);
  });
}

/** @throws {NotFound} `identity.domain.not_found`; {Forbidden} for an immutable domain; {Conflict} when the name is taken. */
export async function changeDomain(deps: IdentityDeps, id: string, given: DomainChange): Promise<ProjectRow> {
  return inTransaction(deps.db, async (tx) => {
    const row = await getDomain(tx, id);
    checkUnmoved('domain', { id }, given);
    return change(deps, tx, row, given);
  });
}

/** Replaces a project's tags. @throws {Forbidden} for an immutable project. */
export async function setTags(deps: IdentityDeps, id: string, tags: readonly string[]): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    const row = await getProject(tx, id);
    checkMutable('project', row, {});
    await replaceTags(tx, id, tags);
  });
}

async function change(
  deps: IdentityDeps,
  tx: Db<IdentityTables>,
  row: ProjectRow,
  given: ProjectChange | DomainChange,
): Promise<ProjectRow> {
  checkMutable(row.is_domain === 1 ? 'domain' : 'project', row, given);
  const isDisabling = row.enabled === 1 && given.enabled === false;
  if (row.enabled === 0 && given.enabled === true) await checkParentsEnabled(tx, row);
  if (isDisabling && row.is_domain === 0) await checkSubtreeDisabled(tx, row);
  const changed: ProjectRow = {
    ...row,
    ...(given.name === undefined ? {} : { name: given.name.trim() }),
    ...(given.description === undefined ? {} : { description: given.description ?? '' }),
    ...(given.enabled === undefined ? {} : { enabled: toBit(given.enabled) }),
    options: mergeOptions(row.options, given.options),
    extra: mergeExtra(row.extra, extraOf(given, COLUMNS)),
  };
  await updateProject(tx, row, changed);
  if (given.tags !== undefined) await replaceTags(tx, row.id, given.tags);
  if (isDisabling) await revokeTokens(deps, tx, row.is_domain === 1 ? { domain_id: row.id } : { project_id: row.id });
  else await deps.forgetTokens(tx);
  return changed;
}

function newRow(deps: IdentityDeps, id: string, given: NewProject | NewDomain) {
  return {
    id,
    name: given.name.trim(),
    description: given.description ?? '',
    enabled: toBit(given.enabled ?? true),
    options: mergeOptions('{}', given.options),
    extra: toJson(extraOf(given, COLUMNS)),
    created_at: nowMs(deps),
  };
}

/** What does not exist is the request's mistake here, not a missing page. */
async function checkPlace(deps: IdentityDeps, tx: Db<IdentityTables>, row: ProjectRow): Promise<void> {
  try {
    await getDomain(tx, row.domain_id);
    const parent = await getProject(tx, row.parent_id ?? '');
    checkSameTree(row, parent);
    const line = [parent, ...(await listAncestors(tx, parent))];
    const disabled = line.find((project) => project.enabled === 0);
    if (disabled !== undefined)
      throw badRequest(
        'project.branch_disabled',
        `cannot create a project in a branch containing a disabled project: ${disabled.id}`,
      );
    checkDepth(deps, row, line.length);
  } catch (error) {
    if (error instanceof NotFound) throw new BadRequest(error.code, errorText(error), { cause: error });
    throw error;
  }
}

function checkSameTree(row: ProjectRow, parent: ProjectRow): void {
  if (parent.is_domain === 1 && parent.id !== row.domain_id)
    throw badRequest(
      'project.domain',
      `Cannot create project, the parent (${parent.id}) is acting as a domain, but this project's domain id (${row.domain_id}) does not match the parent's id.`,
    );
  if (parent.is_domain === 0 && parent.domain_id !== row.domain_id)
    throw badRequest(
      'project.domain',
      `Cannot create project, since it specifies its domain_id ${row.domain_id}, but specifies a parent in a different domain (${parent.domain_id}).`,
    );
}

function checkDepth(deps: IdentityDeps, row: ProjectRow, above: number): void {
  // Two levels of limits leave room for two levels of projects below the domain's.
  const configured = deps.config.maxProjectTreeDepth;
  const max = deps.config.limitModel === 'strict_two_level' ? Math.min(configured, 2) : configured;
  if (above > max)
    throw new Forbidden('identity.project.depth', `Max hierarchy depth reached for ${row.parent_id ?? ''} branch.`);
}

async function checkParentsEnabled(tx: Db<IdentityTables>, row: ProjectRow): Promise<void> {
  if ((await listAncestors(tx, row)).some((project) => project.enabled === 0))
    throw new Forbidden(
      'identity.project.parent_disabled',
      `Cannot enable project ${row.id} since it has disabled parents`,
    );
}

async function checkSubtreeDisabled(tx: Db<IdentityTables>, row: ProjectRow): Promise<void> {
  if ((await listSubtree(tx, row.id)).some((project) => project.enabled === 1))
    throw new Forbidden(
      'identity.project.subtree_enabled',
      `Cannot disable project ${row.id} since its subtree contains enabled projects.`,
    );
}

/** Adds one tag; once is as good as twice. @throws {BadRequest} for a tag that is none, or one too many. */
export async function addTag(deps: IdentityDeps, id: string, tag: string): Promise<void> {
  if (tag.length > 255 || /[,/]/.test(tag))
    throw badRequest('project.tag', `'${tag.slice(0, 255)}' does not match '^[^,/]*$'`);
  await inTransaction(deps.db, async (tx) => {
    const row = await getProject(tx, id);
    checkMutable('project', row, {});
    const tags = new Set((await listTags(tx, [id])).get(id)).add(tag);
    if (tags.size > MAX_TAGS)
      throw badRequest('project.tags', `${tags.size} tags are too many, ${MAX_TAGS} are allowed`);
    await replaceTags(tx, id, [...tags]);
  });
}

/** @throws {NotFound} `identity.project_tag.not_found`. */
export function checkTag(tags: readonly string[], tag: string): void {
  if (!tags.includes(tag)) throw notFound('project tag', tag);
}
