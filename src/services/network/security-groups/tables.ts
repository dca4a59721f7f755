import { columns } from '#kernel/db/columns.ts';
import type { Bit } from '#kernel/db/json.ts';
import type { Migrations } from '#kernel/db/migrate.ts';
import { type StandardRow, standardColumns } from '../resources/tables.ts';

export interface SecurityGroupRow extends StandardRow {
  name: string;
  stateful: Bit;
}

export interface SecurityGroupRuleRow extends StandardRow {
  security_group_id: string;
  direction: 'ingress' | 'egress';
  ethertype: 'IPv4' | 'IPv6';
  protocol: string | null;
  port_range_min: number | null;
  port_range_max: number | null;
  remote_ip_prefix: string | null;
  remote_group_id: string | null;
  remote_address_group_id: string | null;
  /** All that makes a rule the same as another one: unique in its group. */
  fingerprint: string;
}

export interface SecurityGroupsTables {
  security_groups: SecurityGroupRow;
  security_group_rules: SecurityGroupRuleRow;
  /** One per project: the key decides who makes it. */
  default_security_groups: { project_id: string; security_group_id: string };
}

export const securityGroupsMigrations: Migrations = {
  'network-0003-security-groups': {
    up: async (db) => {
      await standardColumns(db.schema.createTable('security_groups').ifNotExists())
        .addColumn('name', columns.name, (c) => c.notNull())
        .addColumn('stateful', columns.bit, (c) => c.notNull())
        .execute();
      await db.schema
        .createIndex('security_groups_project')
        .ifNotExists()
        .on('security_groups')
        .column('project_id')
        .execute();
      await standardColumns(db.schema.createTable('security_group_rules').ifNotExists())
        .addColumn('security_group_id', columns.id, (c) => c.notNull().references('security_groups.id'))
        .addColumn('direction', 'varchar(8)', (c) => c.notNull())
        .addColumn('ethertype', 'varchar(4)', (c) => c.notNull())
        .addColumn('protocol', 'varchar(40)')
        .addColumn('port_range_min', columns.int)
        .addColumn('port_range_max', columns.int)
        .addColumn('remote_ip_prefix', 'varchar(64)')
        .addColumn('remote_group_id', columns.id)
        .addColumn('remote_address_group_id', columns.id)
        .addColumn('fingerprint', columns.name, (c) => c.notNull())
        .addUniqueConstraint('security_group_rules_same', ['security_group_id', 'fingerprint'])
        .execute();
      for (const column of ['project_id', 'remote_group_id', 'remote_address_group_id'])
        await db.schema
          .createIndex(`security_group_rules_${column}`)
          .ifNotExists()
          .on('security_group_rules')
          .column(column)
          .execute();
      await db.schema
        .createTable('default_security_groups')
        .ifNotExists()
        .addColumn('project_id', columns.name, (c) => c.primaryKey())
        .addColumn('security_group_id', columns.id, (c) => c.notNull().references('security_groups.id'))
        .execute();
    },
    down: async (db) => {
      for (const table of ['default_security_groups', 'security_group_rules', 'security_groups'])
        await db.schema.dropTable(table).ifExists().execute();
    },
  },
};
