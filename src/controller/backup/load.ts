import type { DatabaseOptions, Db } from '#kernel/db/database.ts';
import { loadCopy, type Portion } from '#kernel/db/load.ts';
import { controllerMigrations } from '../control-plane.ts';
import { readArchive, readText } from './archive.ts';
import type { Manifest } from './manifest.ts';
import { textToRows } from './rows.ts';

/** `database/<table>/<number>.jsonl` */
const ROWS = /^database\/([a-z0-9_]+)\/\d+\.jsonl$/;

/**
 * Puts the rows of a backup into an empty database, in today's schema.
 * @throws {Error} when rows are missing or refer to what is not there.
 */
export async function loadDatabase(
  db: Db,
  kind: DatabaseOptions['kind'],
  file: string,
  { database }: Manifest,
): Promise<void> {
  const loaded: Record<string, number> = Object.fromEntries(Object.keys(database.tables).map((table) => [table, 0]));
  await loadCopy(db, kind, controllerMigrations, {
    schemaSteps: database.schemaSteps,
    tables: Object.keys(database.tables),
    async load(insert) {
      await readArchive(file, async ({ path, content }) => {
        const table = ROWS.exec(path)?.[1];
        if (table === undefined) return;
        const portion: Portion = { table, rows: textToRows(await readText(content)) };
        loaded[table] = (loaded[table] ?? 0) + portion.rows.length;
        await insert(portion);
      });
    },
  });
  for (const [table, count] of Object.entries(database.tables)) {
    if (loaded[table] !== count)
      throw new Error(`the backup has ${loaded[table]} rows of ${table}, and had ${count} when it was made`);
  }
}
