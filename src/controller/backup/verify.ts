import { openDatabase } from '#kernel/db/database.ts';
import { readArchive } from './archive.ts';
import { loadDatabase } from './load.ts';
import type { Manifest } from './manifest.ts';

/**
 * Reads a backup as a restore would, and keeps nothing: every checksum, and the database, row by row, into one in memory.
 * @throws {Error} saying what is wrong with it.
 */
export async function verifyBackup(file: string): Promise<Manifest> {
  const manifest = await readArchive(file);
  const db = openDatabase({ kind: 'sqlite', file: ':memory:', durability: 'normal' });
  try {
    await loadDatabase(db, 'sqlite', file, manifest);
    return manifest;
  } finally {
    await db.destroy();
  }
}
