import { columns } from '#kernel/db/columns.ts';
import type { Bit } from '#kernel/db/json.ts';
import type { Migrations } from '#kernel/db/migrate.ts';
import type { Id, ProjectId, UserId } from '#kernel/ids.ts';
import type { RoleId } from '../roles/tables.ts';

export type ApplicationCredentialId = Id<'application credential'>;
export type AccessRuleId = Id<'access rule'>;

export interface ApplicationCredentialTables {
  application_credentials: ApplicationCredentialRow;
  application_credential_roles: { application_credential_id: ApplicationCredentialId; role_id: RoleId };
  access_rules: AccessRuleRow;
  application_credential_access_rules: {
    application_credential_id: ApplicationCredentialId;
    access_rule_id: AccessRuleId;
  };
}

export interface ApplicationCredentialRow {
  id: ApplicationCredentialId;
  name: string;
  user_id: UserId;
  project_id: ProjectId;
  description: string | null;
  secret_hash: string;
  /** In UTC with microseconds, as it is shown: `2026-01-02T03:04:05.678901`. */
  expires_at: string | null;
  unrestricted: Bit;
  /** 1 where the rules, even none, are all that it may do. */
  has_access_rules: Bit;
}

export interface AccessRuleRow {
  id: AccessRuleId;
  user_id: UserId;
  service: string;
  method: string;
  path: string;
}

export const applicationCredentialMigrations: Migrations = {
  'identity-0008-application-credentials': {
    up: async (db) => {
      await db.schema
        .createTable('application_credentials')
        .ifNotExists()
        .addColumn('id', 'varchar(64)', (c) => c.primaryKey())
        .addColumn('name', columns.name, (c) => c.notNull())
        .addColumn('user_id', 'varchar(64)', (c) => c.notNull().references('users.id').onDelete('cascade'))
        .addColumn('project_id', 'varchar(64)', (c) => c.notNull().references('projects.id').onDelete('cascade'))
        .addColumn('description', columns.text)
        .addColumn('secret_hash', columns.name, (c) => c.notNull())
        .addColumn('expires_at', 'varchar(32)')
        .addColumn('unrestricted', columns.bit, (c) => c.notNull())
        .addColumn('has_access_rules', columns.bit, (c) => c.notNull())
        .addUniqueConstraint('application_credentials_name', ['user_id', 'name'])
        .execute();
      await db.schema
        .createTable('application_credential_roles')
        .ifNotExists()
        .addColumn('application_credential_id', 'varchar(64)', (c) =>
          c.notNull().references('application_credentials.id').onDelete('cascade'),
        )
        .addColumn('role_id', 'varchar(64)', (c) => c.notNull().references('roles.id').onDelete('cascade'))
        .addPrimaryKeyConstraint('application_credential_roles_key', ['application_credential_id', 'role_id'])
        .execute();
      await db.schema
        .createTable('access_rules')
        .ifNotExists()
        .addColumn('id', 'varchar(64)', (c) => c.primaryKey())
        .addColumn('user_id', 'varchar(64)', (c) => c.notNull().references('users.id').onDelete('cascade'))
        .addColumn('service', 'varchar(64)', (c) => c.notNull())
        .addColumn('method', 'varchar(16)', (c) => c.notNull())
        .addColumn('path', columns.name, (c) => c.notNull())
        .addUniqueConstraint('access_rules_content', ['user_id', 'service', 'method', 'path'])
        .execute();
      await db.schema
        .createTable('application_credential_access_rules')
        .ifNotExists()
        .addColumn('application_credential_id', 'varchar(64)', (c) =>
          c.notNull().references('application_credentials.id').onDelete('cascade'),
        )
        .addColumn('access_rule_id', 'varchar(64)', (c) =>
          c.notNull().references('access_rules.id').onDelete('cascade'),
        )
        .addPrimaryKeyConstraint('application_credential_access_rules_key', [
          'application_credential_id',
          'access_rule_id',
        ])
        .execute();
    },
    down: async (db) => {
      for (const table of [
        'application_credential_access_rules',
        'access_rules',
        'application_credential_roles',
        'application_credentials',
      ])
        await db.schema.dropTable(table).ifExists().execute();
    },
  },
};
