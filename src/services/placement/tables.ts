import { columns } from '#kernel/db/columns.ts';
import type { Db } from '#kernel/db/database.ts';
import type { EpochMs } from '#kernel/db/json.ts';
import { addIndexes, type Migrations } from '#kernel/db/migrate.ts';

export interface ProviderRow {
  id: string;
  name: string;
  /** Rises with each change of inventories, traits, aggregates or allocations: clients write under its condition. */
  generation: number;
  parent_id: string | null;
  root_id: string;
  created_at: EpochMs;
  updated_at: EpochMs;
}

export interface InventoryRow {
  provider_id: string;
  resource_class: string;
  total: number;
  reserved: number;
  min_unit: number;
  max_unit: number;
  step_size: number;
  allocation_ratio: number;
  /** The sum of the allocations, kept in the same transaction: a claim is one conditional update of it. */
  used: number;
  created_at: EpochMs;
  updated_at: EpochMs;
}

export interface ProviderTraitRow {
  provider_id: string;
  trait: string;
}

export interface ProviderAggregateRow {
  provider_id: string;
  aggregate_id: string;
}

/** A custom trait or resource class; the standard ones are in `standard-names.ts`. */
export interface CustomNameRow {
  name: string;
  created_at: EpochMs;
  updated_at: EpochMs;
}

export interface ConsumerRow {
  id: string;
  project_id: string;
  user_id: string;
  consumer_type: string | null;
  generation: number;
  created_at: EpochMs;
  updated_at: EpochMs;
}

export interface AllocationRow {
  consumer_id: string;
  provider_id: string;
  resource_class: string;
  used: number;
  created_at: EpochMs;
}

export interface PlacementTables {
  placement_providers: ProviderRow;
  placement_inventories: InventoryRow;
  placement_provider_traits: ProviderTraitRow;
  placement_provider_aggregates: ProviderAggregateRow;
  placement_traits: CustomNameRow;
  placement_resource_classes: CustomNameRow;
  placement_consumers: ConsumerRow;
  placement_allocations: AllocationRow;
}

const TABLES = [
  'placement_allocations',
  'placement_consumers',
  'placement_resource_classes',
  'placement_traits',
  'placement_provider_aggregates',
  'placement_provider_traits',
  'placement_inventories',
  'placement_providers',
] as const;

export const placementMigrations: Migrations = {
  'placement-0001-placement': {
    up: async (db) => {
      await createProviderTables(db as Db);
      await createNameTables(db as Db);
      await createAllocationTables(db as Db);
    },
    down: async (db) => {
      for (const table of TABLES) await db.schema.dropTable(table).ifExists().execute();
    },
  },
  'placement-0002-indexes': addIndexes([
    ['placement_providers_parent', 'placement_providers', ['parent_id']],
    ['placement_providers_listed', 'placement_providers', ['created_at', 'id']],
  ]),
};

async function createProviderTables(db: Db): Promise<void> {
  await db.schema
    .createTable('placement_providers')
    .ifNotExists()
    .addColumn('id', columns.id, (c) => c.primaryKey())
    .addColumn('name', columns.name, (c) => c.notNull().unique())
    .addColumn('generation', columns.big, (c) => c.notNull())
    .addColumn('parent_id', columns.id)
    .addColumn('root_id', columns.id, (c) => c.notNull())
    .addColumn('created_at', columns.big, (c) => c.notNull())
    .addColumn('updated_at', columns.big, (c) => c.notNull())
    .execute();
  await db.schema
    .createIndex('placement_providers_root')
    .ifNotExists()
    .on('placement_providers')
    .column('root_id')
    .execute();
  await db.schema
    .createTable('placement_inventories')
    .ifNotExists()
    .addColumn('provider_id', columns.id, (c) => c.notNull())
    .addColumn('resource_class', columns.name, (c) => c.notNull())
    .addColumn('total', columns.big, (c) => c.notNull())
    .addColumn('reserved', columns.big, (c) => c.notNull())
    .addColumn('min_unit', columns.big, (c) => c.notNull())
    .addColumn('max_unit', columns.big, (c) => c.notNull())
    .addColumn('step_size', columns.big, (c) => c.notNull())
    .addColumn('allocation_ratio', 'double precision', (c) => c.notNull())
    .addColumn('used', columns.big, (c) => c.notNull())
    .addColumn('created_at', columns.big, (c) => c.notNull())
    .addColumn('updated_at', columns.big, (c) => c.notNull())
    .addPrimaryKeyConstraint('placement_inventories_pk', ['provider_id', 'resource_class'])
    .execute();
  await db.schema
    .createTable('placement_provider_traits')
    .ifNotExists()
    .addColumn('provider_id', columns.id, (c) => c.notNull())
    .addColumn('trait', columns.name, (c) => c.notNull())
    .addPrimaryKeyConstraint('placement_provider_traits_pk', ['provider_id', 'trait'])
    .execute();
  await db.schema
    .createIndex('placement_provider_traits_trait')
    .ifNotExists()
    .on('placement_provider_traits')
    .column('trait')
    .execute();
  await db.schema
    .createTable('placement_provider_aggregates')
    .ifNotExists()
    .addColumn('provider_id', columns.id, (c) => c.notNull())
    .addColumn('aggregate_id', columns.id, (c) => c.notNull())
    .addPrimaryKeyConstraint('placement_provider_aggregates_pk', ['provider_id', 'aggregate_id'])
    .execute();
}

async function createNameTables(db: Db): Promise<void> {
  for (const table of ['placement_traits', 'placement_resource_classes']) {
    await db.schema
      .createTable(table)
      .ifNotExists()
      .addColumn('name', columns.name, (c) => c.primaryKey())
      .addColumn('created_at', columns.big, (c) => c.notNull())
      .addColumn('updated_at', columns.big, (c) => c.notNull())
      .execute();
  }
}

async function createAllocationTables(db: Db): Promise<void> {
  await db.schema
    .createTable('placement_consumers')
    .ifNotExists()
    .addColumn('id', columns.id, (c) => c.primaryKey())
    .addColumn('project_id', columns.name, (c) => c.notNull())
    .addColumn('user_id', columns.name, (c) => c.notNull())
    .addColumn('consumer_type', columns.name)
    .addColumn('generation', columns.big, (c) => c.notNull())
    .addColumn('created_at', columns.big, (c) => c.notNull())
    .addColumn('updated_at', columns.big, (c) => c.notNull())
    .execute();
  await db.schema
    .createIndex('placement_consumers_owner')
    .ifNotExists()
    .on('placement_consumers')
    .columns(['project_id', 'user_id'])
    .execute();
  await db.schema
    .createTable('placement_allocations')
    .ifNotExists()
    .addColumn('consumer_id', columns.id, (c) => c.notNull())
    .addColumn('provider_id', columns.id, (c) => c.notNull())
    .addColumn('resource_class', columns.name, (c) => c.notNull())
    .addColumn('used', columns.big, (c) => c.notNull())
    .addColumn('created_at', columns.big, (c) => c.notNull())
    .addPrimaryKeyConstraint('placement_allocations_pk', ['consumer_id', 'provider_id', 'resource_class'])
    .execute();
  await db.schema
    .createIndex('placement_allocations_provider')
    .ifNotExists()
    .on('placement_allocations')
    .columns(['provider_id', 'resource_class'])
    .execute();
}
