import { columns } from '#kernel/db/columns.ts';
import type { EpochMs } from '#kernel/db/json.ts';
import type { Migrations } from '#kernel/db/migrate.ts';

export interface RevocationTables {
  revocation_events: RevocationRow;
}

/** Tokens issued up to `issued_before` that match every attribute that is set are void. */
export interface RevocationRow {
  id: string;
  audit_id: string | null;
  audit_chain_id: string | null;
  user_id: string | null;
  project_id: string | null;
  domain_id: string | null;
  trust_id: string | null;
  consumer_id: string | null;
  access_token_id: string | null;
  issued_before: EpochMs;
  revoked_at: EpochMs;
}

export const revocationMigrations: Migrations = {
  'identity-0007-revocation-events': {
    up: async (db) => {
      await db.schema
        .createTable('revocation_events')
        .ifNotExists()
        .addColumn('id', columns.id, (c) => c.primaryKey())
        .addColumn('audit_id', 'varchar(32)')
        .addColumn('audit_chain_id', 'varchar(32)')
        .addColumn('user_id', 'varchar(64)')
        .addColumn('project_id', 'varchar(64)')
        .addColumn('domain_id', 'varchar(64)')
        .addColumn('trust_id', 'varchar(64)')
        .addColumn('consumer_id', 'varchar(64)')
        .addColumn('access_token_id', 'varchar(64)')
        .addColumn('issued_before', columns.big, (c) => c.notNull())
        .addColumn('revoked_at', columns.big, (c) => c.notNull())
        .execute();
      await db.schema
        .createIndex('revocation_events_time')
        .ifNotExists()
        .on('revocation_events')
        .column('issued_before')
        .execute();
    },
    down: (db) => db.schema.dropTable('revocation_events').ifExists().execute(),
  },
};
