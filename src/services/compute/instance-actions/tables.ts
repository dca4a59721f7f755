import type { Generated } from 'kysely';
import { columns } from '#kernel/db/columns.ts';
import type { EpochMs, JsonText } from '#kernel/db/json.ts';
import type { Migrations } from '#kernel/db/migrate.ts';

/** What somebody asked of a server, under the request's id. */
export interface ServerActionRow {
  /** Rises in the order of asking. */
  number: Generated<number>;
  server_id: string;
  request_id: string;
  /** Nova's word for it: `create`, `reboot`, `revertResize`. */
  action: string;
  user_id: string | null;
  project_id: string | null;
  started_at: EpochMs;
  updated_at: EpochMs;
  /** Why it failed, for the server's owner; null while it hasn't. */
  message: string | null;
}

/** A part of an action, on a host. */
export interface ServerActionEventRow {
  number: Generated<number>;
  server_id: string;
  request_id: string;
  /** Such as `compute__do_build_and_run_instance`. */
  event: string;
  host: string | null;
  started_at: EpochMs;
  finished_at: EpochMs | null;
  result: 'Success' | 'Error' | null;
  /** What went wrong in words; for administrators. */
  details: string | null;
  traceback: JsonText<unknown> | null;
}

export interface ServerActionTables {
  server_actions: ServerActionRow;
  server_action_events: ServerActionEventRow;
}

export const serverActionMigrations: Migrations = {
  'compute-0002-server-actions': {
    up: async (db) => {
      await db.schema
        .createTable('server_actions')
        .ifNotExists()
        .addColumn('number', columns.int, (c) => c.primaryKey().autoIncrement())
        .addColumn('server_id', columns.id, (c) => c.notNull())
        .addColumn('request_id', columns.name, (c) => c.notNull())
        .addColumn('action', columns.name, (c) => c.notNull())
        .addColumn('user_id', columns.id)
        .addColumn('project_id', columns.id)
        .addColumn('started_at', columns.big, (c) => c.notNull())
        .addColumn('updated_at', columns.big, (c) => c.notNull())
        .addColumn('message', columns.text)
        .addUniqueConstraint('server_actions_request', ['server_id', 'request_id'])
        .execute();
      await db.schema
        .createTable('server_action_events')
        .ifNotExists()
        .addColumn('number', columns.int, (c) => c.primaryKey().autoIncrement())
        .addColumn('server_id', columns.id, (c) => c.notNull())
        .addColumn('request_id', columns.name, (c) => c.notNull())
        .addColumn('event', columns.name, (c) => c.notNull())
        .addColumn('host', columns.name)
        .addColumn('started_at', columns.big, (c) => c.notNull())
        .addColumn('finished_at', columns.big)
        .addColumn('result', columns.name)
        .addColumn('details', columns.text)
        .addColumn('traceback', columns.json)
        .execute();
      await db.schema
        .createIndex('server_action_events_request')
        .ifNotExists()
        .on('server_action_events')
        .columns(['server_id', 'request_id'])
        .execute();
    },
    down: async (db) => {
      await db.schema.dropTable('server_action_events').ifExists().execute();
      await db.schema.dropTable('server_actions').ifExists().execute();
    },
  },
};
