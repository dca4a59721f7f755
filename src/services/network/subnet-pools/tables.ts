import { columns } from '#kernel/db/columns.ts';
import type { Bit, JsonText } from '#kernel/db/json.ts';
import type { Migrations } from '#kernel/db/migrate.ts';
import { type StandardRow, standardColumns } from '../resources/tables.ts';

export interface SubnetPoolRow extends StandardRow {
  name: string;
  ip_version: 4 | 6;
  default_prefixlen: number;
  min_prefixlen: number;
  max_prefixlen: number;
  default_quota: number | null;
  is_default: Bit;
  address_scope_id: string | null;
  prefixes: JsonText<readonly string[]>;
}

export interface SubnetPoolsTables {
  subnet_pools: SubnetPoolRow;
}

export const subnetPoolsMigrations: Migrations = {
  'network-0007-subnet-pools': {
    up: async (db) => {
      await standardColumns(db.schema.createTable('subnet_pools').ifNotExists())
        .addColumn('name', columns.name, (c) => c.notNull())
        .addColumn('ip_version', columns.int, (c) => c.notNull())
        .addColumn('default_prefixlen', columns.int, (c) => c.notNull())
        .addColumn('min_prefixlen', columns.int, (c) => c.notNull())
        .addColumn('max_prefixlen', columns.int, (c) => c.notNull())
        .addColumn('default_quota', columns.big)
        .addColumn('is_default', columns.bit, (c) => c.notNull())
        .addColumn('address_scope_id', columns.id)
        .addColumn('prefixes', columns.json, (c) => c.notNull())
        .execute();
      await db.schema
        .createIndex('subnet_pools_project')
        .ifNotExists()
        .on('subnet_pools')
        .column('project_id')
        .execute();
    },
    down: (db) => db.schema.dropTable('subnet_pools').ifExists().execute(),
  },
};
