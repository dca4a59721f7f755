/**
 * A folder of keys, laid out as keystone lays out its Fernet keys; all kinds of keys rotate alike.
 *
 * Theory of operation. Each key is a file named by a number. The highest seals; all of them open. `0` is the staged key: it
 * becomes the highest at the next rotation, so that it can be copied to every controller before anyone seals with it.
 * Rotation writes the new staged key beside, renames the old one to the next number, then renames the new one to `0`: a
 * crash in between leaves keys that still open everything, and the next rotation or start makes a missing `0` good.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder, writeFileAtomic } from '#kernel/files.ts';

export interface KeyRepository<Key> {
  /** The keys, the one that seals first. */
  keys(): readonly Key[];
  /** Reads the folder again, a handful of small files: keys that another controller rotated in. */
  reload(): void;
  /** Makes the staged key the one that seals, stages a new one, and drops the oldest beyond the limit. */
  rotate(): Promise<void>;
}

/** What a folder's keys are: how a new one is made, and read again from its file. */
export interface KeyKind<Key> {
  create(): string;
  /** @throws {Error} for what is no such key. */
  parse(text: string): Key;
}

/** More files than this in a key folder are a mistake. */
const MAX_FILES = 100;
/** A rotation moves files for a moment; a folder that changes under so many readings is broken. */
const MAX_READS = 3;

/**
 * Opens the folder, making it with a first and a staged key when it has none.
 * @throws {Error} when it cannot be read or holds something that is no key.
 */
export async function openKeyRepository<Key>(
  folder: string,
  maxActiveKeys: number,
  kind: KeyKind<Key>,
): Promise<KeyRepository<Key>> {
  const writeKey = (number: number) => writeFileAtomic(join(folder, String(number)), kind.create(), 0o600);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const numbers = listKeys(folder);
  if (numbers.length === 0) await writeKey(1);
  if (!numbers.includes(0)) await writeKey(0);
  let keys = readKeys(folder, kind);
  const reload = (): void => {
    keys = readKeys(folder, kind);
  };
  return {
    keys: () => keys,
    reload,
    async rotate() {
      const before = listKeys(folder);
      const next = Math.max(...before) + 1;
      if (before.includes(0)) await rename(join(folder, '0'), join(folder, String(next)));
      await writeKey(0);
      const active = listKeys(folder)
        .filter((n) => n !== 0)
        .toSorted((a, b) => b - a);
      // The staged key counts too.
      for (const old of active.slice(Math.max(1, maxActiveKeys - 1))) await rm(join(folder, String(old)));
      await syncFolder(folder);
      reload();
    },
  };
}

function listKeys(folder: string): number[] {
  const names = readdirSync(folder);
  if (names.length > MAX_FILES) throw new RangeError(`the key folder ${folder} has more than ${MAX_FILES} files`);
  return names.filter((name) => /^\d{1,9}$/.test(name)).map(Number);
}

function readKeys<Key>(folder: string, kind: KeyKind<Key>): Key[] {
  for (let attempt = 1; ; attempt++) {
    const numbers = listKeys(folder).toSorted((a, b) => b - a);
    try {
      return numbers.map((n) => kind.parse(readFileSync(join(folder, String(n)), 'utf8')));
    } catch (error) {
      // Another process rotated between the listing and the reading.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || attempt === MAX_READS) throw error;
    }
  }
}
