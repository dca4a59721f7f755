/** Putting a copy's rows into a database that is not in use. */
import { sql } from 'kysely';
import type { DatabaseOptions, Db } from './database.ts';
import { type Migrations, migrateUp } from './migrate.ts';
import { mysqlForeignKeys } from './mysql/copy.ts';
import type { Row } from './snapshot.ts';

/** Values in one statement: SQLite takes 32,766. */
const MAX_VALUES = 30_000;
/** Rows in one statement: with the longest rows there are it stays below the 16 MiB that MariaDB takes. */
const MAX_ROWS = 100;

/** Rows of one table, as they come out of a copy. */
export interface Portion {
  readonly table: string;
  readonly rows: readonly Row[];
}

export interface Copy {
  /** The steps of the schema that had been done then. */
  readonly schemaSteps: readonly string[];
  readonly tables: readonly string[];
  /** Gives all rows to `insert`, in any order. */
  load(insert: (portion: Portion) => Promise<void>): Promise<void>;
}

/**
 * Fills an empty database with a copy and brings it to the newest schema.
 *
 * The schema is first made as it was when the copy was taken; what its steps put into tables themselves gives way to the copy.
 * @throws {Error} when a step is not known here (the copy is of a newer program), or when a row refers to one that is not there.
 */
export async function loadCopy(
  db: Db,
  kind: DatabaseOptions['kind'],
  migrations: Migrations,
  copy: Copy,
): Promise<void> {
  const unknown = copy.schemaSteps.filter((name) => !Object.hasOwn(migrations, name));
  if (unknown.length > 0) {
    throw new Error(
      `the copy was made by a newer version of Pileus (its schema has ${unknown.join(', ')}): restore it with that version`,
    );
  }
  const then = Object.entries(migrations).filter(([name]) => copy.schemaSteps.includes(name));
  await migrateUp(db, Object.fromEntries(then));
  const known = new Set(copy.tables);
  await db.connection().execute(async (connection) => {
    await foreignKeys[kind].ignore(connection);
    for (const table of copy.tables) await sql`delete from ${sql.table(table)}`.execute(connection);
    await copy.load(async (portion) => {
      if (!known.has(portion.table))
        throw new Error(`the copy has rows of ${portion.table}, which is none of its tables`);
      await insert(connection, portion);
    });
    await foreignKeys[kind].check(connection);
  });
  await migrateUp(db, migrations);
}

async function insert(db: Db, { table, rows }: Portion): Promise<void> {
  const [first] = rows;
  if (first === undefined) return;
  const names = Object.keys(first);
  const columns = sql.join(names.map((name) => sql.ref(name)));
  const atATime = Math.min(MAX_ROWS, Math.max(1, Math.floor(MAX_VALUES / names.length)));
  for (let from = 0; from < rows.length; from += atATime) {
    const tuples = rows
      .slice(from, from + atATime)
      .map((row) => sql`(${sql.join(names.map((name) => row[name] ?? null))})`);
    await sql`insert into ${sql.table(table)} (${columns}) values ${sql.join(tuples)}`.execute(db);
  }
}

/** Rows come table by table, so that a row may come before the one it refers to. */
const foreignKeys: Record<DatabaseOptions['kind'], { ignore(db: Db): Promise<void>; check(db: Db): Promise<void> }> = {
  sqlite: {
    async ignore(db) {
      await sql`pragma foreign_keys = off`.execute(db);
    },
    async check(db) {
      const { rows } = await sql<{ table: string; parent: string }>`pragma foreign_key_check`.execute(db);
      await sql`pragma foreign_keys = on`.execute(db);
      const [broken] = rows;
      if (broken !== undefined) {
        throw new Error(
          `${rows.length} rows refer to what is not there, the first in ${broken.table} to ${broken.parent}`,
        );
      }
    },
  },
  mysql: mysqlForeignKeys,
};
