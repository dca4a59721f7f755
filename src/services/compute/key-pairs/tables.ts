import type { Generated } from 'kysely';
import { columns } from '#kernel/db/columns.ts';
import type { EpochMs } from '#kernel/db/json.ts';
import type { Migrations } from '#kernel/db/migrate.ts';

export interface KeyPairRow {
  number: Generated<number>;
  user_id: string;
  name: string;
  type: 'ssh' | 'x509';
  fingerprint: string;
  public_key: string;
  created_at: EpochMs;
}

export interface KeyPairTables {
  key_pairs: KeyPairRow;
}

export const keyPairMigrations: Migrations = {
  'compute-0004-key-pairs': {
    up: async (db) => {
      await db.schema
        .createTable('key_pairs')
        .ifNotExists()
        .addColumn('number', columns.int, (c) => c.primaryKey().autoIncrement())
        .addColumn('user_id', columns.name, (c) => c.notNull())
        .addColumn('name', columns.name, (c) => c.notNull())
        .addColumn('type', 'varchar(16)', (c) => c.notNull())
        .addColumn('fingerprint', columns.name, (c) => c.notNull())
        .addColumn('public_key', columns.text, (c) => c.notNull())
        .addColumn('created_at', columns.big, (c) => c.notNull())
        .addUniqueConstraint('key_pairs_name', ['user_id', 'name'])
        .execute();
    },
    down: (db) => db.schema.dropTable('key_pairs').ifExists().execute(),
  },
};
