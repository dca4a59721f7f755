/**
 * A folder of small secret files (keys) that every controller of one database has alike.
 *
 * Theory of operation. The database has the whole folder as one sealed text with a revision; the folder has the files, and in
 * `shared-revision` which revision they are. `pull` makes the folder like a newer text: files are first written and only
 * then removed, so that a reader in between finds every key. `push` makes the text like the folder, unless somebody else
 * was quicker. The first controller's folder becomes the text. A crash in between leaves an old `shared-revision`, and the
 * next pull makes the folder good.
 */
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeFileAtomic } from '#kernel/files.ts';
import { seal, unseal } from './seal.ts';
import { findSecret, insertSecret, replaceSecret, type SharedStateDb } from './store.ts';

export interface SharedFolder {
  /** Takes over what the database has when that is newer, or gives it the folder when it has nothing. */
  pull(): Promise<void>;
  /**
   * Gives the folder, which was changed after a pull, to the others.
   * @throws {Error} when another controller has changed it meanwhile; the folder is then as that one made it.
   */
  push(): Promise<void>;
}

const REVISION_FILE = 'shared-revision';
/** A key folder has a dozen files; more are a mistake. */
const MAX_FILES = 500;
/** A path below the folder, as a text from the database may name one: `fernet-keys/12`. */
const SAFE_PATH = /^[A-Za-z0-9_-]+(?:\/[A-Za-z0-9_-]+){0,3}$/;
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

export function createSharedFolder(parts: {
  readonly db: SharedStateDb;
  readonly cloudKey: string;
  /** What it is called in the database. */
  readonly name: string;
  readonly folder: string;
}): SharedFolder {
  const { db, cloudKey, name, folder } = parts;
  const revisionFile = join(folder, REVISION_FILE);

  const readRevision = async (): Promise<number> => Number(await readFile(revisionFile, 'utf8').catch(() => '0'));
  const sealed = async (): Promise<string> => seal(cloudKey, name, JSON.stringify(await readFiles(folder)));

  async function pull(): Promise<void> {
    const known = await findSecret(db, name);
    if (known === undefined) {
      if (await insertSecret(db, name, await sealed())) return writeFileAtomic(revisionFile, '1', FILE_MODE);
      return pull();
    }
    if (known.revision === (await readRevision())) return;
    await writeFiles(folder, JSON.parse(unseal(cloudKey, name, known.sealed)) as Files);
    await writeFileAtomic(revisionFile, String(known.revision), FILE_MODE);
  }

  return {
    pull,
    async push() {
      const revision = await readRevision();
      if (await replaceSecret(db, name, revision, await sealed())) {
        return writeFileAtomic(revisionFile, String(revision + 1), FILE_MODE);
      }
      await rm(revisionFile, { force: true });
      await pull();
      throw new Error('another controller has changed the keys at the same time; theirs are in place now');
    },
  };
}

/** Path below the folder → content. */
type Files = Readonly<Record<string, string>>;

async function readFiles(folder: string): Promise<Files> {
  const paths = await listFiles(folder);
  return Object.fromEntries(
    await Promise.all(paths.map(async (path) => [path, await readFile(join(folder, path), 'utf8')] as const)),
  );
}

async function writeFiles(folder: string, files: Files): Promise<void> {
  const before = await listFiles(folder);
  // the staged key, which has the lowest number, is replaced when the key that it was has its new place
  for (const path of Object.keys(files).toSorted().toReversed()) {
    if (!SAFE_PATH.test(path)) throw new Error(`${JSON.stringify(path)} is no path of a key`);
    await mkdir(dirname(join(folder, path)), { recursive: true, mode: FOLDER_MODE });
    await writeFileAtomic(join(folder, path), files[path] ?? '', FILE_MODE);
  }
  for (const path of before) if (!Object.hasOwn(files, path)) await rm(join(folder, path), { force: true });
}

async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
  const kept = paths.filter((path) => SAFE_PATH.test(path) && path !== REVISION_FILE);
  if (kept.length > MAX_FILES) throw new RangeError(`${folder} has more than ${MAX_FILES} files`);
  return kept.toSorted();
}
