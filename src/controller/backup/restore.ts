/**
 * Putting a backup back.
 *
 * Theory of operation. Everything is first made anew beside what is there, and checked; then it takes its place by renaming, so that
 * a restore that is killed has changed nothing or is complete, but for being told so. What was there before is kept under another name.
 */
import { createWriteStream, existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type DatabaseOptions, openDatabase } from '#kernel/db/database.ts';
import { dropAllTables } from '#kernel/db/mysql/copy.ts';
import { syncFolder } from '#kernel/files.ts';
import { noteRestoration } from '#kernel/restoration/store.ts';
import { readArchive } from './archive.ts';
import { loadDatabase } from './load.ts';
import type { Manifest } from './manifest.ts';

export interface RestoreOptions {
  readonly file: string;
  /** The cloud's folder; its control plane must be down. Made when it is missing. */
  readonly cloudDir: string;
  readonly controllerDir: string;
  /** The database's file, below `controllerDir`, where it is one. */
  readonly databaseName: string;
  /** Where the rows go; a file takes its place with the folder, a server's database is emptied and filled. */
  readonly database: DatabaseOptions;
  readonly now: Date;
  /** Told what the backup says of itself, once it has been read whole; throws to leave everything as it is. */
  readonly check: (manifest: Manifest) => void;
}

export interface Restored {
  readonly manifest: Manifest;
  /** Where what was there before is now; undefined when there was nothing. */
  readonly before: string | undefined;
}

const FOLDER_MODE = 0o700;

/**
 * Restores a cloud's control plane.
 * @throws {Error} when the backup is damaged, or of a newer version; nothing has then changed.
 */
export async function restoreBackup(options: RestoreOptions): Promise<Restored> {
  const { file, controllerDir, cloudDir, now } = options;
  options.check(await readArchive(file));
  const fresh = `${controllerDir}.restoring`;
  await rm(fresh, { recursive: true, force: true });
  await mkdir(join(fresh, 'controller'), { recursive: true, mode: FOLDER_MODE });
  try {
    const manifest = await unpack(file, fresh);
    await makeDatabase(databaseToMake(options, fresh), file, manifest, now);
    const before = await putInPlace(join(fresh, 'controller'), controllerDir, now);
    for (const name of cloudFiles(manifest)) {
      const [from, to] = [join(fresh, 'cloud', name), join(cloudDir, name)];
      if (!(await isSame(from, to))) await putInPlace(from, to, now);
    }
    return { manifest, before };
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

/** Writes the entries that are files: `controller/…` and `cloud/…`. */
async function unpack(file: string, to: string): Promise<Manifest> {
  return readArchive(file, async ({ path, mode, content }) => {
    const [place, ...below] = path.split('/');
    if (place !== 'controller' && place !== 'cloud') return;
    if (below.length === 0 || below.some((part) => part === '' || part === '.' || part === '..' || part.includes('\0')))
      throw new Error(`${JSON.stringify(path)} is no path of a backup`);
    const target = join(to, place, ...below);
    await mkdir(dirname(target), { recursive: true, mode: FOLDER_MODE });
    await pipeline(content, createWriteStream(target, { flags: 'wx', mode, flush: true }));
  });
}

function databaseToMake({ database, databaseName }: RestoreOptions, fresh: string): DatabaseOptions {
  if (database.kind === 'mysql') return database;
  return { kind: 'sqlite', file: join(fresh, 'controller', databaseName), durability: 'full' };
}

async function makeDatabase(database: DatabaseOptions, file: string, manifest: Manifest, now: Date): Promise<void> {
  const db = openDatabase<unknown>(database);
  try {
    // a file is new; on a server a restore that was killed in the middle is simply done again
    if (database.kind === 'mysql') await dropAllTables(db);
    await loadDatabase(db, database.kind, file, manifest);
    await noteRestoration(db, { takenMs: Date.parse(manifest.takenAt), restoredMs: now.getTime() });
  } finally {
    await db.destroy();
  }
}

/** @returns where what was there before is now. */
async function putInPlace(fresh: string, place: string, now: Date): Promise<string | undefined> {
  const before = `${place}.before-${now.toISOString().replace(/[:.]/g, '-')}`;
  const isReplaced = existsSync(place);
  if (isReplaced) await rename(place, before);
  await rename(fresh, place);
  await syncFolder(dirname(place));
  return isReplaced ? before : undefined;
}

/** Who the cloud is, its password, its configuration: the names directly below `cloud/`. */
function cloudFiles({ entries }: Manifest): Set<string> {
  const paths = entries.map(({ path }) => path.split('/'));
  return new Set(paths.flatMap(([place, name]) => (place === 'cloud' && name !== undefined ? [name] : [])));
}

/** Whether both are files with the same content. */
async function isSame(one: string, other: string): Promise<boolean> {
  const both = await Promise.all([one, other].map((path) => readFile(path).catch(() => undefined)));
  return both[0] !== undefined && both[1] !== undefined && both[0].equals(both[1]);
}
