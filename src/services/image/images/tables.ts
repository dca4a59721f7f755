import { columns } from '#kernel/db/columns.ts';
import type { Bit, EpochMs, JsonText } from '#kernel/db/json.ts';
import { addIndexes, type Migrations } from '#kernel/db/migrate.ts';
import type { ImageId, ProjectId } from '#kernel/ids.ts';
import type { ContentFormat } from '../formats/format.ts';
import type { ImageStatus, Visibility } from './states.ts';

export interface ImageRow {
  id: ImageId;
  name: string | null;
  status: ImageStatus;
  visibility: Visibility;
  owner: ProjectId | null;
  /** Bytes of the file. */
  size: number | null;
  /** Bytes of the disk as a guest sees it. */
  virtual_size: number | null;
  disk_format: string | null;
  container_format: string | null;
  /** MD5, hexadecimal. */
  checksum: string | null;
  os_hash_algo: string | null;
  os_hash_value: string | null;
  /** GiB. */
  min_disk: number;
  /** MiB. */
  min_ram: number;
  is_protected: Bit;
  is_hidden: Bit;
  /** What the content was found to be; null before there is any. */
  content_format: ContentFormat | null;
  /** Whether the content is what `disk_format` says. */
  is_as_declared: Bit;
  /** The upload, staging or import that is writing to the image now; whoever holds it may finish it. */
  writer: string | null;
  /** Until when the writer counts as alive; it moves this on while it works. */
  writer_until: EpochMs | null;
  created_at: EpochMs;
  updated_at: EpochMs;
  /** Deleted images keep their row, so that an id is never given to another image. */
  deleted_at: EpochMs | null;
}

export interface ImagePropertyRow {
  image_id: ImageId;
  name: string;
  value: string | null;
}

export interface ImageTagRow {
  image_id: ImageId;
  tag: string;
}

/** One copy of an image's data. */
export interface ImageLocationRow {
  image_id: ImageId;
  store: string;
  /** The name of the data in its store: never the image's id, never given twice. */
  data_id: string;
  created_at: EpochMs;
}

/** A place on the web that a client has named as holding an image's data. */
export interface ImageRemoteLocationRow {
  id: string;
  image_id: ImageId;
  position: number;
  url: string;
  metadata: JsonText<Readonly<Record<string, unknown>>>;
}

/** An image in the controller's cache, or on its way there. */
export interface ImageCacheRow {
  image_id: ImageId;
  state: 'queued' | 'cached';
  hits: number;
  accessed_at: EpochMs;
  modified_at: EpochMs;
  created_at: EpochMs;
}

export type MemberStatus = 'pending' | 'accepted' | 'rejected';

export interface ImageMemberRow {
  image_id: ImageId;
  member: ProjectId;
  status: MemberStatus;
  created_at: EpochMs;
  updated_at: EpochMs;
}

export interface ImageTables {
  images: ImageRow;
  image_properties: ImagePropertyRow;
  image_tags: ImageTagRow;
  image_locations: ImageLocationRow;
  image_members: ImageMemberRow;
  image_remote_locations: ImageRemoteLocationRow;
  image_cache: ImageCacheRow;
}

export const imageMigrations: Migrations = {
  'image-0001-images': {
    up: async (db) => {
      await db.schema
        .createTable('images')
        .ifNotExists()
        .addColumn('id', columns.id, (c) => c.primaryKey())
        .addColumn('name', columns.name)
        .addColumn('status', columns.name, (c) => c.notNull())
        .addColumn('visibility', columns.name, (c) => c.notNull())
        .addColumn('owner', columns.name)
        .addColumn('size', columns.big)
        .addColumn('virtual_size', columns.big)
        .addColumn('disk_format', columns.name)
        .addColumn('container_format', columns.name)
        .addColumn('checksum', columns.name)
        .addColumn('os_hash_algo', columns.name)
        .addColumn('os_hash_value', columns.name)
        .addColumn('min_disk', columns.int, (c) => c.notNull())
        .addColumn('min_ram', columns.int, (c) => c.notNull())
        .addColumn('is_protected', columns.bit, (c) => c.notNull())
        .addColumn('is_hidden', columns.bit, (c) => c.notNull())
        .addColumn('content_format', columns.name)
        .addColumn('is_as_declared', columns.bit, (c) => c.notNull())
        .addColumn('writer', columns.id)
        .addColumn('writer_until', columns.big)
        .addColumn('created_at', columns.big, (c) => c.notNull())
        .addColumn('updated_at', columns.big, (c) => c.notNull())
        .addColumn('deleted_at', columns.big)
        .execute();
      await db.schema
        .createIndex('images_created')
        .ifNotExists()
        .on('images')
        .columns(['deleted_at', 'created_at', 'id'])
        .execute();
      await db.schema.createIndex('images_owner').ifNotExists().on('images').columns(['owner', 'status']).execute();
      await db.schema.createIndex('images_name').ifNotExists().on('images').columns(['name', 'id']).execute();
      await db.schema.createIndex('images_writer').ifNotExists().on('images').columns(['writer_until']).execute();
      await db.schema
        .createTable('image_properties')
        .ifNotExists()
        .addColumn('image_id', columns.id, (c) => c.notNull())
        .addColumn('name', columns.name, (c) => c.notNull())
        .addColumn('value', columns.text)
        .addPrimaryKeyConstraint('image_properties_pk', ['image_id', 'name'])
        .execute();
      await db.schema
        .createTable('image_tags')
        .ifNotExists()
        .addColumn('image_id', columns.id, (c) => c.notNull())
        .addColumn('tag', columns.name, (c) => c.notNull())
        .addPrimaryKeyConstraint('image_tags_pk', ['image_id', 'tag'])
        .execute();
      await db.schema
        .createTable('image_locations')
        .ifNotExists()
        .addColumn('image_id', columns.id, (c) => c.notNull())
        .addColumn('store', columns.name, (c) => c.notNull())
        .addColumn('data_id', columns.id, (c) => c.notNull().unique())
        .addColumn('created_at', columns.big, (c) => c.notNull())
        .addPrimaryKeyConstraint('image_locations_pk', ['image_id', 'store'])
        .execute();
      await db.schema
        .createTable('image_members')
        .ifNotExists()
        .addColumn('image_id', columns.id, (c) => c.notNull())
        .addColumn('member', columns.name, (c) => c.notNull())
        .addColumn('status', columns.name, (c) => c.notNull())
        .addColumn('created_at', columns.big, (c) => c.notNull())
        .addColumn('updated_at', columns.big, (c) => c.notNull())
        .addPrimaryKeyConstraint('image_members_pk', ['image_id', 'member'])
        .execute();
      await db.schema
        .createIndex('image_members_member')
        .ifNotExists()
        .on('image_members')
        .columns(['member', 'status'])
        .execute();
    },
    down: async (db) => {
      for (const table of ['image_members', 'image_locations', 'image_tags', 'image_properties', 'images']) {
        await db.schema.dropTable(table).ifExists().execute();
      }
    },
  },
  'image-0005-remote-locations': {
    up: async (db) => {
      await db.schema
        .createTable('image_remote_locations')
        .ifNotExists()
        .addColumn('id', columns.id, (c) => c.primaryKey())
        .addColumn('image_id', columns.id, (c) => c.notNull())
        .addColumn('position', columns.int, (c) => c.notNull())
        .addColumn('url', columns.text, (c) => c.notNull())
        .addColumn('metadata', columns.json, (c) => c.notNull())
        .execute();
      await db.schema
        .createIndex('image_remote_locations_image')
        .ifNotExists()
        .on('image_remote_locations')
        .columns(['image_id', 'position'])
        .execute();
    },
    down: (db) => db.schema.dropTable('image_remote_locations').ifExists().execute(),
  },
  'image-0006-cache': {
    up: (db) =>
      db.schema
        .createTable('image_cache')
        .ifNotExists()
        .addColumn('image_id', columns.id, (c) => c.primaryKey())
        .addColumn('state', columns.name, (c) => c.notNull())
        .addColumn('hits', columns.int, (c) => c.notNull())
        .addColumn('accessed_at', columns.big, (c) => c.notNull())
        .addColumn('modified_at', columns.big, (c) => c.notNull())
        .addColumn('created_at', columns.big, (c) => c.notNull())
        .execute(),
    down: (db) => db.schema.dropTable('image_cache').ifExists().execute(),
  },
  'image-0020-indexes': addIndexes([
    ['images_by_writer', 'images', ['writer']],
    ['image_cache_listed', 'image_cache', ['created_at', 'image_id']],
  ]),
};
