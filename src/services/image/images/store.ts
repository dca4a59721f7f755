import type { ExpressionBuilder, SelectQueryBuilder } from 'kysely';
import type { Db } from '#kernel/db/database.ts';
import { fromJson } from '#kernel/db/json.ts';
import { applyPage, type SortKey } from '#kernel/db/page.ts';
import { unlessTaken } from '#kernel/db/transaction.ts';
import { Conflict } from '#kernel/errors.ts';
import type { ImageId, ProjectId } from '#kernel/ids.ts';
import type { RemoteLocation } from '../locations/store.ts';
import type { ImageFilter, ImageQuery } from './filters.ts';
import type { ImageLocationRow, ImageMemberRow, ImageRow, ImageTables } from './tables.ts';

/** An image with all that belongs to it. */
export interface Image {
  readonly row: ImageRow;
  readonly properties: Readonly<Record<string, string | null>>;
  readonly tags: readonly string[];
  /** Stores that hold the data, oldest copy first. */
  readonly stores: readonly string[];
  /** The copies in those stores, and places on the web that clients have named. */
  readonly copies: readonly Pick<ImageLocationRow, 'store' | 'data_id'>[];
  readonly remote: readonly RemoteLocation[];
}

/** Who looks: an administrator sees everything, a project its own and what is shared with it. */
export interface Viewer {
  readonly isAdmin: boolean;
  readonly projectId: ProjectId | null;
}

/** The store in whose name staged data is recorded; it is not one that images are served from. */
export const STAGING_STORE = 'os_glance_staging_store';
/** The same for copies in the controller's cache. */
export const CACHE_STORE = 'os_glance_cache';
/** And for what an import has converted, which lies in the staging area too. */
export const CONVERTED_STORE = 'os_glance_converted';
const HIDDEN_STORES = [STAGING_STORE, CACHE_STORE, CONVERTED_STORE];

/** Rows asked for at a time when what belongs to images is fetched; SQLite allows 32,766 variables. */
const MAX_IDS = 1_000;

/** Finds an image that is not deleted, whoever may see it. */
export async function findImage(db: Db<ImageTables>, id: ImageId): Promise<Image | undefined> {
  const row = await db
    .selectFrom('images')
    .selectAll()
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  return row === undefined ? undefined : (await withParts(db, [row]))[0];
}

/** @throws {Conflict} `image.id.taken`, also when the image of that id has been deleted. */
export async function insertImage(
  db: Db<ImageTables>,
  image: Pick<Image, 'row' | 'properties' | 'tags'>,
): Promise<void> {
  const { row, properties, tags } = image;
  if (!(await unlessTaken(db.insertInto('images').values(row).execute())))
    throw new Conflict('image.id.taken', `Image ID ${row.id} already exists!`);
  await insertProperties(db, row.id, properties);
  await insertTags(db, row.id, tags);
}

/** Writes an image's own columns, as long as it is still in the status that it was read in. False: it is not. */
export async function updateImageRow(
  db: Db<ImageTables>,
  before: Pick<ImageRow, 'id' | 'status'>,
  patch: Partial<ImageRow>,
): Promise<boolean> {
  const updated = await db
    .updateTable('images')
    .set(patch)
    .where('id', '=', before.id)
    .where('status', '=', before.status)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  return updated.numUpdatedRows === 1n;
}

/** The same, as long as `writer` still holds the image. */
export async function updateAsWriter(
  db: Db<ImageTables>,
  id: ImageId,
  writer: string,
  patch: Partial<ImageRow>,
): Promise<boolean> {
  const updated = await db
    .updateTable('images')
    .set(patch)
    .where('id', '=', id)
    .where('writer', '=', writer)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  return updated.numUpdatedRows === 1n;
}

/** Makes an image's properties and tags what they are given as. */
export async function replaceParts(
  db: Db<ImageTables>,
  image: Pick<Image, 'row' | 'properties' | 'tags'>,
): Promise<void> {
  const { id } = image.row;
  await db.deleteFrom('image_properties').where('image_id', '=', id).execute();
  await db.deleteFrom('image_tags').where('image_id', '=', id).execute();
  await insertProperties(db, id, image.properties);
  await insertTags(db, id, image.tags);
}

/** Sets or, given null, removes one property. */
export async function putProperty(db: Db<ImageTables>, id: ImageId, name: string, value: string | null): Promise<void> {
  await db.deleteFrom('image_properties').where('image_id', '=', id).where('name', '=', name).execute();
  if (value !== null) await insertProperties(db, id, { [name]: value });
}

/** Marks an image as deleted and forgets what belongs to it. Returns where its data was; undefined: somebody was quicker. */
export async function deleteImageRows(
  db: Db<ImageTables>,
  row: ImageRow,
  nowMs: number,
): Promise<ImageLocationRow[] | undefined> {
  const deleted = await updateImageRow(db, row, {
    status: 'deleted',
    deleted_at: nowMs,
    updated_at: nowMs,
    writer: null,
    writer_until: null,
  });
  if (!deleted) return undefined;
  const locations = await listLocations(db, row.id);
  for (const table of [
    'image_properties',
    'image_tags',
    'image_locations',
    'image_members',
    'image_remote_locations',
    'image_cache',
  ] as const) {
    await db.deleteFrom(table).where('image_id', '=', row.id).execute();
  }
  return locations;
}

export async function listLocations(db: Db<ImageTables>, id: ImageId): Promise<ImageLocationRow[]> {
  return db
    .selectFrom('image_locations')
    .selectAll()
    .where('image_id', '=', id)
    .orderBy('created_at')
    .orderBy('store')
    .execute();
}

export async function insertLocation(db: Db<ImageTables>, location: ImageLocationRow): Promise<void> {
  await db.insertInto('image_locations').values(location).execute();
}

export async function deleteLocation(db: Db<ImageTables>, id: ImageId, store: string): Promise<boolean> {
  const deleted = await db
    .deleteFrom('image_locations')
    .where('image_id', '=', id)
    .where('store', '=', store)
    .executeTakeFirst();
  return deleted.numDeletedRows === 1n;
}

/** Which of these names of data some image still refers to. */
export async function listKnownData(db: Db<ImageTables>, dataIds: readonly string[]): Promise<Set<string>> {
  if (dataIds.length === 0) return new Set();
  const rows = await db
    .selectFrom('image_locations')
    .select('data_id')
    .where('data_id', 'in', [...dataIds])
    .execute();
  return new Set(rows.map((row) => row.data_id));
}

/** Images whose writer has not been heard of in time. */
export async function listAbandoned(db: Db<ImageTables>, nowMs: number): Promise<ImageRow[]> {
  return db
    .selectFrom('images')
    .selectAll()
    .where('writer_until', '<', nowMs)
    .where('deleted_at', 'is', null)
    .orderBy('writer_until')
    .limit(MAX_IDS)
    .execute();
}

/** Which of these writers still hold an image. */
export async function listLiveWriters(db: Db<ImageTables>, writers: readonly string[]): Promise<Set<string>> {
  if (writers.length === 0) return new Set();
  const rows = await db
    .selectFrom('images')
    .select('writer')
    .where('writer', 'in', [...writers])
    .execute();
  return new Set(rows.flatMap((row) => row.writer ?? []));
}

/** Bytes and counts that a project takes up, for its quotas. Every copy of an image counts. */
export async function measureUsage(
  db: Db<ImageTables>,
  owner: ProjectId,
): Promise<{ count: number; uploading: number; bytes: number; stagedBytes: number }> {
  const counts = await db
    .selectFrom('images')
    .select(({ fn }) => ['status', fn.countAll<number>().as('count'), fn.sum<number | null>('size').as('bytes')])
    .where('owner', '=', owner)
    .where('deleted_at', 'is', null)
    .groupBy('status')
    .execute();
  const copies = await db
    .selectFrom('images')
    .innerJoin('image_locations', 'image_locations.image_id', 'images.id')
    .select(({ fn }) => fn.sum<number | null>('images.size').as('bytes'))
    .where('images.owner', '=', owner)
    .where('image_locations.store', 'not in', HIDDEN_STORES)
    .executeTakeFirst();
  const unfinished = counts.filter(({ status }) => ['saving', 'uploading', 'importing'].includes(status));
  return {
    count: counts.reduce((total, row) => total + Number(row.count), 0),
    uploading: unfinished.reduce((total, row) => total + Number(row.count), 0),
    bytes: Number(copies?.bytes ?? 0),
    stagedBytes: unfinished.reduce((total, row) => total + Number(row.bytes ?? 0), 0),
  };
}

export async function findMember(
  db: Db<ImageTables>,
  imageId: ImageId,
  member: ProjectId,
): Promise<ImageMemberRow | undefined> {
  return db
    .selectFrom('image_members')
    .selectAll()
    .where('image_id', '=', imageId)
    .where('member', '=', member)
    .executeTakeFirst();
}

/** One page of the images that a viewer may list. */
export async function listImages(
  db: Db<ImageTables>,
  viewer: Viewer,
  query: ImageQuery,
  marker: ImageRow | undefined,
): Promise<Image[]> {
  let select = db
    .selectFrom('images')
    .selectAll('images')
    .where('images.deleted_at', 'is', null)
    .where('images.status', '!=', 'killed');
  select = select.where((eb) => isListed(eb, viewer, query));
  for (const filter of query.filters) select = applyFilter(select, filter);
  const keys: SortKey[] = query.sort.map(({ key, direction }) => ({ column: `images.${key}`, direction }));
  const rows = await applyPage(select, {
    keys,
    limit: query.limit,
    marker: marker === undefined ? undefined : { ...marker },
  }).execute();
  return withParts(db, rows);
}

type Select = SelectQueryBuilder<ImageTables, 'images', ImageRow>;
type Builder = ExpressionBuilder<ImageTables, 'images'>;

/** What a list shows: visible images, but others' community images only when asked for. @see glance/db/sqlalchemy/api.py image_get_all */
function isListed(eb: Builder, viewer: Viewer, { visibility, memberStatus }: ImageQuery) {
  const own = viewer.projectId === null ? eb.lit(false) : eb('images.owner', '=', viewer.projectId);
  const asked =
    visibility === 'all'
      ? eb.lit(true)
      : visibility === undefined
        ? eb.or([own, eb('images.visibility', '!=', 'community')])
        : eb('images.visibility', '=', visibility);
  return viewer.isAdmin ? asked : eb.and([asked, isVisible(eb, viewer, memberStatus)]);
}

function isVisible(eb: Builder, viewer: Viewer, memberStatus: ImageQuery['memberStatus']) {
  const open = eb('images.visibility', 'in', ['public', 'community']);
  const { projectId } = viewer;
  if (projectId === null) return open;
  const membership = eb.exists(
    eb
      .selectFrom('image_members')
      .select('image_members.member')
      .whereRef('image_members.image_id', '=', 'images.id')
      .where('image_members.member', '=', projectId)
      .$if(memberStatus !== 'all', (members) =>
        members.where('image_members.status', '=', memberStatus as ImageMemberRow['status']),
      ),
  );
  return eb.or([
    open,
    eb('images.owner', '=', projectId),
    eb.and([eb('images.visibility', '=', 'shared'), membership]),
  ]);
}

/** Timestamps are shown in whole seconds, so they are compared so. */
const SECOND_MS = 1_000;

function applyFilter(select: Select, filter: ImageFilter): Select {
  switch (filter.kind) {
    case 'column':
      return select.where(`images.${filter.column}`, 'in', [...filter.values] as never);
    case 'least':
      return select.where(`images.${filter.column}`, '>=', filter.value);
    case 'most':
      return select.where(`images.${filter.column}`, '<=', filter.value);
    case 'time':
      return select.where((eb) => compareTime(eb, filter));
    case 'tag':
      return select.where(({ exists, selectFrom }) =>
        exists(
          selectFrom('image_tags')
            .select('tag')
            .whereRef('image_tags.image_id', '=', 'images.id')
            .where('image_tags.tag', '=', filter.tag),
        ),
      );
    case 'property':
      return select.where(({ exists, selectFrom }) =>
        exists(
          selectFrom('image_properties')
            .select('image_properties.name')
            .whereRef('image_properties.image_id', '=', 'images.id')
            .where('image_properties.name', '=', filter.name)
            .where('image_properties.value', '=', filter.value),
        ),
      );
  }
}

function compareTime(eb: Builder, { column, operator, atMs }: Extract<ImageFilter, { kind: 'time' }>) {
  const name = `images.${column}` as const;
  const from = Math.floor(atMs / SECOND_MS) * SECOND_MS;
  const to = from + SECOND_MS;
  const within = [eb(name, '>=', from), eb(name, '<', to)];
  switch (operator) {
    case 'gt':
      return eb(name, '>=', to);
    case 'gte':
      return eb(name, '>=', from);
    case 'lt':
      return eb(name, '<', from);
    case 'lte':
      return eb(name, '<', to);
    case 'neq':
      return eb.not(eb.and(within));
    case 'eq':
      return eb.and(within);
  }
}

async function insertProperties(
  db: Db<ImageTables>,
  imageId: ImageId,
  properties: Readonly<Record<string, string | null>>,
): Promise<void> {
  const rows = Object.entries(properties).map(([name, value]) => ({ image_id: imageId, name, value }));
  if (rows.length > 0) await db.insertInto('image_properties').values(rows).execute();
}

async function insertTags(db: Db<ImageTables>, imageId: ImageId, tags: readonly string[]): Promise<void> {
  if (tags.length > 0) {
    await db
      .insertInto('image_tags')
      .values(tags.map((tag) => ({ image_id: imageId, tag })))
      .execute();
  }
}

async function withParts(db: Db<ImageTables>, rows: readonly ImageRow[]): Promise<Image[]> {
  if (rows.length === 0) return [];
  const ids = rows.map((row) => row.id);
  const properties = await db
    .selectFrom('image_properties')
    .selectAll()
    .where('image_id', 'in', ids)
    .orderBy('name')
    .execute();
  const tags = await db.selectFrom('image_tags').selectAll().where('image_id', 'in', ids).orderBy('tag').execute();
  const locations = await db
    .selectFrom('image_locations')
    .select(['image_id', 'store', 'data_id'])
    .where('image_id', 'in', ids)
    .where('store', 'not in', HIDDEN_STORES)
    .orderBy('created_at')
    .execute();
  const remote = await db
    .selectFrom('image_remote_locations')
    .selectAll()
    .where('image_id', 'in', ids)
    .orderBy('position')
    .execute();
  const byImage = <T extends { image_id: ImageId }>(parts: readonly T[]): Map<ImageId, T[]> =>
    Map.groupBy(parts, (part) => part.image_id);
  const [propertiesOf, tagsOf] = [byImage(properties), byImage(tags)];
  const [locationsOf, remoteOf] = [byImage(locations), byImage(remote)];
  return rows.map((row) => ({
    row,
    properties: Object.fromEntries((propertiesOf.get(row.id) ?? []).map(({ name, value }) => [name, value])),
    tags: (tagsOf.get(row.id) ?? []).map(({ tag }) => tag),
    stores: (locationsOf.get(row.id) ?? []).map(({ store }) => store),
    copies: locationsOf.get(row.id) ?? [],
    remote: (remoteOf.get(row.id) ?? []).map(({ url, metadata }) => ({ url, metadata: fromJson(metadata) })),
  }));
}
