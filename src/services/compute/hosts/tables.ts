import type { Generated } from 'kysely';
import { columns } from '#kernel/db/columns.ts';
import type { Bit, EpochMs, JsonText } from '#kernel/db/json.ts';
import type { Migrations } from '#kernel/db/migrate.ts';
import type { HostFacts, HostNotice } from '#protocol/hosts.ts';

/** A host with a compute agent: compute's service record and hypervisor in one. */
export interface HostRow {
  id: string;
  /** What API versions before 2.53 call it. */
  number: Generated<number>;
  hostname: string;
  facts: JsonText<HostFacts>;
  notices: JsonText<readonly HostNotice[]>;
  /** Set by an operator: no new servers. */
  is_disabled: Bit;
  disabled_reason: string | null;
  /** Set by an operator: counts as down whatever its agent says. */
  is_forced_down: Bit;
  /** The last heartbeat. */
  last_seen_at: EpochMs;
  /** The desired revision of its guests that its last report had seen. */
  reported_revision: Generated<number>;
  created_at: EpochMs;
  updated_at: EpochMs;
}

export interface HostTables {
  hosts: HostRow;
}

export const hostMigrations: Migrations = {
  'compute-0011-hosts': {
    up: async (db) => {
      await db.schema
        .createTable('hosts')
        .ifNotExists()
        .addColumn('number', columns.int, (c) => c.primaryKey().autoIncrement())
        .addColumn('id', columns.id, (c) => c.notNull().unique())
        .addColumn('hostname', columns.name, (c) => c.notNull().unique())
        .addColumn('facts', columns.json, (c) => c.notNull())
        .addColumn('notices', columns.json, (c) => c.notNull())
        .addColumn('is_disabled', columns.bit, (c) => c.notNull())
        .addColumn('disabled_reason', columns.text)
        .addColumn('is_forced_down', columns.bit, (c) => c.notNull())
        .addColumn('last_seen_at', columns.big, (c) => c.notNull())
        .addColumn('created_at', columns.big, (c) => c.notNull())
        .addColumn('updated_at', columns.big, (c) => c.notNull())
        .execute();
    },
    down: (db) => db.schema.dropTable('hosts').ifExists().execute(),
  },
  'compute-0031-host-reported-revision': {
    up: (db) =>
      db.schema
        .alterTable('hosts')
        .addColumn('reported_revision', columns.big, (c) => c.notNull().defaultTo(0))
        .execute(),
    down: (db) => db.schema.alterTable('hosts').dropColumn('reported_revision').execute(),
  },
};
