/** The five operations that every resource has: list, show, create (one or many), update, delete. */
import type { RequestContext } from '#kernel/auth/context.ts';
import type { Db } from '#kernel/db/database.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import type { NetworkDeps } from '../deps.ts';
import { badBody, badResource, hidden, revisionMismatch } from '../errors.ts';
import { checkQuota } from '../quotas/logic.ts';
import type { NetworkTables } from '../tables.ts';
import { enforceWrite, present, scopeOf } from './access.ts';
import { readCreate, readUpdate } from './body.ts';
import { EVERYTHING, type ListQuery } from './query.ts';
import { newWrite, type Resource, type WireObject } from './resource.ts';
import { MAX_PAGE, type Scope, selectRows } from './store.ts';

type Shown = Readonly<Record<string, unknown>>;

/** The resources that a query asks for, as the caller may see them, and whether the page is full. */
export async function listItems(
  deps: NetworkDeps,
  resource: Resource,
  ctx: RequestContext,
  query: ListQuery,
): Promise<{ readonly items: readonly Shown[]; readonly ids: readonly string[]; readonly isFull: boolean }> {
  const scope = scopeOf(deps, ctx);
  await resource.beforeList?.(deps, ctx);
  const rows = await selectRows<{ readonly id: string }>(deps.db, resource.source, scope, query);
  const found = await resource.view(deps.db, rows, scope, deps);
  const rule = `get_${resource.singular}`;
  const extras = new Map<string, Shown>();
  const allowed: WireObject[] = [];
  for (const item of found) {
    const key = (resource.targetFields ?? []).map((field) => item[field]).join(' ');
    const extra = extras.get(key) ?? (scope.isAdmin ? {} : await targetOf(deps.db, resource, item));
    extras.set(key, extra);
    if (scope.isAdmin || deps.policy.allows(ctx, rule, { ...item, ...extra })) allowed.push(item);
  }
  return {
    items: allowed.map((item) => present(deps, ctx, resource.singular, item, query.fields)),
    ids: rows.map(({ id }) => id),
    isFull: rows.length >= Math.min(query.limit ?? MAX_PAGE, MAX_PAGE),
  };
}

/**
 * One resource, whole.
 * @throws {NotFound} when there is none, or the caller may not see it.
 */
export async function getItem(
  deps: NetworkDeps,
  db: Db<NetworkTables>,
  resource: Resource,
  scope: Scope,
  id: string,
): Promise<WireObject> {
  const query = { ...EVERYTHING, filters: { id: [id] } };
  const rows = await selectRows<{ readonly id: string }>(db, resource.source, scope, query);
  const item = (await resource.view(db, rows, scope, deps))[0];
  if (item === undefined) throw resource.notFound(id);
  return item;
}

/** @throws {NotFound} also for what the caller may not see. */
export async function showItem(
  deps: NetworkDeps,
  resource: Resource,
  ctx: RequestContext,
  id: string,
  fields: readonly string[],
): Promise<Shown> {
  const item = await getItem(deps, deps.db, resource, scopeOf(deps, ctx), id);
  const target = { ...item, ...(await targetOf(deps.db, resource, item)) };
  if (!deps.policy.allows(ctx, `get_${resource.singular}`, target)) throw hidden();
  return present(deps, ctx, resource.singular, item, fields);
}

/**
 * Creates one resource, or all of a bulk or none.
 * @returns the body of the answer.
 */
export async function createItems(
  deps: NetworkDeps,
  resource: Resource,
  ctx: RequestContext,
  body: unknown,
): Promise<Shown> {
  const scope = scopeOf(deps, ctx);
  const rules = { ...resource, isBulk: resource.isBulk ?? true };
  const { isBulk, items } = readCreate(rules, ctx, scope.isAdmin, body);
  const created = await inTransaction(deps.db, async (tx) => {
    const ids: string[] = [];
    const write = newWrite(deps, tx, ctx, scope);
    for (const { values, explicit } of items) {
      const target = { ...values, ...(await targetOf(tx, resource, values)) };
      const given = Object.fromEntries(explicit.map((name) => [name, values[name]]));
      enforceWrite(deps, ctx, `create_${resource.singular}`, target, given);
      if (resource.quota !== undefined)
        await checkQuota(deps, tx, values.project_id, resource.quota, resource.source.table);
      if (resource.create === undefined) throw badBody('The resource cannot be created');
      ids.push(await resource.create(write, values));
    }
    const query = { ...EVERYTHING, filters: { id: ids } };
    const all: Scope = { ...scope, isAdmin: true };
    const rows = await selectRows<{ readonly id: string }>(tx, resource.source, all, query);
    const views = new Map((await resource.view(tx, rows, all, deps)).map((item) => [item.id, item]));
    return ids.flatMap((id) => views.get(id) ?? []);
  });
  const shown = created.map((item) => present(deps, ctx, resource.singular, item, []));
  return isBulk ? { [resource.plural]: shown } : { [resource.singular]: shown[0] };
}

/** @returns the resource as it is then. */
export async function updateItem(
  deps: NetworkDeps,
  resource: Resource,
  ctx: RequestContext,
  id: string,
  body: unknown,
  ifMatch: string | undefined,
): Promise<Shown> {
  const changes = readUpdate({ ...resource, isBulk: false }, body);
  const revision = readRevision(ifMatch);
  const scope = scopeOf(deps, ctx);
  const updated = await inTransaction(deps.db, async (tx) => {
    const item = await getItem(deps, tx, resource, scope, id);
    const extra = await targetOf(tx, resource, item);
    enforceSeen(deps, ctx, resource, { ...item, ...extra }, () =>
      enforceWrite(deps, ctx, `update_${resource.singular}`, { ...item, ...changes, ...extra }, changes),
    );
    checkRevision(revision, item);
    await resource.update?.(newWrite(deps, tx, ctx, scope), id, changes, item);
    return getItem(deps, tx, resource, { ...scope, isAdmin: true }, id);
  });
  return present(deps, ctx, resource.singular, updated, []);
}

export async function deleteItem(
  deps: NetworkDeps,
  resource: Resource,
  ctx: RequestContext,
  id: string,
  ifMatch: string | undefined,
): Promise<void> {
  const revision = readRevision(ifMatch);
  const scope = scopeOf(deps, ctx);
  await inTransaction(deps.db, async (tx) => {
    const item = await getItem(deps, tx, resource, scope, id);
    const target = { ...item, ...(await targetOf(tx, resource, item)) };
    enforceSeen(deps, ctx, resource, target, () => deps.policy.enforce(ctx, `delete_${resource.singular}`, target));
    checkRevision(revision, item);
    await resource.remove?.(newWrite(deps, tx, ctx, scope), id, item);
  });
}

/** A refusal is told only to those who may know that the resource is there. */
export function enforceSeen(
  deps: NetworkDeps,
  ctx: RequestContext,
  resource: Pick<Resource, 'singular'>,
  target: Readonly<Record<string, unknown>>,
  check: () => void,
): void {
  try {
    check();
  } catch (refusal) {
    if (!deps.policy.allows(ctx, `get_${resource.singular}`, target)) throw hidden();
    throw refusal;
  }
}

/** What policies may ask of the resource beyond its attributes. */
export async function targetOf(
  db: Db<NetworkTables>,
  resource: Resource,
  item: Readonly<Record<string, unknown>>,
): Promise<Shown> {
  return (await resource.target?.(db, item)) ?? {};
}

/** `If-Match: revision_number=3`. @throws {BadRequest} for a number that is none. */
function readRevision(ifMatch: string | undefined): number | undefined {
  const tags = (ifMatch ?? '')
    .split(',')
    .map((tag) => tag.trim().replace(/^"(.*)"$/, '$1'))
    .filter((tag) => tag.startsWith('revision_number='));
  if (tags.length > 1) throw badResource('if-match', 'Multiple revision_number etags are not supported');
  const number = tags[0]?.slice('revision_number='.length);
  if (number === undefined) return undefined;
  if (!/^\d{1,15}$/.test(number))
    throw badResource('if-match', 'Revision number etag must be in the format of revision_number=<int>');
  return Number(number);
}

function checkRevision(expected: number | undefined, item: WireObject): void {
  if (expected !== undefined && item['revision_number'] !== expected) throw revisionMismatch(expected, item.id);
}
