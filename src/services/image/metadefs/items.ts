import type { RequestContext } from '#kernel/auth/context.ts';
import { toJson } from '#kernel/db/json.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { NotFound } from '#kernel/errors.ts';
import { enforceMetadef, getNamespace, type MetadefDeps, requireUnprotected } from './access.ts';
import { readBody, readName } from './bodies.ts';
import { addItem, unprefix } from './namespaces.ts';
import { deleteItems, findItem, listItems as listItemRows, updateItem as updateItemRow } from './store.ts';
import type { ItemKind, ItemRow, NamespaceRow } from './tables.ts';

/** The rules of each kind of thing in a namespace. */
const RULES = {
  object: {
    list: 'get_metadef_objects',
    show: 'get_metadef_object',
    create: 'add_metadef_object',
    update: 'modify_metadef_object',
    remove: 'delete_metadef_object',
  },
  property: {
    list: 'get_metadef_properties',
    show: 'get_metadef_property',
    create: 'add_metadef_property',
    update: 'modify_metadef_property',
    remove: 'remove_metadef_property',
  },
  tag: {
    list: 'get_metadef_tags',
    show: 'get_metadef_tag',
    create: 'add_metadef_tag',
    update: 'modify_metadef_tag',
    remove: 'delete_metadef_tag',
  },
} as const satisfies Record<ItemKind, Record<string, string>>;

export interface NamespaceItem {
  readonly namespace: NamespaceRow;
  readonly item: ItemRow;
}

/** The objects, properties or tags of a namespace. @throws {NotFound} `image.metadef.not_found`. */
export async function listItems(
  deps: MetadefDeps,
  ctx: RequestContext,
  namespace: string,
  kind: ItemKind,
): Promise<{ readonly namespace: NamespaceRow; readonly items: readonly ItemRow[] }> {
  const row = await getNamespace(deps, ctx, namespace);
  enforceMetadef(deps, ctx, RULES[kind].list, row);
  return { namespace: row, items: await listItemRows(deps.db, row.id, kind) };
}

/** @param resourceType with it, a property is asked for by its prefixed name. @throws {NotFound} `image.metadef.not_found`. */
export async function showItem(
  deps: MetadefDeps,
  ctx: RequestContext,
  namespace: string,
  kind: ItemKind,
  name: string,
  resourceType: string | null = null,
): Promise<NamespaceItem> {
  const row = await getNamespace(deps, ctx, namespace);
  enforceMetadef(deps, ctx, RULES[kind].show, row);
  if (resourceType !== null && resourceType !== '') enforceMetadef(deps, ctx, 'get_metadef_resource_type', row);
  const plain = resourceType === null || resourceType === '' ? name : await unprefix(deps, row, name, resourceType);
  return { namespace: row, item: await getItem(deps, row, kind, plain) };
}

/** @throws {BadRequest} `image.metadef.body`; {Conflict} `image.metadef.taken`; {NotFound}; {Forbidden} by policy. */
export async function createItem(
  deps: MetadefDeps,
  ctx: RequestContext,
  namespace: string,
  kind: ItemKind,
  given: unknown,
): Promise<NamespaceItem> {
  const body = readBody(kind, given);
  return inTransaction(deps.db, async (tx) => {
    const scoped = { ...deps, db: tx };
    const row = await getNamespace(scoped, ctx, namespace);
    enforceMetadef(deps, ctx, RULES[kind].create, row);
    await addItem(scoped, row, kind, body, deps.clock.now().getTime());
    return { namespace: row, item: await getItem(scoped, row, kind, readName(body['name'])) };
  });
}

/**
 * Makes several tags at once: instead of those there are, or besides them.
 * @throws {BadRequest} `image.metadef.body`; {Conflict} `image.metadef.taken`; {NotFound}; {Forbidden} by policy.
 */
export async function createTags(
  deps: MetadefDeps,
  ctx: RequestContext,
  namespace: string,
  given: unknown,
  mode: 'replace' | 'append',
): Promise<string[]> {
  const { tags } = readBody('tags', given) as { tags: { name: string }[] };
  return inTransaction(deps.db, async (tx) => {
    const row = await getNamespace({ ...deps, db: tx }, ctx, namespace);
    enforceMetadef(deps, ctx, 'add_metadef_tags', row);
    if (mode === 'replace') await deleteItems(tx, row.id, 'tag');
    for (const tag of tags) await addItem({ db: tx }, row, 'tag', tag, deps.clock.now().getTime());
    return tags.map(({ name }) => name);
  });
}

/** Puts another in its place, of another name perhaps. @throws as {@link createItem}. */
export async function updateItem(
  deps: MetadefDeps,
  ctx: RequestContext,
  namespace: string,
  kind: ItemKind,
  name: string,
  given: unknown,
): Promise<NamespaceItem> {
  const { name: newName, ...body } = readBody(kind, given);
  return inTransaction(deps.db, async (tx) => {
    const scoped = { ...deps, db: tx };
    const row = await getNamespace(scoped, ctx, namespace);
    enforceMetadef(deps, ctx, RULES[kind].update, row);
    const before = await getItem(scoped, row, kind, name);
    const item: ItemRow = {
      ...before,
      name: readName(newName),
      body: toJson(kind === 'tag' ? {} : body),
      updated_at: deps.clock.now().getTime(),
    };
    await updateItemRow(tx, name, item, row.namespace);
    return { namespace: row, item };
  });
}

/** @throws {NotFound}; {Forbidden} `image.metadef.protected` or by policy. */
export async function removeItem(
  deps: MetadefDeps,
  ctx: RequestContext,
  namespace: string,
  kind: ItemKind,
  name: string,
): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    const scoped = { ...deps, db: tx };
    const row = await getNamespace(scoped, ctx, namespace);
    enforceMetadef(deps, ctx, RULES[kind].remove, row);
    await getItem(scoped, row, kind, name);
    requireUnprotected(row, `${kind} ${name}`);
    await deleteItems(tx, row.id, kind, name);
  });
}

/** Removes all objects, properties or tags of a namespace. @throws as {@link removeItem}. */
export async function removeAllItems(
  deps: MetadefDeps,
  ctx: RequestContext,
  namespace: string,
  kind: ItemKind,
): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    const row = await getNamespace({ ...deps, db: tx }, ctx, namespace);
    enforceMetadef(deps, ctx, 'delete_metadef_namespace', row);
    if (kind === 'tag') enforceMetadef(deps, ctx, 'delete_metadef_tags', row);
    requireUnprotected(row, `namespace ${namespace}`);
    await deleteItems(tx, row.id, kind);
  });
}

async function getItem(
  { db }: Pick<MetadefDeps, 'db'>,
  row: NamespaceRow,
  kind: ItemKind,
  name: string,
): Promise<ItemRow> {
  const item = await findItem(db, row.id, kind, name);
  if (item !== undefined) return item;
  throw new NotFound(
    'image.metadef.not_found',
    `The metadata definition ${kind} with name=${name} was not found in namespace=${row.namespace}.`,
  );
}
