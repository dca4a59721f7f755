import { columns } from '#kernel/db/columns.ts';
import type { Migrations } from '#kernel/db/migrate.ts';

export interface QuotasTables {
  /** Limits that differ from the default; -1 is none. */
  network_quotas: { project_id: string; resource: string; quota_limit: number };
}

export const quotasMigrations: Migrations = {
  'network-0011-quotas': {
    up: async (db) => {
      await db.schema
        .createTable('network_quotas')
        .ifNotExists()
        .addColumn('project_id', columns.name, (c) => c.notNull())
        .addColumn('resource', 'varchar(64)', (c) => c.notNull())
        .addColumn('quota_limit', columns.int, (c) => c.notNull())
        .addPrimaryKeyConstraint('network_quotas_key', ['project_id', 'resource'])
        .execute();
    },
    down: (db) => db.schema.dropTable('network_quotas').ifExists().execute(),
  },
};
