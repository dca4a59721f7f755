import { columns } from '#kernel/db/columns.ts';
import type { Bit, EpochMs, JsonText } from '#kernel/db/json.ts';
import type { Migrations } from '#kernel/db/migrate.ts';

export interface NetworkHostRow {
  /** The host's id. */
  id: string;
  hostname: string;
  tunnel_address: string | null;
  driver: string;
  physical_networks: JsonText<Readonly<Record<string, string>>>;
  /** By the controller's clock: an agent's own is not believed. */
  seen_at: EpochMs;
  started_at: EpochMs;
  created_at: EpochMs;
  /** The desired revision of its networks that its last report had seen. */
  reported_revision: number;
  /** What its last report could not do, by resource id. */
  problems: JsonText<Readonly<Record<string, string>>>;
}

/** The parts of a host's agent as neutron would show them. */
export interface NetworkAgentRow {
  id: string;
  host_id: string;
  agent_type: string;
  admin_state_up: Bit;
  description: string;
}

export interface HostsTables {
  network_hosts: NetworkHostRow;
  network_agents: NetworkAgentRow;
  /** Which host serves DHCP for a network. */
  dhcp_bindings: { network_id: string; host_id: string };
}

export const hostsMigrations: Migrations = {
  'network-0013-hosts': {
    up: async (db) => {
      await db.schema
        .createTable('network_hosts')
        .ifNotExists()
        .addColumn('id', columns.id, (c) => c.primaryKey())
        .addColumn('hostname', columns.name, (c) => c.notNull().unique())
        .addColumn('tunnel_address', 'varchar(64)')
        .addColumn('driver', 'varchar(32)', (c) => c.notNull())
        .addColumn('physical_networks', columns.json, (c) => c.notNull())
        .addColumn('seen_at', columns.big, (c) => c.notNull())
        .addColumn('started_at', columns.big, (c) => c.notNull())
        .addColumn('created_at', columns.big, (c) => c.notNull())
        .addColumn('problems', columns.json, (c) => c.notNull())
        .execute();
      await db.schema
        .createTable('network_agents')
        .ifNotExists()
        .addColumn('id', columns.id, (c) => c.primaryKey())
        .addColumn('host_id', columns.id, (c) => c.notNull())
        .addColumn('agent_type', 'varchar(64)', (c) => c.notNull())
        .addColumn('admin_state_up', columns.bit, (c) => c.notNull())
        .addColumn('description', columns.name, (c) => c.notNull())
        .addUniqueConstraint('network_agents_kind', ['host_id', 'agent_type'])
        .execute();
      await db.schema
        .createTable('dhcp_bindings')
        .ifNotExists()
        .addColumn('network_id', columns.id, (c) => c.notNull())
        .addColumn('host_id', columns.id, (c) => c.notNull())
        .addPrimaryKeyConstraint('dhcp_bindings_key', ['network_id', 'host_id'])
        .execute();
      await db.schema.createIndex('dhcp_bindings_host').ifNotExists().on('dhcp_bindings').column('host_id').execute();
    },
    down: async (db) => {
      for (const table of ['dhcp_bindings', 'network_agents', 'network_hosts'])
        await db.schema.dropTable(table).ifExists().execute();
    },
  },
  'network-0021-host-reported-revision': {
    up: (db) =>
      db.schema
        .alterTable('network_hosts')
        .addColumn('reported_revision', columns.big, (c) => c.notNull().defaultTo(0))
        .execute(),
    down: (db) => db.schema.alterTable('network_hosts').dropColumn('reported_revision').execute(),
  },
};
