import type { RequestContext } from '#kernel/auth/context.ts';
import type { Db } from '#kernel/db/database.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { Forbidden, NotFound } from '#kernel/errors.ts';
import { newHexId } from '#kernel/ids.ts';
import { findRegion, findService } from '../catalog/store.ts';
import type { IdentityDeps } from '../deps.ts';
import { badRequest, missing } from '../errors.ts';
import { findProject, listSubtree } from '../projects/store.ts';
import { cut, limitOf, type Query } from '../query.ts';
import { readFilters } from '../store/filters.ts';
import type { IdentityTables } from '../tables.ts';
import { collection, selfLink, type V3Url } from '../views.ts';
import type { LimitChange, NewLimit, NewRegisteredLimit, RegisteredLimitChange } from './schema.ts';
import {
  deleteLimit,
  deleteRegisteredLimit,
  findLimit,
  findRegisteredLimit,
  getLimit,
  getRegisteredLimit,
  insertLimit,
  insertRegisteredLimit,
  isInUse,
  type LimitWithResource,
  listLimits,
  listRegisteredLimits,
  updateLimit,
  updateRegisteredLimit,
} from './store.ts';
import type { LimitRow, RegisteredLimitRow } from './tables.ts';

const FILTERS = ['service_id', 'region_id', 'resource_name'];

/** How limits of projects in one tree bear on one another. */
export const LIMIT_MODELS = {
  flat: {
    name: 'flat',
    description: 'Limit enforcement and validation does not take project hierarchy into consideration.',
  },
  strict_two_level: {
    name: 'strict_two_level',
    description: 'This model requires project hierarchy never exceeds a depth of two',
  },
} as const;

export function showRegisteredLimit(row: RegisteredLimitRow, v3Url: V3Url): Record<string, unknown> {
  return { ...row, region_id: row.region_id || null, links: selfLink(v3Url, 'registered_limits', row.id) };
}

export function showLimit(row: LimitWithResource, v3Url: V3Url): Record<string, unknown> {
  return {
    id: row.id,
    service_id: row.service_id,
    region_id: row.region_id || null,
    resource_name: row.resource_name,
    resource_limit: row.resource_limit,
    description: row.description,
    project_id: row.owner_kind === 'project' ? row.owner_id : null,
    domain_id: row.owner_kind === 'domain' ? row.owner_id : null,
    links: selfLink(v3Url, 'limits', row.id),
  };
}

export async function readRegisteredLimits(
  deps: IdentityDeps,
  query: Query,
  v3Url: V3Url,
): Promise<Record<string, unknown>> {
  const limit = limitOf(query, deps.config.listLimit);
  const { rows, isTruncated } = cut(await listRegisteredLimits(deps.db, readFilters(query, FILTERS), limit), limit);
  const shown = rows.map((row) => showRegisteredLimit(row, v3Url));
  return collection(v3Url, 'registered_limits', 'registered_limits', shown, isTruncated);
}

/** @throws {NotFound} `identity.registered_limit.not_found`. */
export function readRegisteredLimit(deps: IdentityDeps, id: string): Promise<RegisteredLimitRow> {
  return getRegisteredLimit(deps.db, id);
}

/** All or none. @throws {BadRequest} for a service or region that is not there; {Conflict} for a second one. */
export async function createRegisteredLimits(
  deps: IdentityDeps,
  given: readonly NewRegisteredLimit[],
): Promise<RegisteredLimitRow[]> {
  return inTransaction(deps.db, async (tx) => {
    const rows: RegisteredLimitRow[] = [];
    for (const limit of given) {
      const row = {
        id: newHexId(),
        service_id: limit.service_id,
        region_id: limit.region_id ?? '',
        resource_name: limit.resource_name,
        default_limit: limit.default_limit,
        description: limit.description ?? null,
      };
      await checkPlace(tx, row, 'registered_limit');
      await insertRegisteredLimit(tx, row);
      rows.push(row);
    }
    return rows;
  });
}

/** @throws {Forbidden} while projects have limits of their own by it, for anything but the default and the text. */
export async function changeRegisteredLimit(
  deps: IdentityDeps,
  id: string,
  given: RegisteredLimitChange,
): Promise<RegisteredLimitRow> {
  return inTransaction(deps.db, async (tx) => {
    const row = await getRegisteredLimit(tx, id);
    const changed: RegisteredLimitRow = {
      ...row,
      ...(given.service_id === undefined ? {} : { service_id: given.service_id }),
      ...(given.region_id === undefined ? {} : { region_id: given.region_id ?? '' }),
      ...(given.resource_name === undefined ? {} : { resource_name: given.resource_name }),
      ...(given.default_limit === undefined ? {} : { default_limit: given.default_limit }),
      ...(given.description === undefined ? {} : { description: given.description }),
    };
    await checkPlace(tx, changed, 'registered_limit');
    await checkUnused(tx, id);
    await updateRegisteredLimit(tx, changed);
    return changed;
  });
}

/** @throws {Forbidden} while projects have limits of their own by it. */
export async function removeRegisteredLimit(deps: IdentityDeps, id: string): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    await getRegisteredLimit(tx, id);
    await checkUnused(tx, id);
    await deleteRegisteredLimit(tx, id);
  });
}

/** Limits that the caller's scope has to do with. */
export async function readLimits(
  deps: IdentityDeps,
  ctx: RequestContext,
  query: Query,
  v3Url: V3Url,
): Promise<Record<string, unknown>> {
  const limit = limitOf(query, deps.config.listLimit);
  const asked = query['project_id'] ?? query['domain_id'];
  const reachable = await reachableOwners(deps, ctx);
  const ownerIds =
    asked === undefined ? reachable : reachable === undefined || reachable.includes(asked) ? [asked] : [];
  const ownerKind =
    query['project_id'] !== undefined ? 'project' : query['domain_id'] !== undefined ? 'domain' : undefined;
  const found = await listLimits(deps.db, { filters: readFilters(query, FILTERS), ownerIds, ownerKind, limit });
  const { rows, isTruncated } = cut(found, limit);
  const shown = rows.map((row) => showLimit(row, v3Url));
  return collection(v3Url, 'limits', 'limits', shown, isTruncated);
}

/** @throws {NotFound} `identity.limit.not_found`. */
export function readLimit(deps: IdentityDeps, id: string): Promise<LimitWithResource> {
  return getLimit(deps.db, id);
}

/** The target of rules about one limit; without one where there is none. */
export async function limitTarget(deps: IdentityDeps, id: string): Promise<Record<string, unknown>> {
  const row = await getLimit(deps.db, id).catch((error: unknown) => {
    if (error instanceof NotFound) return undefined;
    throw error;
  });
  if (row === undefined) return { target: {} };
  if (row.owner_kind === 'domain') return { target: { limit: { project_id: null, domain: { id: row.owner_id } } } };
  const project = await findProject(deps.db, row.owner_id);
  return { target: { limit: { project_id: row.owner_id, project: { domain_id: project?.domain_id ?? null } } } };
}

/** All or none. @throws {BadRequest}, {Conflict} for a second one; {Forbidden} where the model or a registered limit lacks. */
export async function createLimits(deps: IdentityDeps, given: readonly NewLimit[]): Promise<LimitWithResource[]> {
  return inTransaction(deps.db, async (tx) => {
    const made: LimitWithResource[] = [];
    for (const limit of given) made.push(await createLimit(tx, limit));
    for (const limit of made) await checkModel(deps, tx, limit);
    return made;
  });
}

/** @throws {NotFound} `identity.limit.not_found`; {Forbidden} where the model is against it. */
export async function changeLimit(deps: IdentityDeps, id: string, given: LimitChange): Promise<LimitWithResource> {
  return inTransaction(deps.db, async (tx) => {
    await getLimit(tx, id);
    await updateLimit(tx, id, {
      ...(given.resource_limit === undefined ? {} : { resource_limit: given.resource_limit }),
      ...(given.description === undefined ? {} : { description: given.description }),
    });
    const changed = await getLimit(tx, id);
    await checkModel(deps, tx, changed);
    return changed;
  });
}

/** @throws {NotFound} `identity.limit.not_found`. */
export async function removeLimit(deps: IdentityDeps, id: string): Promise<void> {
  await getLimit(deps.db, id);
  await deleteLimit(deps.db, id);
}

async function reachableOwners(deps: IdentityDeps, ctx: RequestContext): Promise<readonly string[] | undefined> {
  if (ctx.isSystemScoped) return undefined;
  if (ctx.domainId !== null) return [ctx.domainId, ...(await listSubtree(deps.db, ctx.domainId)).map(({ id }) => id)];
  return ctx.projectId === null ? [] : [ctx.projectId];
}

async function createLimit(tx: Db<IdentityTables>, given: NewLimit): Promise<LimitWithResource> {
  const ownerId = given.project_id ?? given.domain_id;
  if (ownerId === undefined || (given.project_id !== undefined && given.domain_id !== undefined))
    throw badRequest('input.invalid', 'A limit is of either a project or a domain: give project_id or domain_id.');
  const place = { service_id: given.service_id, region_id: given.region_id ?? '', resource_name: given.resource_name };
  await checkPlace(tx, place, 'limit');
  const owner = await findProject(tx, ownerId);
  if (owner === undefined || (given.domain_id !== undefined && owner.is_domain === 0))
    throw missing(given.project_id === undefined ? 'domain_id' : 'project_id', 'limit');
  const registered = await findRegisteredLimit(tx, place);
  if (registered === undefined)
    throw new Forbidden(
      'identity.limit.no_reference',
      'Unable to create a limit that has no corresponding registered limit.',
    );
  const row: LimitRow = {
    id: newHexId(),
    registered_limit_id: registered.id,
    owner_id: ownerId,
    owner_kind: owner.is_domain === 1 ? 'domain' : 'project',
    resource_limit: given.resource_limit,
    description: given.description ?? null,
  };
  await insertLimit(tx, row);
  return { ...row, ...place };
}

async function checkPlace(
  tx: Db<IdentityTables>,
  place: Pick<RegisteredLimitRow, 'service_id' | 'region_id'>,
  what: string,
): Promise<void> {
  if ((await findService(tx, place.service_id)) === undefined) throw missing('service_id', what);
  if (place.region_id !== '' && (await findRegion(tx, place.region_id)) === undefined) throw missing('region_id', what);
}

async function checkUnused(tx: Db<IdentityTables>, id: string): Promise<void> {
  if (await isInUse(tx, id))
    throw new Forbidden(
      'identity.registered_limit.in_use',
      `Unable to update or delete registered limit ${id} because there are project limits associated with it.`,
    );
}

/** In two levels, no project may have more than its domain. */
async function checkModel(deps: IdentityDeps, tx: Db<IdentityTables>, limit: LimitWithResource): Promise<void> {
  if (deps.config.limitModel !== 'strict_two_level') return;
  const isWithin = (own: number, above: number): boolean => above === -1 || (own !== -1 && own <= above);
  const registered = await getRegisteredLimit(tx, limit.registered_limit_id);
  if (limit.owner_kind === 'project') {
    const domainId = (await findProject(tx, limit.owner_id))?.domain_id ?? '';
    const above = await findLimit(tx, domainId, registered.id);
    if (!isWithin(limit.resource_limit, above?.resource_limit ?? registered.default_limit)) throw offModel(limit);
    return;
  }
  for (const { id } of await listSubtree(tx, limit.owner_id)) {
    const below = await findLimit(tx, id, registered.id);
    if (below !== undefined && !isWithin(below.resource_limit, limit.resource_limit)) throw offModel(limit);
  }
}

function offModel(limit: LimitWithResource): Forbidden {
  return new Forbidden(
    'identity.limit.model',
    `Invalid resource limit: The resource limit (${limit.owner_kind}_id: ${limit.owner_id}, resource_name: ${limit.resource_name}, resource_limit: ${limit.resource_limit}, service_id: ${limit.service_id}, region_id: ${limit.region_id || 'None'}) doesn't satisfy current hierarchy model..`,
  );
}
