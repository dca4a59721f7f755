import { sql } from 'kysely';
import type { Db } from '#kernel/db/database.ts';

/** All rows of a table, for tests that look whether anything changed; `tools/query-plans.ts` knows such statements by their end. */
export async function dumpTable(db: Db, table: string): Promise<readonly Record<string, unknown>[]> {
  return (await sql<Record<string, unknown>>`select * from ${sql.table(table)} order by 1, 2 -- dump`.execute(db)).rows;
}
