/**
 * A folder of Fernet keys, laid out as keystone's.
 *
 * Theory of operation. Each key is a file named by a number. The highest seals; all of them open. `0` is the staged key: it
 * becomes the highest at the next rotation, so that it can be copied to every controller before anyone seals with it.
 * Rotation writes the new staged key beside, renames the old one to the next number, then renames the new one to `0`: a
 * crash in between leaves keys that still open everything, and the next rotation or start makes a missing `0` good.
 */
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder, writeFileAtomic } from '#kernel/files.ts';
import { type FernetKey, newFernetKey, parseFernetKey } from './fernet.ts';

export interface KeyRepository {
  /** The keys, the one that seals first. */
  keys(): readonly FernetKey[];
  /** Reads the folder again: keys that another controller rotated in. */
  reload(): Promise<void>;
  /** Makes the staged key the one that seals, stages a new one, and drops the oldest beyond the limit. */
  rotate(): Promise<void>;
}

/** More files than this in a key folder are a mistake. */
const MAX_FILES = 100;

/**
 * Opens the folder, making it with a first and a staged key when it has none.
 * @throws {Error} when it cannot be read or holds something that is no key.
 */
export async function openKeyRepository(folder: string, maxActiveKeys: number): Promise<KeyRepository> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const numbers = await listKeys(folder);
  if (numbers.length === 0) await writeKey(folder, 1);
  if (!numbers.includes(0)) await writeKey(folder, 0);
  let keys = await readKeys(folder);
  const reload = async (): Promise<void> => {
    keys = await readKeys(folder);
  };
  return {
    keys: () => keys,
    reload,
    async rotate() {
      const before = await listKeys(folder);
      const next = Math.max(...before) + 1;
      if (before.includes(0)) await rename(join(folder, '0'), join(folder, String(next)));
      await writeKey(folder, 0);
      const active = (await listKeys(folder)).filter((n) => n !== 0).toSorted((a, b) => b - a);
      // The staged key counts too.
      for (const old of active.slice(Math.max(1, maxActiveKeys - 1))) await rm(join(folder, String(old)));
      await syncFolder(folder);
      await reload();
    },
  };
}

async function listKeys(folder: string): Promise<number[]> {
  const names = await readdir(folder);
  if (names.length > MAX_FILES) throw new RangeError(`the key folder ${folder} has more than ${MAX_FILES} files`);
  return names.filter((name) => /^\d{1,9}$/.test(name)).map(Number);
}

async function readKeys(folder: string): Promise<FernetKey[]> {
  const numbers = (await listKeys(folder)).toSorted((a, b) => b - a);
  return Promise.all(numbers.map(async (n) => parseFernetKey(await readFile(join(folder, String(n)), 'utf8'))));
}

function writeKey(folder: string, number: number): Promise<void> {
  return writeFileAtomic(join(folder, String(number)), newFernetKey(), 0o600);
}
