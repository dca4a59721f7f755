import { columns } from '#kernel/db/columns.ts';
import type { EpochMs, JsonText } from '#kernel/db/json.ts';
import type { Migrations } from '#kernel/db/migrate.ts';
import type { Id, ProjectId, UserId } from '#kernel/ids.ts';

export type ConsumerId = Id<'consumer'>;

export interface Oauth1Tables {
  consumers: ConsumerRow;
  request_tokens: RequestTokenRow;
  access_tokens: AccessTokenRow;
}

/** A program that may ask users to act in their names. */
export interface ConsumerRow {
  id: ConsumerId;
  description: string | null;
  /** Sealed. */
  secret: string;
  extra: JsonText<Record<string, unknown>>;
}

export interface RequestTokenRow {
  id: string;
  /** Sealed. */
  secret: string;
  consumer_id: ConsumerId;
  project_id: ProjectId;
  /** Null until a user has authorized it. */
  verifier: string | null;
  user_id: UserId | null;
  role_ids: JsonText<readonly string[]>;
  expires_at: EpochMs;
}

export interface AccessTokenRow {
  id: string;
  /** Sealed. */
  secret: string;
  consumer_id: ConsumerId;
  project_id: ProjectId;
  user_id: UserId;
  role_ids: JsonText<readonly string[]>;
  expires_at: EpochMs | null;
}

export const oauth1Migrations: Migrations = {
  'identity-0015-oauth1': {
    up: async (db) => {
      await db.schema
        .createTable('consumers')
        .ifNotExists()
        .addColumn('id', 'varchar(64)', (c) => c.primaryKey())
        .addColumn('description', columns.text)
        .addColumn('secret', columns.text, (c) => c.notNull())
        .addColumn('extra', columns.json, (c) => c.notNull())
        .execute();
      await db.schema
        .createTable('request_tokens')
        .ifNotExists()
        .addColumn('id', 'varchar(64)', (c) => c.primaryKey())
        .addColumn('secret', columns.text, (c) => c.notNull())
        .addColumn('consumer_id', 'varchar(64)', (c) => c.notNull().references('consumers.id').onDelete('cascade'))
        .addColumn('project_id', 'varchar(64)', (c) => c.notNull().references('projects.id').onDelete('cascade'))
        .addColumn('verifier', 'varchar(64)')
        .addColumn('user_id', 'varchar(64)', (c) => c.references('users.id').onDelete('cascade'))
        .addColumn('role_ids', columns.json, (c) => c.notNull())
        .addColumn('expires_at', columns.big, (c) => c.notNull())
        .execute();
      await db.schema
        .createTable('access_tokens')
        .ifNotExists()
        .addColumn('id', 'varchar(64)', (c) => c.primaryKey())
        .addColumn('secret', columns.text, (c) => c.notNull())
        .addColumn('consumer_id', 'varchar(64)', (c) => c.notNull().references('consumers.id').onDelete('cascade'))
        .addColumn('project_id', 'varchar(64)', (c) => c.notNull().references('projects.id').onDelete('cascade'))
        .addColumn('user_id', 'varchar(64)', (c) => c.notNull().references('users.id').onDelete('cascade'))
        .addColumn('role_ids', columns.json, (c) => c.notNull())
        .addColumn('expires_at', columns.big)
        .execute();
    },
    down: async (db) => {
      for (const table of ['access_tokens', 'request_tokens', 'consumers'])
        await db.schema.dropTable(table).ifExists().execute();
    },
  },
};
