import { columns } from '#kernel/db/columns.ts';
import type { Migrations } from '#kernel/db/migrate.ts';
import { type StandardRow, standardColumns } from '../resources/tables.ts';

export interface FloatingIpRow extends StandardRow {
  floating_network_id: string;
  floating_ip_address: string;
  /** The port on the external network that holds the address. */
  floating_port_id: string;
  fixed_port_id: string | null;
  fixed_ip_address: string | null;
  router_id: string | null;
  status: 'ACTIVE' | 'DOWN' | 'ERROR';
  /** The desired revision of the router's host that knows where this leads: older reports say nothing of it. */
  desired_revision: number;
  dns_name: string;
  dns_domain: string;
}

export interface FloatingIpsTables {
  floating_ips: FloatingIpRow;
}

export const floatingIpsMigrations: Migrations = {
  'network-0006-floating-ips': {
    up: async (db) => {
      await standardColumns(db.schema.createTable('floating_ips').ifNotExists())
        .addColumn('floating_network_id', columns.id, (c) => c.notNull())
        .addColumn('floating_ip_address', 'varchar(64)', (c) => c.notNull())
        .addColumn('floating_port_id', columns.id, (c) => c.notNull())
        .addColumn('fixed_port_id', columns.id)
        .addColumn('fixed_ip_address', 'varchar(64)')
        .addColumn('router_id', columns.id)
        .addColumn('status', 'varchar(16)', (c) => c.notNull())
        .addColumn('dns_name', columns.name, (c) => c.notNull())
        .addColumn('dns_domain', columns.name, (c) => c.notNull())
        .addUniqueConstraint('floating_ips_fixed', ['floating_network_id', 'fixed_port_id', 'fixed_ip_address'])
        .execute();
      for (const column of ['project_id', 'fixed_port_id', 'router_id', 'floating_port_id'])
        await db.schema.createIndex(`floating_ips_${column}`).ifNotExists().on('floating_ips').column(column).execute();
    },
    down: (db) => db.schema.dropTable('floating_ips').ifExists().execute(),
  },
  'network-0015-floating-ip-revisions': {
    up: (db) =>
      db.schema
        .alterTable('floating_ips')
        .addColumn('desired_revision', columns.big, (c) => c.notNull().defaultTo(0))
        .execute(),
    down: (db) => db.schema.alterTable('floating_ips').dropColumn('desired_revision').execute(),
  },
};
