import { columns } from '#kernel/db/columns.ts';
import type { EpochMs } from '#kernel/db/json.ts';
import type { Migrations } from '#kernel/db/migrate.ts';

/** A right to look at one server's console for a while. The token itself is not kept. */
export interface ConsoleTokenRow {
  /** SHA-256 in hexadecimal digits. */
  token_hash: string;
  server_id: string;
  type: string;
  expires_at: EpochMs;
}

export interface ConsoleTables {
  console_tokens: ConsoleTokenRow;
}

export const consoleMigrations: Migrations = {
  'compute-0006-consoles': {
    up: async (db) => {
      await db.schema
        .createTable('console_tokens')
        .ifNotExists()
        .addColumn('token_hash', 'varchar(64)', (c) => c.primaryKey())
        .addColumn('server_id', columns.id, (c) => c.notNull())
        .addColumn('type', 'varchar(32)', (c) => c.notNull())
        .addColumn('expires_at', columns.big, (c) => c.notNull())
        .execute();
      await db.schema
        .createIndex('console_tokens_expiry')
        .ifNotExists()
        .on('console_tokens')
        .columns(['expires_at'])
        .execute();
    },
    down: (db) => db.schema.dropTable('console_tokens').ifExists().execute(),
  },
};
