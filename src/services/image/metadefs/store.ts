import type { Db } from '#kernel/db/database.ts';
import { applyPage } from '#kernel/db/page.ts';
import { unlessTaken } from '#kernel/db/transaction.ts';
import { Conflict } from '#kernel/errors.ts';
import type { AssociationRow, ItemKind, ItemRow, MetadefTables, NamespaceRow, ResourceTypeRow } from './tables.ts';

/** Things of one kind in one namespace; far more than anybody keeps. */
const MAX_ITEMS = 10_000;

export interface NamespaceQuery {
  readonly limit: number;
  readonly sortKey: 'created_at' | 'updated_at' | 'namespace' | 'display_name' | 'visibility' | 'owner' | 'id';
  readonly direction: 'asc' | 'desc';
  readonly visibility: string | undefined;
  /** Only namespaces that are for one of these. */
  readonly resourceTypes: readonly string[] | undefined;
}

export async function findNamespace(db: Db<MetadefTables>, name: string): Promise<NamespaceRow | undefined> {
  return db.selectFrom('metadef_namespaces').selectAll().where('namespace', '=', name).executeTakeFirst();
}

/** @param owner whose private namespaces are listed besides the public ones; everybody's when undefined. */
export async function listNamespaces(
  db: Db<MetadefTables>,
  query: NamespaceQuery,
  owner: string | null | undefined,
  marker: NamespaceRow | undefined,
): Promise<NamespaceRow[]> {
  let select = db.selectFrom('metadef_namespaces').selectAll();
  if (owner !== undefined)
    select = select.where((eb) =>
      eb.or([eb('visibility', '=', 'public'), ...(owner === null ? [] : [eb('owner', '=', owner)])]),
    );
  const { visibility, resourceTypes } = query;
  if (visibility !== undefined) select = select.where('visibility', '=', visibility as NamespaceRow['visibility']);
  if (resourceTypes !== undefined) {
    select = select.where('id', 'in', (eb) =>
      eb
        .selectFrom('metadef_associations')
        .select('namespace_id')
        .where('resource_type', 'in', [...resourceTypes]),
    );
  }
  const columns = [query.sortKey, 'created_at', 'id'].filter((key, index, all) => all.indexOf(key) === index);
  const keys = columns.map((column) => ({ column, direction: query.direction }));
  return applyPage(select, {
    keys,
    marker: marker === undefined ? undefined : { ...marker },
    limit: query.limit,
  }).execute();
}

/** @throws {Conflict} `image.metadef.taken`. */
export async function insertNamespace(db: Db<MetadefTables>, row: NamespaceRow): Promise<void> {
  await unique(
    db.insertInto('metadef_namespaces').values(row).execute(),
    `The metadata definition namespace=${row.namespace} already exists.`,
  );
}

/** @throws {Conflict} `image.metadef.taken`. */
export async function updateNamespace(db: Db<MetadefTables>, row: NamespaceRow): Promise<void> {
  await unique(
    db.updateTable('metadef_namespaces').set(row).where('id', '=', row.id).execute(),
    `The metadata definition namespace=${row.namespace} already exists.`,
  );
}

/** Deletes a namespace with all that is in it. */
export async function deleteNamespace(db: Db<MetadefTables>, id: string): Promise<void> {
  await db.deleteFrom('metadef_items').where('namespace_id', '=', id).execute();
  await db.deleteFrom('metadef_associations').where('namespace_id', '=', id).execute();
  await db.deleteFrom('metadef_namespaces').where('id', '=', id).execute();
}

export async function listItems(db: Db<MetadefTables>, namespaceId: string, kind: ItemKind): Promise<ItemRow[]> {
  return db
    .selectFrom('metadef_items')
    .selectAll()
    .where('namespace_id', '=', namespaceId)
    .where('kind', '=', kind)
    .orderBy('created_at')
    .orderBy('name')
    .limit(MAX_ITEMS)
    .execute();
}

export async function findItem(
  db: Db<MetadefTables>,
  namespaceId: string,
  kind: ItemKind,
  name: string,
): Promise<ItemRow | undefined> {
  return db
    .selectFrom('metadef_items')
    .selectAll()
    .where('namespace_id', '=', namespaceId)
    .where('kind', '=', kind)
    .where('name', '=', name)
    .executeTakeFirst();
}

/** @throws {Conflict} `image.metadef.taken`. */
export async function insertItem(db: Db<MetadefTables>, row: ItemRow, namespace: string): Promise<void> {
  await unique(db.insertInto('metadef_items').values(row).execute(), itemTaken(row, namespace));
}

/** @param name what it was called so far. @throws {Conflict} `image.metadef.taken`. */
export async function updateItem(db: Db<MetadefTables>, name: string, row: ItemRow, namespace: string): Promise<void> {
  const update = db
    .updateTable('metadef_items')
    .set(row)
    .where('namespace_id', '=', row.namespace_id)
    .where('kind', '=', row.kind)
    .where('name', '=', name);
  await unique(update.execute(), itemTaken(row, namespace));
}

/** Deletes one thing, or with no name all of its kind. */
export async function deleteItems(
  db: Db<MetadefTables>,
  namespaceId: string,
  kind: ItemKind,
  name?: string,
): Promise<void> {
  await db
    .deleteFrom('metadef_items')
    .where('namespace_id', '=', namespaceId)
    .where('kind', '=', kind)
    .$if(name !== undefined, (items) => items.where('name', '=', name ?? ''))
    .execute();
}

export async function listResourceTypes(db: Db<MetadefTables>): Promise<ResourceTypeRow[]> {
  return db.selectFrom('metadef_resource_types').selectAll().orderBy('name').limit(MAX_ITEMS).execute();
}

export async function listAssociations(
  db: Db<MetadefTables>,
  namespaceIds: readonly string[],
): Promise<AssociationRow[]> {
  if (namespaceIds.length === 0) return [];
  return db
    .selectFrom('metadef_associations')
    .selectAll()
    .where('namespace_id', 'in', [...namespaceIds])
    .orderBy('created_at')
    .orderBy('resource_type')
    .limit(MAX_ITEMS)
    .execute();
}

/** Also makes the resource type known. @throws {Conflict} `image.metadef.taken`. */
export async function insertAssociation(db: Db<MetadefTables>, row: AssociationRow, namespace: string): Promise<void> {
  const known = await db
    .selectFrom('metadef_resource_types')
    .select('name')
    .where('name', '=', row.resource_type)
    .executeTakeFirst();
  if (known === undefined) {
    await db
      .insertInto('metadef_resource_types')
      .values({ name: row.resource_type, created_at: row.created_at, updated_at: row.updated_at })
      .execute();
  }
  const message = `The metadata definition resource-type association of resource-type=${row.resource_type} to namespace=${namespace} already exists.`;
  await unique(db.insertInto('metadef_associations').values(row).execute(), message);
}

export async function deleteAssociation(
  db: Db<MetadefTables>,
  namespaceId: string,
  resourceType: string,
): Promise<boolean> {
  const deleted = await db
    .deleteFrom('metadef_associations')
    .where('namespace_id', '=', namespaceId)
    .where('resource_type', '=', resourceType)
    .executeTakeFirst();
  return deleted.numDeletedRows > 0n;
}

async function unique(work: Promise<unknown>, message: string): Promise<void> {
  if (await unlessTaken(work)) return;
  throw new Conflict('image.metadef.taken', message);
}

function itemTaken({ kind, name }: ItemRow, namespace: string): string {
  const what = kind === 'tag' ? 'metadata tag' : `metadata definition ${kind}`;
  return `A ${what} with name=${name} already exists in namespace=${namespace}.`;
}
