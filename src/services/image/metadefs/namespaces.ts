import type { RequestContext } from '#kernel/auth/context.ts';
import { toJson } from '#kernel/db/json.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { BadRequest, NotFound } from '#kernel/errors.ts';
import { newUuid } from '#kernel/ids.ts';
import { enforceMetadef, getNamespace, type MetadefDeps, requireUnprotected } from './access.ts';
import { readBody, readName, readText } from './bodies.ts';
import {
  deleteNamespace as deleteNamespaceRow,
  insertAssociation,
  insertItem,
  insertNamespace,
  listAssociations,
  listItems,
  listNamespaces as listNamespaceRows,
  type NamespaceQuery,
  updateNamespace as updateNamespaceRow,
} from './store.ts';
import type { ItemKind, NamespaceRow } from './tables.ts';
import { viewNamespace, viewParts } from './view.ts';

type Body = Record<string, unknown>;

const bad = (code: string, message: string): BadRequest => new BadRequest(`image.metadef.${code}`, message);

const DEFAULT_LIMIT = 25;
const MAX_LIMIT = 1_000;
const SORT_KEYS = ['created_at', 'updated_at', 'namespace', 'display_name', 'visibility', 'owner', 'id'] as const;

/**
 * Lists namespaces, one page of them.
 * @throws {BadRequest} `image.metadef.…`; {NotFound} for an unknown marker.
 * @see https://docs.openstack.org/api-ref/image/v2/metadefs-index.html#list-namespaces
 */
export async function listNamespaces(
  deps: MetadefDeps,
  ctx: RequestContext,
  params: URLSearchParams,
): Promise<{ readonly namespaces: Body[]; readonly nextMarker: string | undefined }> {
  const query = parseQuery(params);
  enforceMetadef(deps, ctx, 'get_metadef_namespaces');
  enforceMetadef(deps, ctx, 'list_metadef_resource_types');
  const markerName = params.get('marker');
  const marker =
    markerName === null
      ? undefined
      : await getNamespace(deps, ctx, markerName, `Metadata definition namespace=${markerName} was not found.`);
  const owner = deps.policy.allows(ctx, 'context_is_admin') ? undefined : ctx.projectId;
  const rows = query.limit === 0 ? [] : await listNamespaceRows(deps.db, query, owner, marker);
  const associations = Map.groupBy(
    await listAssociations(
      deps.db,
      rows.map(({ id }) => id),
    ),
    (row) => row.namespace_id,
  );
  const namespaces = rows.map((row) => viewNamespace(row, associations.get(row.id) ?? []));
  return {
    namespaces,
    nextMarker: rows.length > 0 && rows.length === query.limit ? rows.at(-1)?.namespace : undefined,
  };
}

/** One namespace with all that is in it. @throws {NotFound} `image.metadef.not_found`. */
export async function showNamespace(
  deps: MetadefDeps,
  ctx: RequestContext,
  name: string,
  resourceType: string | null,
): Promise<Body> {
  const row = await getNamespace(deps, ctx, name, `Metadata definition namespace=${name} was not found.`);
  for (const rule of [
    'get_metadef_namespace',
    'list_metadef_resource_types',
    'get_metadef_objects',
    'get_metadef_properties',
    'get_metadef_tags',
  ]) {
    enforceMetadef(deps, ctx, rule, row);
  }
  return describe(deps, row, resourceType);
}

/**
 * Makes a namespace, with whatever its body brings along.
 * @throws {BadRequest} `image.metadef.body`; {Conflict} `image.metadef.taken`; {Forbidden} by policy.
 */
export async function createNamespace(deps: MetadefDeps, ctx: RequestContext, given: unknown): Promise<Body> {
  const body = readBody('namespace', given);
  enforceMetadef(deps, ctx, 'add_metadef_namespace');
  for (const [part, rule] of Object.entries(RULES)) if (part in body) enforceMetadef(deps, ctx, rule);
  const nowMs = deps.clock.now().getTime();
  const row: NamespaceRow = { ...readNamespace(body, ctx), id: newUuid(), created_at: nowMs, updated_at: nowMs };
  await inTransaction(deps.db, async (tx) => {
    const scoped = { ...deps, db: tx };
    await insertNamespace(tx, row);
    for (const association of listOf(body['resource_type_associations']))
      await addAssociation(scoped, row, association, nowMs);
    for (const object of listOf(body['objects'])) await addItem(scoped, row, 'object', object, nowMs);
    for (const tag of listOf(body['tags'])) await addItem(scoped, row, 'tag', tag, nowMs);
    for (const [name, property] of Object.entries((body['properties'] ?? {}) as Record<string, Body>))
      await addItem(scoped, row, 'property', { ...property, name }, nowMs);
  });
  return describe(deps, row, null);
}

const RULES = {
  resource_type_associations: 'add_metadef_resource_type_association',
  objects: 'add_metadef_object',
  properties: 'add_metadef_property',
  tags: 'add_metadef_tag',
} as const;

/** Changes a namespace's own attributes; what is not given goes back to its default. @throws {NotFound}; {Conflict} `image.metadef.taken`. */
export async function updateNamespace(
  deps: MetadefDeps,
  ctx: RequestContext,
  name: string,
  given: unknown,
): Promise<Body> {
  const body = readBody('namespace', given);
  const row = await inTransaction(deps.db, async (tx) => {
    const before = await getNamespace({ ...deps, db: tx }, ctx, name);
    enforceMetadef(deps, ctx, 'modify_metadef_namespace', before);
    const after: NamespaceRow = { ...before, ...readNamespace(body, ctx), updated_at: deps.clock.now().getTime() };
    await updateNamespaceRow(tx, after);
    return after;
  });
  return viewNamespace(row, []);
}

/** @throws {NotFound} `image.metadef.not_found`; {Forbidden} `image.metadef.protected` or by policy. */
export async function deleteNamespace(deps: MetadefDeps, ctx: RequestContext, name: string): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    const row = await getNamespace({ ...deps, db: tx }, ctx, name);
    enforceMetadef(deps, ctx, 'delete_metadef_namespace', row);
    requireUnprotected(row, `namespace ${name}`);
    await deleteNamespaceRow(tx, row.id);
  });
}

/** Adds an object, property or tag whose body has been checked. @throws {Conflict} `image.metadef.taken`. */
export async function addItem(
  { db }: Pick<MetadefDeps, 'db'>,
  row: NamespaceRow,
  kind: ItemKind,
  given: Body,
  nowMs: number,
): Promise<void> {
  const { name, ...body } = given;
  const kept = kind === 'tag' ? {} : body;
  await insertItem(
    db,
    { namespace_id: row.id, kind, name: readName(name), body: toJson(kept), created_at: nowMs, updated_at: nowMs },
    row.namespace,
  );
}

/** @throws {Conflict} `image.metadef.taken`. */
export async function addAssociation(
  { db }: Pick<MetadefDeps, 'db'>,
  row: NamespaceRow,
  given: Body,
  nowMs: number,
): Promise<void> {
  const association = {
    namespace_id: row.id,
    resource_type: readName(given['name']),
    prefix: readText(given['prefix']),
    properties_target: readText(given['properties_target']),
    created_at: nowMs,
    updated_at: nowMs,
  };
  await insertAssociation(db, association, row.namespace);
}

async function describe({ db }: MetadefDeps, row: NamespaceRow, resourceType: string | null): Promise<Body> {
  const associations = await listAssociations(db, [row.id]);
  const prefix = associations.find((association) => association.resource_type === resourceType)?.prefix ?? '';
  const [objects, properties, tags] = [
    await listItems(db, row.id, 'object'),
    await listItems(db, row.id, 'property'),
    await listItems(db, row.id, 'tag'),
  ];
  return { ...viewNamespace(row, associations), ...viewParts(row, { objects, properties, tags, prefix }) };
}

function readNamespace(body: Body, ctx: RequestContext): Omit<NamespaceRow, 'id' | 'created_at' | 'updated_at'> {
  return {
    namespace: readName(body['namespace']),
    display_name: readText(body['display_name']),
    description: readText(body['description']),
    visibility: body['visibility'] === 'public' ? 'public' : 'private',
    is_protected: body['protected'] === true ? 1 : 0,
    owner: readText(body['owner']) ?? ctx.projectId,
  };
}

function listOf(value: unknown): Body[] {
  return Array.isArray(value) ? (value as Body[]) : [];
}

function parseQuery(params: URLSearchParams): NamespaceQuery {
  const limit = params.get('limit') ?? String(DEFAULT_LIMIT);
  if (!/^[+-]?\d{1,15}$/.test(limit)) throw bad('limit', 'limit param must be an integer');
  if (Number(limit) < 0) throw bad('limit', 'limit param must be positive');
  const direction = params.get('sort_dir') ?? 'desc';
  if (direction !== 'asc' && direction !== 'desc') throw bad('sort', `Invalid sort direction: ${direction}`);
  const sortKey = SORT_KEYS.find((key) => key === (params.get('sort_key') ?? 'created_at'));
  if (sortKey === undefined) throw bad('sort', 'Sort key supplied was not valid.');
  const visibility = params.get('visibility') ?? undefined;
  if (visibility !== undefined && visibility !== 'public' && visibility !== 'private')
    throw bad('visibility', `Invalid visibility value: ${visibility}`);
  return {
    limit: Math.min(Number(limit), MAX_LIMIT),
    direction,
    sortKey,
    visibility,
    resourceTypes: params.get('resource_types')?.split(',').slice(0, MAX_LIMIT),
  };
}

/** @throws {NotFound} `image.metadef.not_found` when there is no such resource type in the namespace, or no such prefix on the name. */
export async function unprefix(
  { db }: MetadefDeps,
  row: NamespaceRow,
  name: string,
  resourceType: string,
): Promise<string> {
  const association = (await listAssociations(db, [row.id])).find(
    ({ resource_type }) => resource_type === resourceType,
  );
  if (association === undefined) {
    throw new NotFound(
      'image.metadef.not_found',
      `The metadata definition resource-type association of resource-type=${resourceType} to namespace=${row.namespace}, was not found.`,
    );
  }
  const { prefix } = association;
  if (prefix !== null && prefix !== '' && name.startsWith(prefix)) return name.slice(prefix.length);
  throw new NotFound(
    'image.metadef.not_found',
    `Property ${name} does not start with the expected resource type association prefix of '${prefix ?? 'None'}'.`,
  );
}
