import { columns } from '#kernel/db/columns.ts';
import type { Bit, EpochMs, JsonText } from '#kernel/db/json.ts';
import type { Migrations } from '#kernel/db/migrate.ts';
import type { DomainId, ProjectId, UserId } from '#kernel/ids.ts';

export interface UserTables {
  users: UserRow;
  user_passwords: PasswordRow;
}

export interface UserRow {
  id: UserId;
  domain_id: DomainId;
  /** Null for a federated user, whose name is its provider's business and need not be unique. */
  name: string | null;
  enabled: Bit;
  default_project_id: ProjectId | null;
  options: JsonText<UserOptions>;
  extra: JsonText<Record<string, unknown>>;
  failed_auth_count: number;
  failed_auth_at: EpochMs | null;
  created_at: EpochMs;
  last_active_at: EpochMs | null;
}

/** Keystone's resource options of a user. */
export interface UserOptions {
  readonly ignore_change_password_upon_first_use?: boolean | null;
  readonly ignore_password_expiry?: boolean | null;
  readonly ignore_lockout_failure_attempts?: boolean | null;
  readonly ignore_user_inactivity?: boolean | null;
  readonly lock_password?: boolean | null;
  readonly multi_factor_auth_enabled?: boolean | null;
  readonly multi_factor_auth_rules?: readonly (readonly string[])[] | null;
  readonly [option: string]: unknown;
}

export interface PasswordRow {
  id: string;
  user_id: UserId;
  password_hash: string;
  /** Whether the user chose it; only those count for the minimum age. */
  self_service: Bit;
  created_at: EpochMs;
  expires_at: EpochMs | null;
}

export const userMigrations: Migrations = {
  'identity-0002-users': {
    up: async (db) => {
      await db.schema
        .createTable('users')
        .ifNotExists()
        .addColumn('id', 'varchar(64)', (c) => c.primaryKey())
        .addColumn('domain_id', 'varchar(64)', (c) => c.notNull())
        .addColumn('name', columns.name)
        .addColumn('enabled', columns.bit, (c) => c.notNull())
        .addColumn('default_project_id', 'varchar(64)')
        .addColumn('options', columns.json, (c) => c.notNull())
        .addColumn('extra', columns.json, (c) => c.notNull())
        .addColumn('failed_auth_count', columns.int, (c) => c.notNull())
        .addColumn('failed_auth_at', columns.big)
        .addColumn('created_at', columns.big, (c) => c.notNull())
        .addColumn('last_active_at', columns.big)
        .addUniqueConstraint('users_name', ['domain_id', 'name'])
        .execute();
      await db.schema
        .createIndex('users_default_project')
        .ifNotExists()
        .on('users')
        .column('default_project_id')
        .execute();
      await db.schema
        .createTable('user_passwords')
        .ifNotExists()
        .addColumn('id', columns.id, (c) => c.primaryKey())
        .addColumn('user_id', 'varchar(64)', (c) => c.notNull().references('users.id').onDelete('cascade'))
        .addColumn('password_hash', columns.name, (c) => c.notNull())
        .addColumn('self_service', columns.bit, (c) => c.notNull())
        .addColumn('created_at', columns.big, (c) => c.notNull())
        .addColumn('expires_at', columns.big)
        .execute();
      await db.schema
        .createIndex('user_passwords_user')
        .ifNotExists()
        .on('user_passwords')
        .columns(['user_id', 'created_at'])
        .execute();
    },
    down: async (db) => {
      await db.schema.dropTable('user_passwords').ifExists().execute();
      await db.schema.dropTable('users').ifExists().execute();
    },
  },
};
