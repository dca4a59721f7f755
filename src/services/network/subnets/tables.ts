import { columns } from '#kernel/db/columns.ts';
import type { Bit, JsonText } from '#kernel/db/json.ts';
import type { Migrations } from '#kernel/db/migrate.ts';
import { type StandardRow, standardColumns } from '../resources/tables.ts';

export type Ipv6Mode = 'slaac' | 'dhcpv6-stateful' | 'dhcpv6-stateless';

export interface AddressRange {
  readonly start: string;
  readonly end: string;
}

export interface HostRoute {
  readonly destination: string;
  readonly nexthop: string;
}

export interface SubnetRow extends StandardRow {
  name: string;
  network_id: string;
  ip_version: 4 | 6;
  cidr: string;
  gateway_ip: string | null;
  enable_dhcp: Bit;
  ipv6_address_mode: Ipv6Mode | null;
  ipv6_ra_mode: Ipv6Mode | null;
  subnetpool_id: string | null;
  dns_publish_fixed_ip: Bit;
  allocation_pools: JsonText<readonly AddressRange[]>;
  dns_nameservers: JsonText<readonly string[]>;
  host_routes: JsonText<readonly HostRoute[]>;
  service_types: JsonText<readonly string[]>;
}

export interface SubnetsTables {
  subnets: SubnetRow;
}

export const subnetsMigrations: Migrations = {
  'network-0002-subnets': {
    up: async (db) => {
      await standardColumns(db.schema.createTable('subnets').ifNotExists())
        .addColumn('name', columns.name, (c) => c.notNull())
        .addColumn('network_id', columns.id, (c) => c.notNull().references('networks.id'))
        .addColumn('ip_version', columns.int, (c) => c.notNull())
        .addColumn('cidr', 'varchar(64)', (c) => c.notNull())
        .addColumn('gateway_ip', 'varchar(64)')
        .addColumn('enable_dhcp', columns.bit, (c) => c.notNull())
        .addColumn('ipv6_address_mode', 'varchar(16)')
        .addColumn('ipv6_ra_mode', 'varchar(16)')
        .addColumn('subnetpool_id', columns.id)
        .addColumn('dns_publish_fixed_ip', columns.bit, (c) => c.notNull())
        .addColumn('allocation_pools', columns.json, (c) => c.notNull())
        .addColumn('dns_nameservers', columns.json, (c) => c.notNull())
        .addColumn('host_routes', columns.json, (c) => c.notNull())
        .addColumn('service_types', columns.json, (c) => c.notNull())
        .execute();
      for (const column of ['project_id', 'network_id', 'subnetpool_id'])
        await db.schema.createIndex(`subnets_${column}`).ifNotExists().on('subnets').column(column).execute();
    },
    down: (db) => db.schema.dropTable('subnets').ifExists().execute(),
  },
};
