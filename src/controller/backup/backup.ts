/**
 * Taking a backup: one file with all that makes a cloud, while it runs.
 *
 * Theory of operation. The database is read at one instant; then the files that it speaks of, none of which is ever written over:
 * image data gets its place only when it is whole, keys are only added. What came after the instant is in the backup without being
 * known, and is cleared away after a restore; an image that was deleted meanwhile is left out, and said to be.
 */
import { lstat, opendir, rename, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { DatabaseOptions } from '#kernel/db/database.ts';
import { openSnapshot, type Snapshot } from '#kernel/db/snapshot.ts';
import { type ArchiveWriter, writeArchive } from './archive.ts';
import { FORMAT, type Manifest } from './manifest.ts';
import { rowsToText } from './rows.ts';
import { verifyBackup } from './verify.ts';

export interface BackupOptions {
  readonly database: DatabaseOptions;
  readonly cloudId: string;
  readonly program: string;
  readonly takenAt: Date;
  /** The controller's own folder. */
  readonly controllerDir: string;
  /** What else belongs to the cloud: files and folders, by the name that they have in the backup. */
  readonly cloudFiles: Readonly<Record<string, string>>;
  readonly withImages: boolean;
  /** Where the backup goes; must not be there. */
  readonly file: string;
}

/** Image data, below the controller's folder. */
const IMAGES = 'image';
/** Where images come in, wait to be imported, or are kept a second time. */
const PASSING = new Set(['incoming', 'staging', 'cache']);
/** The database (which is in the backup row by row), locks, logs, sockets, and what is half written. */
const NOT_KEPT = /\.(sqlite(-wal|-shm|-journal)?|log|sock|tmp)$/;

/**
 * Takes a backup and reads it back.
 * @returns what is in it.
 * @throws {Error} when the disk is full or anything cannot be read; nothing is then left.
 */
export async function takeBackup(options: BackupOptions): Promise<Manifest> {
  const partial = `${options.file}.partial`;
  await rm(partial, { force: true });
  const snapshot = await openSnapshot(options.database);
  try {
    await writeArchive(partial, (archive) => fill(archive, snapshot, options));
    const manifest = await verifyBackup(partial);
    await rename(partial, options.file);
    return manifest;
  } finally {
    await snapshot.close();
    await rm(partial, { force: true });
  }
}

async function fill(archive: ArchiveWriter, snapshot: Snapshot, options: BackupOptions): Promise<Manifest> {
  const leftOut: string[] = options.withImages ? [] : ['the data of images'];
  const tables: Record<string, number> = {};
  for (const table of snapshot.tables) tables[table] = await addTable(archive, snapshot, table);
  for (const [name, path] of Object.entries(options.cloudFiles))
    await addTree(archive, { from: path, to: `cloud/${name}`, leftOut });
  await addTree(archive, {
    from: options.controllerDir,
    to: 'controller',
    leftOut,
    isSkipped: (path) => !options.withImages && path === IMAGES,
  });
  return {
    format: FORMAT,
    program: options.program,
    cloudId: options.cloudId,
    takenAt: options.takenAt.toISOString(),
    database: { schemaSteps: [...snapshot.schemaSteps], tables },
    entries: [...archive.entries],
    leftOut,
  };
}

async function addTable(archive: ArchiveWriter, snapshot: Snapshot, table: string): Promise<number> {
  let count = 0;
  let portion = 0;
  for await (const rows of snapshot.rows(table)) {
    await archive.addText(`database/${table}/${String(portion++).padStart(6, '0')}.jsonl`, rowsToText(rows));
    count += rows.length;
  }
  return count;
}

interface Tree {
  readonly from: string;
  readonly to: string;
  readonly leftOut: string[];
  /** @param path below `from`. */
  readonly isSkipped?: (path: string) => boolean;
}

/** Adds a file, or a folder with all below it. Links are left out: what they point to may be anything. */
async function addTree(archive: ArchiveWriter, tree: Tree): Promise<void> {
  for await (const path of walk(tree.from)) {
    const below = relative(tree.from, path);
    if (tree.isSkipped?.(below.split('/')[0] ?? '') === true) continue;
    if (below.split('/').some((part) => PASSING.has(part)) || NOT_KEPT.test(path)) continue;
    const name = below === '' ? tree.to : `${tree.to}/${below}`;
    try {
      await archive.addFile(name, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      tree.leftOut.push(`${name}, which was removed while the backup was taken`);
    }
  }
}

async function* walk(path: string): AsyncIterable<string> {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isFile() === true) yield path;
  if (found?.isDirectory() !== true) return;
  for await (const entry of await opendir(path)) yield* walk(join(path, entry.name));
}
