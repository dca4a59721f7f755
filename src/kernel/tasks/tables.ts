import { columns } from '../db/columns.ts';
import type { Bit, EpochMs, JsonText } from '../db/json.ts';
import type { Migrations } from '../db/migrate.ts';

export interface TaskRow {
  id: string;
  /** Which table of steps: `compute.server.build`. */
  kind: string;
  /** The thing that it is about; tasks of one resource run one after the other, in the order of `sequence`. */
  resource_id: string;
  project_id: string | null;
  request_id: string;
  state: 'pending' | 'done' | 'failed';
  direction: 'forward' | 'undo';
  /** The step to run next (forward), or to undo next. */
  step: number;
  input: JsonText<unknown>;
  /** What the steps have found out so far. */
  data: JsonText<unknown>;
  error: JsonText<TaskError> | null;
  is_cancelled: Bit;
  attempts: number;
  next_try_at: EpochMs;
  deadline_at: EpochMs;
  lease_owner: string | null;
  lease_until: EpochMs;
  sequence: number;
  created_at: EpochMs;
  updated_at: EpochMs;
}

/** Why a task could not be done; shown to the resource's owner. */
export interface TaskError {
  readonly code: string;
  readonly message: string;
  /** The step that failed, by name. */
  readonly step: string;
}

export interface TaskTables {
  tasks: TaskRow;
}

export const taskMigrations: Migrations = {
  'kernel-0002-tasks': {
    up: async (db) => {
      await db.schema
        .createTable('tasks')
        .ifNotExists()
        .addColumn('id', columns.id, (c) => c.primaryKey())
        .addColumn('kind', columns.name, (c) => c.notNull())
        .addColumn('resource_id', columns.name, (c) => c.notNull())
        .addColumn('project_id', columns.id)
        .addColumn('request_id', columns.name, (c) => c.notNull())
        .addColumn('state', columns.name, (c) => c.notNull())
        .addColumn('direction', columns.name, (c) => c.notNull())
        .addColumn('step', columns.int, (c) => c.notNull())
        .addColumn('input', columns.json, (c) => c.notNull())
        .addColumn('data', columns.json, (c) => c.notNull())
        .addColumn('error', columns.json)
        .addColumn('is_cancelled', columns.bit, (c) => c.notNull())
        .addColumn('attempts', columns.int, (c) => c.notNull())
        .addColumn('next_try_at', columns.big, (c) => c.notNull())
        .addColumn('deadline_at', columns.big, (c) => c.notNull())
        .addColumn('lease_owner', columns.name)
        .addColumn('lease_until', columns.big, (c) => c.notNull())
        .addColumn('sequence', columns.big, (c) => c.notNull())
        .addColumn('created_at', columns.big, (c) => c.notNull())
        .addColumn('updated_at', columns.big, (c) => c.notNull())
        .execute();
      await db.schema.createIndex('tasks_due').ifNotExists().on('tasks').columns(['state', 'next_try_at']).execute();
      await db.schema
        .createIndex('tasks_resource')
        .ifNotExists()
        .on('tasks')
        .columns(['resource_id', 'sequence'])
        .execute();
      await db.schema
        .createIndex('tasks_finished')
        .ifNotExists()
        .on('tasks')
        .columns(['state', 'updated_at'])
        .execute();
    },
    down: (db) => db.schema.dropTable('tasks').ifExists().execute(),
  },
};
