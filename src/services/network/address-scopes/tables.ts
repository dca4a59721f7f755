import { columns } from '#kernel/db/columns.ts';
import type { Migrations } from '#kernel/db/migrate.ts';
import { type StandardRow, standardColumns } from '../resources/tables.ts';

export interface AddressScopeRow extends StandardRow {
  name: string;
  ip_version: 4 | 6;
}

export interface AddressScopesTables {
  address_scopes: AddressScopeRow;
}

export const addressScopesMigrations: Migrations = {
  'network-0008-address-scopes': {
    up: async (db) => {
      await standardColumns(db.schema.createTable('address_scopes').ifNotExists())
        .addColumn('name', columns.name, (c) => c.notNull())
        .addColumn('ip_version', columns.int, (c) => c.notNull())
        .execute();
    },
    down: (db) => db.schema.dropTable('address_scopes').ifExists().execute(),
  },
};
