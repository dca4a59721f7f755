import { columns } from '#kernel/db/columns.ts';
import type { EpochMs, JsonText } from '#kernel/db/json.ts';
import type { Migrations } from '#kernel/db/migrate.ts';

export type ImageTaskStatus = 'pending' | 'processing' | 'success' | 'failure';

/** An import as the tasks API shows it. The work itself is a task of the kernel's engine. */
export interface ImageTaskRow {
  id: string;
  type: 'import' | 'api_image_import';
  status: ImageTaskStatus;
  owner: string | null;
  input: JsonText<Readonly<Record<string, unknown>>>;
  result: JsonText<Readonly<Record<string, unknown>>> | null;
  message: string;
  image_id: string | null;
  request_id: string;
  user_id: string;
  /** Set once it has ended; the row is removed after that. */
  expires_at: EpochMs | null;
  created_at: EpochMs;
  updated_at: EpochMs;
}

export interface ImageTaskTables {
  image_tasks: ImageTaskRow;
}

export const imageTaskMigrations: Migrations = {
  'image-0002-tasks': {
    up: async (db) => {
      await db.schema
        .createTable('image_tasks')
        .ifNotExists()
        .addColumn('id', columns.id, (c) => c.primaryKey())
        .addColumn('type', columns.name, (c) => c.notNull())
        .addColumn('status', columns.name, (c) => c.notNull())
        .addColumn('owner', columns.name)
        .addColumn('input', columns.json, (c) => c.notNull())
        .addColumn('result', columns.json)
        .addColumn('message', columns.text, (c) => c.notNull())
        .addColumn('image_id', columns.id)
        .addColumn('request_id', columns.name, (c) => c.notNull())
        .addColumn('user_id', columns.name, (c) => c.notNull())
        .addColumn('expires_at', columns.big)
        .addColumn('created_at', columns.big, (c) => c.notNull())
        .addColumn('updated_at', columns.big, (c) => c.notNull())
        .execute();
      await db.schema
        .createIndex('image_tasks_created')
        .ifNotExists()
        .on('image_tasks')
        .columns(['created_at', 'id'])
        .execute();
      await db.schema.createIndex('image_tasks_image').ifNotExists().on('image_tasks').columns(['image_id']).execute();
      await db.schema
        .createIndex('image_tasks_expires')
        .ifNotExists()
        .on('image_tasks')
        .columns(['expires_at'])
        .execute();
    },
    down: (db) => db.schema.dropTable('image_tasks').ifExists().execute(),
  },
};
