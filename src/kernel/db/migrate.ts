import { type Migration, type MigrationProvider, Migrator } from 'kysely/migration';
import { errorText } from '../errors.ts';
import type { Db } from './database.ts';

/**
 * Steps of the schema, by name. Names sort in the order of running and are never changed: `identity-0001-users`.
 * Each has an `up` and a `down`. For MariaDB, whose DDL is not transactional, a step must be able to run again
 * (`ifNotExists`).
 */
export type Migrations = Readonly<Record<string, Migration>>;

/**
 * Brings the schema to its newest form.
 * @throws {Error} naming the step that failed.
 */
export async function migrateUp(db: Db, migrations: Migrations): Promise<void> {
  finish(await createMigrator(db, migrations).migrateToLatest());
}

/** Takes back every step, leaving an empty database. */
export async function migrateDown(db: Db, migrations: Migrations): Promise<void> {
  const migrator = createMigrator(db, migrations);
  for (;;) {
    const result = await migrator.migrateDown();
    finish(result);
    if (result.results?.length === 0) return;
  }
}

function createMigrator(db: Db, migrations: Migrations): Migrator {
  const provider: MigrationProvider = { getMigrations: async () => ({ ...migrations }) };
  return new Migrator({ db, provider, allowUnorderedMigrations: true });
}

function finish(outcome: Awaited<ReturnType<Migrator['migrateToLatest']>>): void {
  if (outcome.error === undefined) return;
  const failed = outcome.results?.find((result) => result.status === 'Error')?.migrationName ?? 'an unknown step';
  throw new Error(`schema step ${failed} failed: ${errorText(outcome.error)}`, { cause: outcome.error });
}
