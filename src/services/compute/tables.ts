import { addIndexes, type Migrations } from '#kernel/db/migrate.ts';
import type { RevisionTables } from '#kernel/events/revisions.ts';
import type { TaskTables } from '#kernel/tasks/tables.ts';
import { type AggregateTables, aggregateMigrations } from './aggregates/tables.ts';
import { type ConsoleTables, consoleMigrations } from './consoles/tables.ts';
import { type FlavorTables, flavorMigrations } from './flavors/tables.ts';
import { type HostTables, hostMigrations } from './hosts/tables.ts';
import { type ServerActionTables, serverActionMigrations } from './instance-actions/tables.ts';
import { type KeyPairTables, keyPairMigrations } from './key-pairs/tables.ts';
import { type MigrationTables, migrationMigrations } from './migrations/tables.ts';
import { type QuotaTables, quotaMigrations } from './quotas/tables.ts';
import { type ServerGroupTables, serverGroupMigrations } from './server-groups/tables.ts';
import { type ServerTables, serverMigrations } from './servers/tables.ts';

/** Every table that compute may touch: each slice adds its own. */
export type ComputeTables = RevisionTables &
  TaskTables &
  AggregateTables &
  ConsoleTables &
  FlavorTables &
  HostTables &
  KeyPairTables &
  MigrationTables &
  QuotaTables &
  ServerActionTables &
  ServerGroupTables &
  ServerTables;

/** Every step of compute's schema. */
const indexMigrations: Migrations = {
  'compute-0030-indexes-of-lists': addIndexes([['server_groups_listed', 'server_groups', ['created_at', 'id']]]),
};

export const computeMigrations: Migrations = {
  ...flavorMigrations,
  ...serverActionMigrations,
  ...quotaMigrations,
  ...keyPairMigrations,
  ...serverGroupMigrations,
  ...serverMigrations,
  ...hostMigrations,
  ...aggregateMigrations,
  ...consoleMigrations,
  ...migrationMigrations,
  ...indexMigrations,
};
