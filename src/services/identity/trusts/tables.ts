import { columns } from '#kernel/db/columns.ts';
import type { Bit } from '#kernel/db/json.ts';
import type { Migrations } from '#kernel/db/migrate.ts';
import type { Id, ProjectId, UserId } from '#kernel/ids.ts';
import type { RoleId } from '../roles/tables.ts';

export type TrustId = Id<'trust'>;

export interface TrustTables {
  trusts: TrustRow;
  trust_roles: { trust_id: TrustId; role_id: RoleId };
}

export interface TrustRow {
  id: TrustId;
  trustor_user_id: UserId;
  trustee_user_id: UserId;
  project_id: ProjectId | null;
  impersonation: Bit;
  /** In UTC with microseconds. */
  expires_at: string | null;
  /** Tokens that can still be had; null is no limit. */
  remaining_uses: number | null;
  /** The trust that this one passes on. */
  redelegated_trust_id: TrustId | null;
  /** How often it may be passed on. */
  redelegation_count: number;
}

export const trustMigrations: Migrations = {
  'identity-0009-trusts': {
    up: async (db) => {
      await db.schema
        .createTable('trusts')
        .ifNotExists()
        .addColumn('id', 'varchar(64)', (c) => c.primaryKey())
        .addColumn('trustor_user_id', 'varchar(64)', (c) => c.notNull().references('users.id').onDelete('cascade'))
        .addColumn('trustee_user_id', 'varchar(64)', (c) => c.notNull().references('users.id').onDelete('cascade'))
        .addColumn('project_id', 'varchar(64)', (c) => c.references('projects.id').onDelete('cascade'))
        .addColumn('impersonation', columns.bit, (c) => c.notNull())
        .addColumn('expires_at', 'varchar(32)')
        .addColumn('remaining_uses', columns.int)
        .addColumn('redelegated_trust_id', 'varchar(64)', (c) => c.references('trusts.id').onDelete('cascade'))
        .addColumn('redelegation_count', columns.int, (c) => c.notNull())
        .execute();
      await db.schema.createIndex('trusts_trustor').ifNotExists().on('trusts').column('trustor_user_id').execute();
      await db.schema.createIndex('trusts_trustee').ifNotExists().on('trusts').column('trustee_user_id').execute();
      await db.schema
        .createTable('trust_roles')
        .ifNotExists()
        .addColumn('trust_id', 'varchar(64)', (c) => c.notNull().references('trusts.id').onDelete('cascade'))
        .addColumn('role_id', 'varchar(64)', (c) => c.notNull().references('roles.id').onDelete('cascade'))
        .addPrimaryKeyConstraint('trust_roles_key', ['trust_id', 'role_id'])
        .execute();
    },
    down: async (db) => {
      await db.schema.dropTable('trust_roles').ifExists().execute();
      await db.schema.dropTable('trusts').ifExists().execute();
    },
  },
};
