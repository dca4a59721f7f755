import { columns } from '#kernel/db/columns.ts';
import type { Bit, EpochMs } from '#kernel/db/json.ts';
import type { Migrations } from '#kernel/db/migrate.ts';

export interface FlavorRow {
  /** What clients call it: any short text, `1` or a UUID. */
  id: string;
  name: string;
  memory_mib: number;
  vcpus: number;
  root_gib: number;
  ephemeral_gib: number;
  swap_mib: number;
  rxtx_factor: number;
  is_public: Bit;
  is_disabled: Bit;
  description: string | null;
  created_at: EpochMs;
}

export interface FlavorTables {
  flavors: FlavorRow;
  flavor_extra_specs: { flavor_id: string; name: string; value: string };
  flavor_access: { flavor_id: string; project_id: string };
}

export const flavorMigrations: Migrations = {
  'compute-0001-flavors': {
    up: async (db) => {
      await db.schema
        .createTable('flavors')
        .ifNotExists()
        .addColumn('id', columns.name, (c) => c.primaryKey())
        .addColumn('name', columns.name, (c) => c.notNull().unique())
        .addColumn('memory_mib', columns.int, (c) => c.notNull())
        .addColumn('vcpus', columns.int, (c) => c.notNull())
        .addColumn('root_gib', columns.int, (c) => c.notNull())
        .addColumn('ephemeral_gib', columns.int, (c) => c.notNull())
        .addColumn('swap_mib', columns.int, (c) => c.notNull())
        .addColumn('rxtx_factor', 'double precision', (c) => c.notNull())
        .addColumn('is_public', columns.bit, (c) => c.notNull())
        .addColumn('is_disabled', columns.bit, (c) => c.notNull())
        .addColumn('description', columns.text)
        .addColumn('created_at', columns.big, (c) => c.notNull())
        .execute();
      await db.schema
        .createTable('flavor_extra_specs')
        .ifNotExists()
        .addColumn('flavor_id', columns.name, (c) => c.notNull().references('flavors.id').onDelete('cascade'))
        .addColumn('name', columns.name, (c) => c.notNull())
        .addColumn('value', columns.name, (c) => c.notNull())
        .addPrimaryKeyConstraint('flavor_extra_specs_pk', ['flavor_id', 'name'])
        .execute();
      await db.schema
        .createTable('flavor_access')
        .ifNotExists()
        .addColumn('flavor_id', columns.name, (c) => c.notNull().references('flavors.id').onDelete('cascade'))
        .addColumn('project_id', columns.name, (c) => c.notNull())
        .addPrimaryKeyConstraint('flavor_access_pk', ['flavor_id', 'project_id'])
        .execute();
    },
    down: async (db) => {
      await db.schema.dropTable('flavor_access').ifExists().execute();
      await db.schema.dropTable('flavor_extra_specs').ifExists().execute();
      await db.schema.dropTable('flavors').ifExists().execute();
    },
  },
};
