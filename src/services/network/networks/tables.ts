import { columns } from '#kernel/db/columns.ts';
import type { Bit, JsonText } from '#kernel/db/json.ts';
import type { Migrations } from '#kernel/db/migrate.ts';
import type { NetworkType } from '#protocol/networks.ts';
import { type StandardRow, standardColumns } from '../resources/tables.ts';

export interface NetworkRow extends StandardRow {
  name: string;
  admin_state_up: Bit;
  mtu: number;
  network_type: NetworkType;
  physical_network: string | null;
  segmentation_id: number | null;
  is_external: Bit;
  is_default: Bit;
  port_security_enabled: Bit;
  dns_domain: string;
  availability_zone_hints: JsonText<string[]>;
}

/** What is taken of a physical network or of the tunnels' numbers; the key decides races. */
export interface SegmentRow {
  network_type: string;
  /** Empty for tunnels. */
  physical_network: string;
  /** 0 for flat networks. */
  segmentation_id: number;
  network_id: string;
}

export interface NetworksTables {
  networks: NetworkRow;
  network_segments: SegmentRow;
}

export const networksMigrations: Migrations = {
  'network-0001-networks': {
    up: async (db) => {
      await standardColumns(db.schema.createTable('networks').ifNotExists())
        .addColumn('name', columns.name, (c) => c.notNull())
        .addColumn('admin_state_up', columns.bit, (c) => c.notNull())
        .addColumn('mtu', columns.int, (c) => c.notNull())
        .addColumn('network_type', columns.name, (c) => c.notNull())
        .addColumn('physical_network', columns.name)
        .addColumn('segmentation_id', columns.int)
        .addColumn('is_external', columns.bit, (c) => c.notNull())
        .addColumn('is_default', columns.bit, (c) => c.notNull())
        .addColumn('port_security_enabled', columns.bit, (c) => c.notNull())
        .addColumn('dns_domain', columns.name, (c) => c.notNull())
        .addColumn('availability_zone_hints', columns.json, (c) => c.notNull())
        .execute();
      await db.schema.createIndex('networks_project').ifNotExists().on('networks').column('project_id').execute();
      await db.schema
        .createTable('network_segments')
        .ifNotExists()
        .addColumn('network_type', 'varchar(16)', (c) => c.notNull())
        .addColumn('physical_network', 'varchar(64)', (c) => c.notNull())
        .addColumn('segmentation_id', columns.int, (c) => c.notNull())
        .addColumn('network_id', columns.id, (c) => c.notNull().references('networks.id'))
        .addPrimaryKeyConstraint('network_segments_key', ['network_type', 'physical_network', 'segmentation_id'])
        .execute();
      await db.schema
        .createIndex('network_segments_network')
        .ifNotExists()
        .on('network_segments')
        .column('network_id')
        .execute();
    },
    down: async (db) => {
      await db.schema.dropTable('network_segments').ifExists().execute();
      await db.schema.dropTable('networks').ifExists().execute();
    },
  },
};
