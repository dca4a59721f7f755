/**
 * Every row of the database as it was at one instant, read while others go on writing.
 *
 * What comes out is the same for every kind of database, so that a copy taken of one can be put into another.
 */
import Sqlite from 'better-sqlite3';
import type { DatabaseOptions } from './database.ts';
import type { MysqlOptions } from './mysql/address.ts';
import { openMysqlSnapshot } from './mysql/copy.ts';
import type { SqliteOptions } from './sqlite.ts';

/** A row as it is kept in a copy: column → value. */
export type Row = Readonly<Record<string, string | number | Buffer | null>>;

export interface Snapshot {
  /** Every table but the schema's own records, sorted. */
  readonly tables: readonly string[];
  /** Names of the schema's steps that had been done. */
  readonly schemaSteps: readonly string[];
  /** The table's rows, at most {@link ROWS_AT_A_TIME} at a time. */
  rows(table: string): AsyncIterable<readonly Row[]>;
  close(): Promise<void>;
}

/** Rows in memory at a time. More makes no difference in speed. */
export const ROWS_AT_A_TIME = 1_000;
/** The tables in which Kysely's migrator notes which steps have been done. */
const SCHEMA_TABLES = ['kysely_migration', 'kysely_migration_lock'];

/**
 * Opens a snapshot; the database may be in use, and stays so.
 * @throws {Error} when there is no database.
 */
export async function openSnapshot(options: DatabaseOptions): Promise<Snapshot> {
  return options.kind === 'mysql' ? openOnMysql(options) : openOnSqlite(options);
}

async function openOnMysql(options: MysqlOptions): Promise<Snapshot> {
  const { tables, rows, close } = await openMysqlSnapshot(options);
  const schemaSteps: string[] = [];
  for await (const row of rows('kysely_migration')) schemaSteps.push(String(row['name']));
  return {
    tables: tables.filter((name) => !SCHEMA_TABLES.includes(name)).toSorted(),
    schemaSteps: schemaSteps.toSorted(),
    rows: (table) => inPortions(rows(table)),
    close,
  };
}

async function openOnSqlite(options: SqliteOptions): Promise<Snapshot> {
  const sqlite = new Sqlite(options.file, { fileMustExist: true, readonly: true });
  try {
    // a read transaction sees one instant; it begins with the first read
    sqlite.exec('begin');
    const all = sqlite
      .prepare<[], { name: string }>(
        `select name from sqlite_schema where type = 'table' and name not like 'sqlite\\_%' escape '\\'`,
      )
      .all()
      .map(({ name }) => name);
    const steps = sqlite.prepare<[], { name: string }>('select name from kysely_migration order by name').all();
    return {
      tables: all.filter((name) => !SCHEMA_TABLES.includes(name)).sort(),
      schemaSteps: steps.map(({ name }) => name),
      rows: (table) => inPortions(sqlite.prepare<[], Row>(`select * from ${quote(table)}`).iterate()),
      close: async () => void sqlite.close(),
    };
  } catch (error) {
    sqlite.close();
    throw error;
  }
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

async function* inPortions(rows: Iterable<Row> | AsyncIterable<Row>): AsyncIterable<readonly Row[]> {
  let portion: Row[] = [];
  for await (const row of rows) {
    portion.push(row);
    if (portion.length < ROWS_AT_A_TIME) continue;
    yield portion;
    portion = [];
  }
  if (portion.length > 0) yield portion;
}
