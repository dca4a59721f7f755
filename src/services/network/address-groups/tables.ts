import { columns } from '#kernel/db/columns.ts';
import type { JsonText } from '#kernel/db/json.ts';
import type { Migrations } from '#kernel/db/migrate.ts';
import { type StandardRow, standardColumns } from '../resources/tables.ts';

export interface AddressGroupRow extends StandardRow {
  name: string;
  addresses: JsonText<readonly string[]>;
}

export interface AddressGroupsTables {
  address_groups: AddressGroupRow;
}

export const addressGroupsMigrations: Migrations = {
  'network-0009-address-groups': {
    up: async (db) => {
      await standardColumns(db.schema.createTable('address_groups').ifNotExists())
        .addColumn('name', columns.name, (c) => c.notNull())
        .addColumn('addresses', columns.json, (c) => c.notNull())
        .execute();
    },
    down: (db) => db.schema.dropTable('address_groups').ifExists().execute(),
  },
};
