import { columns } from '#kernel/db/columns.ts';
import type { Bit, JsonText } from '#kernel/db/json.ts';
import type { Migrations } from '#kernel/db/migrate.ts';
import { type StandardRow, standardColumns } from '../resources/tables.ts';
import type { HostRoute } from '../subnets/tables.ts';

export interface RouterRow extends StandardRow {
  name: string;
  admin_state_up: Bit;
  status: 'ACTIVE' | 'ALLOCATING' | 'ERROR';
  gateway_port_id: string | null;
  enable_snat: Bit;
  routes: JsonText<readonly HostRoute[]>;
  availability_zone_hints: JsonText<readonly string[]>;
  flavor_id: string | null;
  /** The host that does the routing, by its id; null while it has nothing to route or no host can. */
  host_id: string | null;
}

export interface RoutersTables {
  routers: RouterRow;
}

export const routersMigrations: Migrations = {
  'network-0005-routers': {
    up: async (db) => {
      await standardColumns(db.schema.createTable('routers').ifNotExists())
        .addColumn('name', columns.name, (c) => c.notNull())
        .addColumn('admin_state_up', columns.bit, (c) => c.notNull())
        .addColumn('status', 'varchar(16)', (c) => c.notNull())
        .addColumn('gateway_port_id', columns.id)
        .addColumn('enable_snat', columns.bit, (c) => c.notNull())
        .addColumn('routes', columns.json, (c) => c.notNull())
        .addColumn('availability_zone_hints', columns.json, (c) => c.notNull())
        .addColumn('flavor_id', columns.id)
        .addColumn('host_id', columns.id)
        .execute();
      for (const column of ['project_id', 'host_id'])
        await db.schema.createIndex(`routers_${column}`).ifNotExists().on('routers').column(column).execute();
    },
    down: (db) => db.schema.dropTable('routers').ifExists().execute(),
  },
};
