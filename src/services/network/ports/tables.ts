import { columns } from '#kernel/db/columns.ts';
import type { Bit, JsonText } from '#kernel/db/json.ts';
import type { Migrations } from '#kernel/db/migrate.ts';
import { type StandardRow, standardColumns } from '../resources/tables.ts';

export interface AddressPair {
  readonly ip_address: string;
  readonly mac_address: string;
}

export interface DhcpOption {
  readonly opt_name: string;
  readonly opt_value: string;
  readonly ip_version: 4 | 6;
}

export interface PortRow extends StandardRow {
  name: string;
  network_id: string;
  mac_address: string;
  admin_state_up: Bit;
  status: 'ACTIVE' | 'DOWN' | 'BUILD' | 'N/A';
  device_id: string;
  device_owner: string;
  /** The host's name, as `binding:host_id` shows it; empty when unbound. */
  host: string;
  vnic_type: string;
  profile: JsonText<Readonly<Record<string, unknown>>>;
  port_security_enabled: Bit;
  dns_name: string;
  allowed_address_pairs: JsonText<readonly AddressPair[]>;
  extra_dhcp_opts: JsonText<readonly DhcpOption[]>;
  /** Made for a server by compute, so that it goes with the server. */
  is_made_for_server: Bit;
  /**
   * The server whose port compute made it. `device_id` is the user's word and proves nothing: a port that names somebody else's
   * server must neither show up there nor read its metadata (CVE-2013-6419).
   */
  server_id: string | null;
}

export interface PortAddressRow {
  subnet_id: string;
  address: string;
  port_id: string;
  network_id: string;
  /** The order in which a port shows its addresses. */
  position: number;
}

export interface PortsTables {
  ports: PortRow;
  port_addresses: PortAddressRow;
  port_security_groups: { port_id: string; security_group_id: string };
}

export const portsMigrations: Migrations = {
  'network-0004-ports': {
    up: async (db) => {
      await standardColumns(db.schema.createTable('ports').ifNotExists())
        .addColumn('name', columns.name, (c) => c.notNull())
        .addColumn('network_id', columns.id, (c) => c.notNull().references('networks.id'))
        .addColumn('mac_address', 'varchar(17)', (c) => c.notNull())
        .addColumn('admin_state_up', columns.bit, (c) => c.notNull())
        .addColumn('status', 'varchar(16)', (c) => c.notNull())
        .addColumn('device_id', columns.name, (c) => c.notNull())
        .addColumn('device_owner', columns.name, (c) => c.notNull())
        .addColumn('host', columns.name, (c) => c.notNull())
        .addColumn('vnic_type', 'varchar(64)', (c) => c.notNull())
        .addColumn('profile', columns.json, (c) => c.notNull())
        .addColumn('port_security_enabled', columns.bit, (c) => c.notNull())
        .addColumn('dns_name', columns.name, (c) => c.notNull())
        .addColumn('allowed_address_pairs', columns.json, (c) => c.notNull())
        .addColumn('extra_dhcp_opts', columns.json, (c) => c.notNull())
        .addColumn('is_made_for_server', columns.bit, (c) => c.notNull())
        .addUniqueConstraint('ports_mac', ['network_id', 'mac_address'])
        .execute();
      for (const column of ['project_id', 'device_id', 'host'])
        await db.schema.createIndex(`ports_${column}`).ifNotExists().on('ports').column(column).execute();
      await db.schema
        .createTable('port_addresses')
        .ifNotExists()
        .addColumn('subnet_id', columns.id, (c) => c.notNull().references('subnets.id'))
        .addColumn('address', 'varchar(64)', (c) => c.notNull())
        .addColumn('port_id', columns.id, (c) => c.notNull().references('ports.id'))
        .addColumn('network_id', columns.id, (c) => c.notNull())
        .addColumn('position', columns.int, (c) => c.notNull())
        .addPrimaryKeyConstraint('port_addresses_key', ['subnet_id', 'address'])
        .execute();
      await db.schema.createIndex('port_addresses_port').ifNotExists().on('port_addresses').column('port_id').execute();
      await db.schema
        .createTable('port_security_groups')
        .ifNotExists()
        .addColumn('port_id', columns.id, (c) => c.notNull().references('ports.id'))
        .addColumn('security_group_id', columns.id, (c) => c.notNull().references('security_groups.id'))
        .addPrimaryKeyConstraint('port_security_groups_key', ['port_id', 'security_group_id'])
        .execute();
      await db.schema
        .createIndex('port_security_groups_group')
        .ifNotExists()
        .on('port_security_groups')
        .column('security_group_id')
        .execute();
    },
    down: async (db) => {
      for (const table of ['port_security_groups', 'port_addresses', 'ports'])
        await db.schema.dropTable(table).ifExists().execute();
    },
  },
  'network-0014-port-servers': {
    up: async (db) => {
      await db.schema.alterTable('ports').addColumn('server_id', columns.id).execute();
      await db.schema.createIndex('ports_server_id').on('ports').column('server_id').execute();
    },
    down: async (db) => {
      await db.schema.dropIndex('ports_server_id').on('ports').execute();
      await db.schema.alterTable('ports').dropColumn('server_id').execute();
    },
  },
};
