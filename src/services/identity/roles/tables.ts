import { columns } from '#kernel/db/columns.ts';
import type { JsonText } from '#kernel/db/json.ts';
import type { Migrations } from '#kernel/db/migrate.ts';
import type { DomainId, Id } from '#kernel/ids.ts';

export type RoleId = Id<'role'>;

export interface RoleTables {
  roles: RoleRow;
  implied_roles: { prior_role_id: RoleId; implied_role_id: RoleId };
}

export interface RoleRow {
  id: RoleId;
  /** Empty for a role of the whole cloud: unique keys do not hold for nulls. */
  domain_id: DomainId;
  name: string;
  description: string | null;
  options: JsonText<Record<string, unknown>>;
  extra: JsonText<Record<string, unknown>>;
}

export const roleMigrations: Migrations = {
  'identity-0004-roles': {
    up: async (db) => {
      await db.schema
        .createTable('roles')
        .ifNotExists()
        .addColumn('id', 'varchar(64)', (c) => c.primaryKey())
        .addColumn('domain_id', 'varchar(64)', (c) => c.notNull())
        .addColumn('name', columns.name, (c) => c.notNull())
        .addColumn('description', columns.text)
        .addColumn('options', columns.json, (c) => c.notNull())
        .addColumn('extra', columns.json, (c) => c.notNull())
        .addUniqueConstraint('roles_name', ['domain_id', 'name'])
        .execute();
      await db.schema
        .createTable('implied_roles')
        .ifNotExists()
        .addColumn('prior_role_id', 'varchar(64)', (c) => c.notNull().references('roles.id').onDelete('cascade'))
        .addColumn('implied_role_id', 'varchar(64)', (c) => c.notNull().references('roles.id').onDelete('cascade'))
        .addPrimaryKeyConstraint('implied_roles_key', ['prior_role_id', 'implied_role_id'])
        .execute();
    },
    down: async (db) => {
      await db.schema.dropTable('implied_roles').ifExists().execute();
      await db.schema.dropTable('roles').ifExists().execute();
    },
  },
};
