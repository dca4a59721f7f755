import { type Migration, type MigrationProvider, Migrator } from 'kysely/migration';
import { errorText } from '../errors.ts';
import type { Db } from './database.ts';
import { isMissingTable } from './failures.ts';

/**
 * Steps of the schema, by name. Names sort in the order of running and are never changed: `identity-0001-users`.
 * Each has an `up` and a `down`. For MariaDB, whose DDL is not transactional, a step must be able to run again
 * (`ifNotExists`).
 */
export type Migrations = Readonly<Record<string, Migration>>;

/** Where Kysely notes which steps have been done. */
const STEPS_TABLE = 'kysely_migration';
/** One index: its name, its table and the columns. */
export type Index = readonly [name: string, table: string, columns: readonly string[]];

/** A step that adds indexes. */
export function addIndexes(indexes: readonly Index[]): Migration {
  return {
    up: async (db: Db) => {
      for (const [name, table, columns] of indexes)
        await db.schema
          .createIndex(name)
          .ifNotExists()
          .on(table)
          .columns([...columns])
          .execute();
    },
    down: async (db: Db) => {
      for (const [name, table] of indexes) await db.schema.dropIndex(name).ifExists().on(table).execute();
    },
  };
}

/**
 * Brings the schema to its newest form.
 * @throws {Error} naming the step that failed.
 */
export async function migrateUp(db: Db, migrations: Migrations): Promise<void> {
  finish(await createMigrator(db, { ...(await laterSteps(db, migrations)), ...migrations }).migrateToLatest());
}

/**
 * Steps that a newer program has done: several controllers of one database are brought up to date one after the other, so a
 * new step must leave what the version before it needs.
 */
async function laterSteps(db: Db, migrations: Migrations): Promise<Migrations> {
  const done = await (db as Db<{ [STEPS_TABLE]: { name: string } }>)
    .selectFrom(STEPS_TABLE)
    .select('name')
    .execute()
    .catch((error: unknown) => {
      // an empty database has not even that
      if (isMissingTable(error)) return [];
      throw error;
    });
  const later = done.filter(({ name }) => !Object.hasOwn(migrations, name));
  return Object.fromEntries(later.map(({ name }) => [name, { up: async () => undefined }]));
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
