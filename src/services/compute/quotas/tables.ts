import { columns } from '#kernel/db/columns.ts';
import type { Migrations } from '#kernel/db/migrate.ts';

/**
 * Limits that somebody has set. What is used is never kept here: it is counted when it is asked for.
 * `user_id` is empty for the project's own limits; a class's limits stand under `class:<name>`.
 */
export interface QuotaTables {
  quota_limits: { project_id: string; user_id: string; resource: string; limit_value: number };
  /** One row per project, which those who count and then take change first, so that they take turns. */
  quota_locks: { project_id: string; turn: number };
}

export const quotaMigrations: Migrations = {
  'compute-0003-quotas': {
    up: async (db) => {
      await db.schema
        .createTable('quota_limits')
        .ifNotExists()
        .addColumn('project_id', columns.name, (c) => c.notNull())
        .addColumn('user_id', columns.name, (c) => c.notNull())
        .addColumn('resource', 'varchar(64)', (c) => c.notNull())
        .addColumn('limit_value', columns.int, (c) => c.notNull())
        .addPrimaryKeyConstraint('quota_limits_pk', ['project_id', 'user_id', 'resource'])
        .execute();
      await db.schema
        .createTable('quota_locks')
        .ifNotExists()
        .addColumn('project_id', columns.name, (c) => c.primaryKey())
        .addColumn('turn', columns.big, (c) => c.notNull())
        .execute();
    },
    down: async (db) => {
      await db.schema.dropTable('quota_limits').ifExists().execute();
      await db.schema.dropTable('quota_locks').ifExists().execute();
    },
  },
};
