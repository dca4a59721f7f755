/** Sees from outside whether a database changes, and where. */
import { createHash } from 'node:crypto';
import Sqlite from 'better-sqlite3';

export interface TableWatch {
  /** Rises whenever anybody else commits a change. Costs nothing. */
  version(): number;
  /** A hash of each table's rows. */
  tables(): ReadonlyMap<string, string>;
  /** How many rows of a table fulfil a condition, which is SQL. */
  count(table: string, condition?: string): number;
  rows(sql: string): Record<string, unknown>[];
  close(): void;
}

/** Opens a second, reading connection to a SQLite file. */
export function watchTables(file: string): TableWatch {
  const sqlite = new Sqlite(file, { readonly: true });
  return {
    version: () => Number(sqlite.pragma('data_version', { simple: true })),
    tables() {
      const names = sqlite.prepare("select name from sqlite_master where type = 'table' order by name").pluck().all();
      return new Map(names.map((name) => [String(name), hashOf(sqlite, String(name))]));
    },
    count: (table, condition = '1 = 1') =>
      Number(sqlite.prepare(`select count(*) from "${table}" where ${condition}`).pluck().get()),
    rows: (sql) => sqlite.prepare(sql).all() as Record<string, unknown>[],
    close: () => sqlite.close(),
  };
}

function hashOf(sqlite: Sqlite.Database, table: string): string {
  const hash = createHash('sha1');
  for (const row of sqlite.prepare(`select * from "${table}"`).raw().iterate()) hash.update(JSON.stringify(row));
  return hash.digest('base64');
}
