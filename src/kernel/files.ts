import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/**
 * Replaces a file's content so that a reader, or a power cut, sees the old or the new but nothing between.
 * Makes the folder when it is missing.
 * @param mode the file's permissions; only its owner may read it when none is given.
 */
export async function writeFileAtomic(path: string, content: string | Uint8Array, mode = 0o600): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    // a disk that cannot write may not be able to remove either: why it could not write is what counts
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
  await syncFolder(dirname(path));
}

/** What a kill in the middle of {@link writeFileAtomic} leaves beside a file. For the file's only writer, before it writes. */
export async function removeUnfinished(path: string): Promise<void> {
  const folder = dirname(path);
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const isUnfinished = (name: string): boolean =>
    name.startsWith(`${basename(path)}.`) && /^\.[0-9a-f]{12}\.tmp$/.test(name.slice(basename(path).length));
  for (const name of names.filter(isUnfinished)) await rm(join(folder, name), { force: true });
}

/** Makes renames and removals in a folder survive a power cut. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
