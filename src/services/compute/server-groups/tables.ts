import { columns } from '#kernel/db/columns.ts';
import type { EpochMs } from '#kernel/db/json.ts';
import type { Migrations } from '#kernel/db/migrate.ts';

export type ServerGroupPolicy = 'affinity' | 'anti-affinity' | 'soft-affinity' | 'soft-anti-affinity';

export interface ServerGroupRow {
  id: string;
  project_id: string;
  user_id: string;
  name: string;
  policy: ServerGroupPolicy;
  /** How many servers of an anti-affinity group one host may have; null where no rule says so. */
  max_server_per_host: number | null;
  created_at: EpochMs;
}

export interface ServerGroupTables {
  server_groups: ServerGroupRow;
  server_group_members: { group_id: string; server_id: string };
}

export const serverGroupMigrations: Migrations = {
  'compute-0005-server-groups': {
    up: async (db) => {
      await db.schema
        .createTable('server_groups')
        .ifNotExists()
        .addColumn('id', columns.id, (c) => c.primaryKey())
        .addColumn('project_id', columns.id, (c) => c.notNull())
        .addColumn('user_id', columns.id, (c) => c.notNull())
        .addColumn('name', columns.name, (c) => c.notNull())
        .addColumn('policy', 'varchar(32)', (c) => c.notNull())
        .addColumn('max_server_per_host', columns.int)
        .addColumn('created_at', columns.big, (c) => c.notNull())
        .execute();
      await db.schema
        .createIndex('server_groups_project')
        .ifNotExists()
        .on('server_groups')
        .columns(['project_id', 'created_at'])
        .execute();
      await db.schema
        .createTable('server_group_members')
        .ifNotExists()
        .addColumn('server_id', columns.id, (c) => c.primaryKey())
        .addColumn('group_id', columns.id, (c) => c.notNull().references('server_groups.id').onDelete('cascade'))
        .execute();
      await db.schema
        .createIndex('server_group_members_group')
        .ifNotExists()
        .on('server_group_members')
        .columns(['group_id'])
        .execute();
    },
    down: async (db) => {
      await db.schema.dropTable('server_group_members').ifExists().execute();
      await db.schema.dropTable('server_groups').ifExists().execute();
    },
  },
};
