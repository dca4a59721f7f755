import type { Generated } from 'kysely';
import { columns } from '#kernel/db/columns.ts';
import type { EpochMs } from '#kernel/db/json.ts';
import type { Migrations } from '#kernel/db/migrate.ts';

export type MigrationType = 'migration' | 'resize' | 'live-migration' | 'evacuation';

/** A server's way from one host to another. */
export interface MigrationRow {
  number: Generated<number>;
  uuid: string;
  server_id: string;
  project_id: string;
  user_id: string;
  type: MigrationType;
  /** Nova's word: `migrating`, `finished`, `confirmed`, `reverted`, `error`, `queued`, `running`, `completed`, … */
  status: string;
  source_host_id: string;
  dest_host_id: string | null;
  created_at: EpochMs;
  updated_at: EpochMs | null;
}

export interface MigrationTables {
  migrations: MigrationRow;
}

export const migrationMigrations: Migrations = {
  'compute-0013-migrations': {
    up: async (db) => {
      await db.schema
        .createTable('migrations')
        .ifNotExists()
        .addColumn('number', columns.int, (c) => c.primaryKey().autoIncrement())
        .addColumn('uuid', columns.id, (c) => c.notNull().unique())
        .addColumn('server_id', columns.id, (c) => c.notNull())
        .addColumn('project_id', columns.id, (c) => c.notNull())
        .addColumn('user_id', columns.id, (c) => c.notNull())
        .addColumn('type', 'varchar(32)', (c) => c.notNull())
        .addColumn('status', 'varchar(64)', (c) => c.notNull())
        .addColumn('source_host_id', columns.id, (c) => c.notNull())
        .addColumn('dest_host_id', columns.id)
        .addColumn('created_at', columns.big, (c) => c.notNull())
        .addColumn('updated_at', columns.big)
        .execute();
      await db.schema
        .createIndex('migrations_server')
        .ifNotExists()
        .on('migrations')
        .columns(['server_id', 'created_at'])
        .execute();
      await db.schema
        .createIndex('migrations_created')
        .ifNotExists()
        .on('migrations')
        .columns(['created_at', 'number'])
        .execute();
    },
    down: (db) => db.schema.dropTable('migrations').ifExists().execute(),
  },
};
