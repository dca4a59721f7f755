import { columns } from '../db/columns.ts';
import type { EpochMs } from '../db/json.ts';
import type { Migrations } from '../db/migrate.ts';

/** That this database was put back from a backup. */
export interface RestorationRow {
  id: string;
  /** When the backup was taken: whatever was made after it is unknown here. */
  taken_at: EpochMs;
  restored_at: EpochMs;
  /** When an operator said that what is unknown here may go; null before. */
  accepted_at: EpochMs | null;
}

export interface RestorationTables {
  restorations: RestorationRow;
}

export const restorationMigrations: Migrations = {
  'kernel-0003-restorations': {
    up: async (db) => {
      await db.schema
        .createTable('restorations')
        .ifNotExists()
        .addColumn('id', columns.id, (c) => c.primaryKey())
        .addColumn('taken_at', columns.big, (c) => c.notNull())
        .addColumn('restored_at', columns.big, (c) => c.notNull())
        .addColumn('accepted_at', columns.big)
        .execute();
    },
    down: (db) => db.schema.dropTable('restorations').ifExists().execute(),
  },
};
