import type { Generated } from 'kysely';
import { columns } from '#kernel/db/columns.ts';
import type { EpochMs } from '#kernel/db/json.ts';
import type { Migrations } from '#kernel/db/migrate.ts';

export interface AggregateRow {
  /** What the API calls its id. */
  number: Generated<number>;
  uuid: string;
  name: string;
  created_at: EpochMs;
  updated_at: EpochMs | null;
}

export interface AggregateTables {
  aggregates: AggregateRow;
  /** The metadata `availability_zone` makes the aggregate a zone. */
  aggregate_metadata: { aggregate: number; name: string; value: string };
  aggregate_hosts: { aggregate: number; host_id: string };
}

export const aggregateMigrations: Migrations = {
  'compute-0012-aggregates': {
    up: async (db) => {
      await db.schema
        .createTable('aggregates')
        .ifNotExists()
        .addColumn('number', columns.int, (c) => c.primaryKey().autoIncrement())
        .addColumn('uuid', columns.id, (c) => c.notNull().unique())
        .addColumn('name', columns.name, (c) => c.notNull().unique())
        .addColumn('created_at', columns.big, (c) => c.notNull())
        .addColumn('updated_at', columns.big)
        .execute();
      await db.schema
        .createTable('aggregate_metadata')
        .ifNotExists()
        .addColumn('aggregate', columns.int, (c) => c.notNull().references('aggregates.number').onDelete('cascade'))
        .addColumn('name', columns.name, (c) => c.notNull())
        .addColumn('value', columns.name, (c) => c.notNull())
        .addPrimaryKeyConstraint('aggregate_metadata_pk', ['aggregate', 'name'])
        .execute();
      await db.schema
        .createTable('aggregate_hosts')
        .ifNotExists()
        .addColumn('aggregate', columns.int, (c) => c.notNull().references('aggregates.number').onDelete('cascade'))
        .addColumn('host_id', columns.id, (c) => c.notNull())
        .addPrimaryKeyConstraint('aggregate_hosts_pk', ['aggregate', 'host_id'])
        .execute();
      await db.schema
        .createIndex('aggregate_hosts_host')
        .ifNotExists()
        .on('aggregate_hosts')
        .columns(['host_id'])
        .execute();
    },
    down: async (db) => {
      await db.schema.dropTable('aggregate_hosts').ifExists().execute();
      await db.schema.dropTable('aggregate_metadata').ifExists().execute();
      await db.schema.dropTable('aggregates').ifExists().execute();
    },
  },
};
