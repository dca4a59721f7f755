import { columns } from '#kernel/db/columns.ts';
import type { Migrations } from '#kernel/db/migrate.ts';

export interface SharedStateTables {
  shared_secrets: {
    name: string;
    /** Counts the changes, from 1. */
    revision: number;
    /** Readable only with the cloud's key, see `seal.ts`. */
    sealed: string;
  };
}

export const sharedStateMigrations: Migrations = {
  'kernel-0010-shared-secrets': {
    up: async (db) => {
      await db.schema
        .createTable('shared_secrets')
        .ifNotExists()
        .addColumn('name', columns.name, (c) => c.primaryKey())
        .addColumn('revision', columns.big, (c) => c.notNull())
        .addColumn('sealed', columns.text, (c) => c.notNull())
        .execute();
    },
    down: (db) => db.schema.dropTable('shared_secrets').ifExists().execute(),
  },
};
