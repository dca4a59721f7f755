/**
 * Whether any statement of the program reads a table that can grow large from its beginning to its end:
 *
 *   node tools/query-plans.ts    after a whole run of the unit tests, which note every statement that they have run
 *
 * What may is in `tests/bench/scale/full-scans.json`, each with its reason. An exception that nothing needs is an error as well:
 * the list only shrinks.
 */
import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Sqlite from 'better-sqlite3';
import { createMigratedFile } from '#tests/support/migrated-file.ts';
import { type Exceptions, type FullScan, fullScansOf, judge, normalized } from '#tests/support/query-plans.ts';

const EXCEPTIONS = 'tests/bench/scale/full-scans.json';
const RECORDED = '.pileus/test/statements';

const root = fileURLToPath(new URL('..', import.meta.url));
const statements = await readStatements();
const { path, remove } = await createMigratedFile();
const sqlite = new Sqlite(path, { readonly: true });
const tables = new Set(
  sqlite.prepare("select name from sqlite_master where type = 'table'").pluck().all() as readonly string[],
);
const exceptions = JSON.parse(await readFile(join(root, EXCEPTIONS), 'utf8')) as Exceptions;
const wholeTables = await readWholeTables();
const scans: FullScan[] = [];
let foreign = 0;
for (const sql of statements) {
  const [, whole] = /^select \* from "(\w+)"$/.exec(sql) ?? [];
  // Tests look at whole tables; whether the program does is seen in its stores.
  if (whole !== undefined && !wholeTables.has(whole)) continue;
  try {
    scans.push(...fullScansOf(sqlite, sql, tables));
  } catch {
    // A statement of a test's own tables.
    foreign += 1;
  }
}
const { bad, idle } = judge(scans, exceptions);
sqlite.close();
await remove();

console.log(`${statements.length} statements, ${foreign} of them of tests' own tables; ${scans.length} full scans`);
for (const { table, sql, plan } of bad) console.error(`full scan of ${table}:\n  ${normalized(sql)}\n  ${plan}`);
for (const name of idle) console.error(`${EXCEPTIONS} excepts what nothing does any more: ${name}`);
if (statements.length === 0) console.error(`no statements in ${RECORDED}: run the unit tests first`);
process.exitCode = bad.length + idle.length > 0 || statements.length === 0 ? 1 : 0;

/** Tables that a store reads without a condition, an order or a limit. */
async function readWholeTables(): Promise<Set<string>> {
  const found = new Set<string>();
  for await (const file of glob(join(root, 'src/**/*.ts'))) {
    if (file.endsWith('.test.ts')) continue;
    const text = await readFile(file, 'utf8');
    for (const [, table] of text.matchAll(/selectFrom\('(\w+)'\)\s*\.selectAll\(\)\s*(?:\.execute\(|;)/g))
      found.add(table ?? '');
  }
  return found;
}

/** All that was noted, once each whatever the length of its lists. */
async function readStatements(): Promise<string[]> {
  const found = new Map<string, string>();
  for await (const file of glob(join(root, RECORDED, '*.json'))) {
    for (const sql of JSON.parse(await readFile(file, 'utf8')) as string[]) found.set(normalized(sql), sql);
  }
  return [...found.values()];
}
