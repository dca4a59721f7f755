import { columns } from '#kernel/db/columns.ts';
import type { EpochMs, JsonText } from '#kernel/db/json.ts';
import type { Migrations } from '#kernel/db/migrate.ts';

/** The flavor as it was when the server was made or last resized; later changes of the flavor do not touch the server. */
export interface ServerFlavor {
  readonly id: string;
  readonly name: string;
  readonly memoryMib: number;
  readonly vcpus: number;
  readonly rootGib: number;
  readonly ephemeralGib: number;
  readonly swapMib: number;
  readonly rxtxFactor: number;
  readonly extraSpecs: Readonly<Record<string, string>>;
}

export interface ServerRow {
  id: string;
  project_id: string;
  user_id: string;
  name: string;
  /** The host that has the guest; null before one is chosen and after it is given back. */
  host_id: string | null;
  flavor: JsonText<ServerFlavor>;
  /** Of the flavor, for counting. */
  vcpus: number;
  memory_mib: number;
  vm_state: string;
  task_state: string | null;
  created_at: EpochMs;
  updated_at: EpochMs;
  launched_at: EpochMs | null;
  terminated_at: EpochMs | null;
  /** Null while the server is there. Rows of deleted servers stay for usage reports and actions. */
  deleted_at: EpochMs | null;
}

export interface ServerTables {
  servers: ServerRow;
}

export const serverMigrations: Migrations = {
  'compute-0010-servers': {
    up: async (db) => {
      await db.schema
        .createTable('servers')
        .ifNotExists()
        .addColumn('id', columns.id, (c) => c.primaryKey())
        .addColumn('project_id', columns.id, (c) => c.notNull())
        .addColumn('user_id', columns.id, (c) => c.notNull())
        .addColumn('name', columns.name, (c) => c.notNull())
        .addColumn('host_id', columns.id)
        .addColumn('flavor', columns.json, (c) => c.notNull())
        .addColumn('vcpus', columns.int, (c) => c.notNull())
        .addColumn('memory_mib', columns.int, (c) => c.notNull())
        .addColumn('vm_state', columns.name, (c) => c.notNull())
        .addColumn('task_state', columns.name)
        .addColumn('created_at', columns.big, (c) => c.notNull())
        .addColumn('updated_at', columns.big, (c) => c.notNull())
        .addColumn('launched_at', columns.big)
        .addColumn('terminated_at', columns.big)
        .addColumn('deleted_at', columns.big)
        .execute();
      await db.schema
        .createIndex('servers_of_project')
        .ifNotExists()
        .on('servers')
        .columns(['project_id', 'deleted_at', 'created_at'])
        .execute();
      await db.schema
        .createIndex('servers_of_host')
        .ifNotExists()
        .on('servers')
        .columns(['host_id', 'deleted_at'])
        .execute();
    },
    down: (db) => db.schema.dropTable('servers').ifExists().execute(),
  },
};
