import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '#kernel/db/database.ts';
import { migrateUp } from '#kernel/db/migrate.ts';
import { controllerMigrations } from '../../src/controller/control-plane.ts';

/** A SQLite file with the program's whole schema and no rows. */
export async function createMigratedFile(): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'pileus-schema-'));
  const path = join(folder, 'pileus.sqlite');
  const db = openDatabase({ kind: 'sqlite', file: path, durability: 'normal' });
  await migrateUp(db, controllerMigrations);
  await db.destroy();
  return { path, remove: () => rm(folder, { recursive: true }) };
}
