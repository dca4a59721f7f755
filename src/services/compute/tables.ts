import type { Migrations } from '#kernel/db/migrate.ts';
import type { RevisionTables } from '#kernel/events/revisions.ts';
import type { TaskTables } from '#kernel/tasks/tables.ts';
import { type FlavorTables, flavorMigrations } from './flavors/tables.ts';

/** Every table that compute may touch: each slice adds its own. */
export type ComputeTables = RevisionTables & TaskTables & FlavorTables;

/** Every step of compute's schema. */
export const computeMigrations: Migrations = { ...flavorMigrations };
