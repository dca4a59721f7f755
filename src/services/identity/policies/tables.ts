import { columns } from '#kernel/db/columns.ts';
import type { JsonText } from '#kernel/db/json.ts';
import type { Migrations } from '#kernel/db/migrate.ts';
import type { Id } from '#kernel/ids.ts';

export type PolicyId = Id<'policy'>;

export interface PolicyTables {
  policies: PolicyRow;
  policy_associations: PolicyAssociationRow;
}

/** A document that identity keeps for others; it means nothing here. */
export interface PolicyRow {
  id: PolicyId;
  type: string;
  blob: string;
  extra: JsonText<Record<string, unknown>>;
}

/** To an endpoint, to a service, or to a service in a region; each has one policy at most. */
export interface PolicyAssociationRow {
  policy_id: PolicyId;
  /** Empty where it does not count: unique keys do not hold for nulls. */
  endpoint_id: string;
  service_id: string;
  region_id: string;
}

export const policyMigrations: Migrations = {
  'identity-0011-policies': {
    up: async (db) => {
      await db.schema
        .createTable('policies')
        .ifNotExists()
        .addColumn('id', 'varchar(64)', (c) => c.primaryKey())
        .addColumn('type', columns.name, (c) => c.notNull())
        .addColumn('blob', columns.text, (c) => c.notNull())
        .addColumn('extra', columns.json, (c) => c.notNull())
        .execute();
      await db.schema
        .createTable('policy_associations')
        .ifNotExists()
        .addColumn('policy_id', 'varchar(64)', (c) => c.notNull().references('policies.id').onDelete('cascade'))
        .addColumn('endpoint_id', 'varchar(64)', (c) => c.notNull())
        .addColumn('service_id', 'varchar(64)', (c) => c.notNull())
        .addColumn('region_id', columns.name, (c) => c.notNull())
        .addPrimaryKeyConstraint('policy_associations_key', ['endpoint_id', 'service_id', 'region_id'])
        .execute();
    },
    down: async (db) => {
      await db.schema.dropTable('policy_associations').ifExists().execute();
      await db.schema.dropTable('policies').ifExists().execute();
    },
  },
};
