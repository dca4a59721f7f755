import { columns } from '#kernel/db/columns.ts';
import type { EpochMs, JsonText } from '#kernel/db/json.ts';
import type { Migrations } from '#kernel/db/migrate.ts';
import type { ServerPort } from '../../peers.ts';

/**
 * A copy of a server's disk that is becoming an image, or that a shelved server is made of. The image itself is the image service's;
 * the row is gone when nobody here needs it any more.
 */
export interface SnapshotRow {
  image_id: string;
  server_id: string;
  /** The host that is to make it. */
  host_id: string;
  disk: string;
  purpose: SnapshotPurpose;
  /** `wanted` of the host; `stored` as an image, for a shelved server; `discarded`, and its image is being deleted. */
  state: 'wanted' | 'stored' | 'discarded';
  /** Whose image it is. */
  project_id: string;
  request_id: string;
  /** `daily`, say; null when it's no backup. */
  backup_type: string | null;
  /** How many backups of the type are kept. */
  rotation: number | null;
  created_at: EpochMs;
  /** While it is a shelved server's: the server's ports as network last told them. */
  ports: JsonText<readonly ServerPort[]> | null;
}

export type SnapshotPurpose = 'image' | 'backup' | 'shelve';

export interface SnapshotTables {
  server_snapshots: SnapshotRow;
}

export const snapshotMigrations: Migrations = {
  'compute-0040-snapshots': {
    up: async (db) => {
      await db.schema
        .createTable('server_snapshots')
        .ifNotExists()
        .addColumn('image_id', columns.id, (c) => c.primaryKey())
        .addColumn('server_id', columns.id, (c) => c.notNull())
        .addColumn('host_id', columns.id, (c) => c.notNull())
        .addColumn('disk', columns.name, (c) => c.notNull())
        .addColumn('purpose', columns.name, (c) => c.notNull())
        .addColumn('state', columns.name, (c) => c.notNull())
        .addColumn('project_id', columns.id, (c) => c.notNull())
        .addColumn('request_id', columns.name, (c) => c.notNull())
        .addColumn('backup_type', columns.name)
        .addColumn('rotation', columns.big)
        .addColumn('created_at', columns.big, (c) => c.notNull())
        .execute();
      await db.schema
        .createIndex('server_snapshots_server')
        .ifNotExists()
        .on('server_snapshots')
        .columns(['server_id'])
        .execute();
      await db.schema
        .createIndex('server_snapshots_host')
        .ifNotExists()
        .on('server_snapshots')
        .columns(['host_id', 'state'])
        .execute();
    },
    down: (db) => db.schema.dropTable('server_snapshots').ifExists().execute(),
  },
  'compute-0041-shelved-servers': {
    up: async (db) => {
      await db.schema.alterTable('server_snapshots').addColumn('ports', columns.json).execute();
      await db.schema.alterTable('server_guests').addColumn('boot_image', columns.json).execute();
    },
    down: async (db) => {
      await db.schema.alterTable('server_guests').dropColumn('boot_image').execute();
      await db.schema.alterTable('server_snapshots').dropColumn('ports').execute();
    },
  },
};
