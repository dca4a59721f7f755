import { columns } from '#kernel/db/columns.ts';
import type { Migrations } from '#kernel/db/migrate.ts';
import type { Id } from '#kernel/ids.ts';

export type RegisteredLimitId = Id<'registered limit'>;
export type LimitId = Id<'limit'>;

export interface LimitTables {
  registered_limits: RegisteredLimitRow;
  limits: LimitRow;
}

/** What every project may have of a service's resource where nothing else is said. */
export interface RegisteredLimitRow {
  id: RegisteredLimitId;
  service_id: string;
  /** Empty for all regions: unique keys do not hold for nulls. */
  region_id: string;
  resource_name: string;
  default_limit: number;
  description: string | null;
}

/** What one project or domain may have instead. */
export interface LimitRow {
  id: LimitId;
  registered_limit_id: RegisteredLimitId;
  /** The project's id, or the domain's. */
  owner_id: string;
  owner_kind: 'project' | 'domain';
  resource_limit: number;
  description: string | null;
}

export const limitMigrations: Migrations = {
  'identity-0014-limits': {
    up: async (db) => {
      await db.schema
        .createTable('registered_limits')
        .ifNotExists()
        .addColumn('id', 'varchar(64)', (c) => c.primaryKey())
        .addColumn('service_id', 'varchar(64)', (c) => c.notNull().references('services.id').onDelete('cascade'))
        .addColumn('region_id', columns.name, (c) => c.notNull())
        .addColumn('resource_name', columns.name, (c) => c.notNull())
        .addColumn('default_limit', columns.int, (c) => c.notNull())
        .addColumn('description', columns.text)
        .addUniqueConstraint('registered_limits_resource', ['service_id', 'region_id', 'resource_name'])
        .execute();
      await db.schema
        .createTable('limits')
        .ifNotExists()
        .addColumn('id', 'varchar(64)', (c) => c.primaryKey())
        .addColumn('registered_limit_id', 'varchar(64)', (c) =>
          c.notNull().references('registered_limits.id').onDelete('cascade'),
        )
        .addColumn('owner_id', 'varchar(64)', (c) => c.notNull().references('projects.id').onDelete('cascade'))
        .addColumn('owner_kind', 'varchar(8)', (c) => c.notNull())
        .addColumn('resource_limit', columns.int, (c) => c.notNull())
        .addColumn('description', columns.text)
        .addUniqueConstraint('limits_owner', ['owner_id', 'registered_limit_id'])
        .execute();
    },
    down: async (db) => {
      await db.schema.dropTable('limits').ifExists().execute();
      await db.schema.dropTable('registered_limits').ifExists().execute();
    },
  },
};
