import { columns } from '#kernel/db/columns.ts';
import type { Bit, JsonText } from '#kernel/db/json.ts';
import type { Migrations } from '#kernel/db/migrate.ts';
import type { Id } from '#kernel/ids.ts';

export type RegionId = Id<'region'>;
export type ServiceId = Id<'service'>;
export type EndpointId = Id<'endpoint'>;

export interface CatalogTables {
  regions: RegionRow;
  services: ServiceRow;
  endpoints: EndpointRow;
}

export interface RegionRow {
  id: RegionId;
  parent_region_id: RegionId | null;
  description: string;
  extra: JsonText<Record<string, unknown>>;
}

export interface ServiceRow {
  id: ServiceId;
  type: string;
  /** Null when it was made without. */
  name: string | null;
  enabled: Bit;
  extra: JsonText<Record<string, unknown>>;
}

export interface EndpointRow {
  id: EndpointId;
  service_id: ServiceId;
  region_id: RegionId | null;
  interface: 'public' | 'internal' | 'admin';
  /** May hold `$(project_id)s` and few others, which the catalog fills in. */
  url: string;
  enabled: Bit;
  extra: JsonText<Record<string, unknown>>;
}

export const catalogMigrations: Migrations = {
  'identity-0006-catalog': {
    up: async (db) => {
      await db.schema
        .createTable('regions')
        .ifNotExists()
        .addColumn('id', columns.name, (c) => c.primaryKey())
        .addColumn('parent_region_id', columns.name)
        .addColumn('description', columns.text, (c) => c.notNull())
        .addColumn('extra', columns.json, (c) => c.notNull())
        .execute();
      await db.schema
        .createTable('services')
        .ifNotExists()
        .addColumn('id', 'varchar(64)', (c) => c.primaryKey())
        .addColumn('type', columns.name, (c) => c.notNull())
        .addColumn('name', columns.name)
        .addColumn('enabled', columns.bit, (c) => c.notNull())
        .addColumn('extra', columns.json, (c) => c.notNull())
        .execute();
      await db.schema
        .createTable('endpoints')
        .ifNotExists()
        .addColumn('id', 'varchar(64)', (c) => c.primaryKey())
        .addColumn('service_id', 'varchar(64)', (c) => c.notNull().references('services.id').onDelete('cascade'))
        .addColumn('region_id', columns.name, (c) => c.references('regions.id'))
        .addColumn('interface', 'varchar(8)', (c) => c.notNull())
        .addColumn('url', columns.text, (c) => c.notNull())
        .addColumn('enabled', columns.bit, (c) => c.notNull())
        .addColumn('extra', columns.json, (c) => c.notNull())
        .execute();
    },
    down: async (db) => {
      for (const table of ['endpoints', 'services', 'regions']) await db.schema.dropTable(table).ifExists().execute();
    },
  },
};
