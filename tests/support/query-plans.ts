/**
 * What the database does for a statement: whether its time grows with the tables.
 *
 * SQLite plans without statistics, here as in production (nobody runs ANALYZE), as if every table were large: so the plans of an
 * empty database with the program's schema are those of a large one.
 */
import type Sqlite from 'better-sqlite3';

/** One table that a statement reads from its beginning to its end. */
export interface FullScan {
  readonly table: string;
  readonly sql: string;
  /** SQLite's own words. */
  readonly plan: string;
}

/** Tables that stay small, and statements that may read a large one as a whole; each with its reason. */
export interface Exceptions {
  /** By table: why it cannot grow large. */
  readonly smallTables: Readonly<Record<string, string>>;
  readonly scans: readonly { readonly table: string; readonly sql: string; readonly reason: string }[];
}

interface PlanRow {
  readonly detail: string;
}

/**
 * The full scans of a statement. Walking an index in the order that a page wants, until the page is full, is none.
 * @throws when the statement does not fit the schema.
 */
export function fullScansOf(sqlite: Sqlite.Database, sql: string, tables: ReadonlySet<string>): FullScan[] {
  if (sql.endsWith('-- dump')) return [];
  if (!/^\s*(?:select|insert|update|delete|with|replace)\b/i.test(sql)) return [];
  const statement = sqlite.prepare(`explain query plan ${sql}`);
  const plan = (statement.all(...placeholdersOf(sql)) as PlanRow[]).map(({ detail }) => detail);
  const text = plan.join('; ');
  const isPage = / limit \?(?: offset \?)?\s*$/.test(sql) && !text.includes('USE TEMP B-TREE FOR ORDER BY');
  const aliases = aliasesOf(sql);
  return plan.flatMap((line) => {
    const scan = /^SCAN (\S+)(.*)$/.exec(line);
    if (scan === null) return [];
    const table = aliases.get(scan[1] ?? '') ?? scan[1] ?? '';
    if (!tables.has(table)) return [];
    if (isPage && / USING (?:COVERING )?INDEX /.test(scan[2] ?? '')) return [];
    return [{ table, sql, plan: text }];
  });
}

function placeholdersOf(sql: string): null[] {
  return Array.from(sql.replaceAll(/'[^']*'/g, '').matchAll(/\?/g), () => null);
}

/** `"ports" as "p"` and the like. */
function aliasesOf(sql: string): Map<string, string> {
  return new Map(Array.from(sql.matchAll(/"(\w+)" as "(\w+)"/g), ([, table, alias]) => [alias ?? '', table ?? '']));
}

/** The same statement whatever the number of values in its lists and rows. */
export function normalized(sql: string): string {
  return sql
    .replaceAll(/\?(?:, \?)+/g, '?, …')
    .replaceAll(/(\((?:\?|\?, …|null)\))(?:, \1)+/g, '$1, …')
    .trim();
}

/** What is neither small nor excepted, and which exceptions nobody needs any more. */
export function judge(
  scans: readonly FullScan[],
  { smallTables, scans: allowed }: Exceptions,
): { readonly bad: readonly FullScan[]; readonly idle: readonly string[] } {
  const used = new Set<string>();
  const bad = scans.filter(({ table, sql }) => {
    if (Object.hasOwn(smallTables, table)) {
      used.add(table);
      return false;
    }
    const exception = allowed.find((one) => one.table === table && one.sql === normalized(sql));
    if (exception === undefined) return true;
    used.add(exception.sql);
    return false;
  });
  const idle = [...Object.keys(smallTables), ...allowed.map(({ sql }) => sql)].filter((name) => !used.has(name));
  return { bad, idle };
}
