import { columns } from '#kernel/db/columns.ts';
import type { Migrations } from '#kernel/db/migrate.ts';
import { type StandardRow, standardColumns } from '../resources/tables.ts';

export type RbacObjectType = 'network' | 'security_group' | 'address_scope' | 'subnetpool' | 'address_group';

export interface RbacPolicyRow extends StandardRow {
  object_type: RbacObjectType;
  object_id: string;
  action: 'access_as_shared' | 'access_as_external';
  /** A project, or `*`. */
  target_project: string;
}

export interface RbacPoliciesTables {
  rbac_policies: RbacPolicyRow;
}

export const rbacPoliciesMigrations: Migrations = {
  'network-0010-rbac-policies': {
    up: async (db) => {
      await standardColumns(db.schema.createTable('rbac_policies').ifNotExists())
        .addColumn('object_type', 'varchar(32)', (c) => c.notNull())
        .addColumn('object_id', columns.id, (c) => c.notNull())
        .addColumn('action', 'varchar(32)', (c) => c.notNull())
        .addColumn('target_project', 'varchar(64)', (c) => c.notNull())
        .addUniqueConstraint('rbac_policies_same', ['object_id', 'action', 'target_project', 'object_type'])
        .execute();
    },
    down: (db) => db.schema.dropTable('rbac_policies').ifExists().execute(),
  },
};
