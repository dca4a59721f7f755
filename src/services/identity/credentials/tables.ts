import { columns } from '#kernel/db/columns.ts';
import type { JsonText } from '#kernel/db/json.ts';
import type { Migrations } from '#kernel/db/migrate.ts';
import type { Id, ProjectId, UserId } from '#kernel/ids.ts';

export type CredentialId = Id<'credential'>;

export interface CredentialTables {
  credentials: CredentialRow;
}

export interface CredentialRow {
  /** The SHA-256 of the access key where it is for EC2. */
  id: CredentialId;
  user_id: UserId;
  project_id: ProjectId | null;
  /** Such as `ec2`, `totp`, `cert`. */
  type: string;
  /** Sealed with the credential keys. */
  sealed_blob: string;
  extra: JsonText<Record<string, unknown>>;
}

export const credentialMigrations: Migrations = {
  'identity-0010-credentials': {
    up: async (db) => {
      await db.schema
        .createTable('credentials')
        .ifNotExists()
        .addColumn('id', 'varchar(64)', (c) => c.primaryKey())
        .addColumn('user_id', 'varchar(64)', (c) => c.notNull())
        .addColumn('project_id', 'varchar(64)')
        .addColumn('type', columns.name, (c) => c.notNull())
        .addColumn('sealed_blob', columns.text, (c) => c.notNull())
        .addColumn('extra', columns.json, (c) => c.notNull())
        .execute();
      await db.schema.createIndex('credentials_user').ifNotExists().on('credentials').column('user_id').execute();
    },
    down: (db) => db.schema.dropTable('credentials').ifExists().execute(),
  },
};
