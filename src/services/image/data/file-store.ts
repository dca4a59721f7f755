/**
 * Image data in files.
 *
 * Theory of operation. A file has its place only when it is whole: data is written below `incoming/`, synced, and then
 * renamed to `data/`, under a name that is made for it alone. So whatever has its place was whole once, nothing is ever
 * written over, and a name that the database does not know is rubbish that may be removed. Names are UUIDs made here:
 * nothing of a client's becomes part of a path. Long runs of zeros are not written but left as holes.
 */
import { createReadStream, type Dirent } from 'node:fs';
import { type FileHandle, mkdir, open, opendir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { BadRequest, CloudError, Gone, ServiceUnavailable, TooLarge } from '#kernel/errors.ts';
import { syncFolder } from '#kernel/files.ts';
import { isUuidLike } from '#kernel/ids.ts';

export interface FileStoreOptions {
  /** The store's name for clients: `local`. */
  readonly id: string;
  readonly description: string;
  readonly directory: string;
  /** Whether it takes no more data. */
  readonly read_only?: boolean;
}

/** One file on its way in. */
export interface IncomingFile {
  /** Writes in order; the caller waits for each write, so that memory stays bounded. @throws as {@link translateDiskError} has it. */
  write(chunk: Buffer): Promise<void>;
  /** Makes the data permanent, under its name. */
  commit(): Promise<void>;
  /** The same for what somebody else wrote into the file. */
  adopt(): Promise<void>;
  /** Removes what was written. Does nothing after a commit. */
  discard(): Promise<void>;
}

/** A file as a sweep finds it. */
export interface FoundFile {
  readonly name: string;
  readonly modifiedMs: number;
}

export interface FileStore {
  readonly id: string;
  readonly description: string;
  readonly directory: string;
  readonly isReadOnly: boolean;
  /** @param dataId a new UUID. @throws {Gone} `image.store.read_only`. */
  create(dataId: string): Promise<IncomingFile>;
  /** Has data written by somebody else, such as a child process, to the path that it is given; permanent when `write` returns. */
  createBy(dataId: string, write: (path: string) => Promise<void>): Promise<void>;
  /** Where data lies, for a child process that reads it. */
  pathOf(dataId: string): string;
  /** Opens data for reading, whole or a part; undefined when there is none. @param range both ends included. */
  openData(dataId: string, range?: { readonly first: number; readonly last: number }): Promise<Readable | undefined>;
  /** Removes data; fine if there is none. */
  remove(dataId: string): Promise<void>;
  /** The files in place, and those still coming in, a few at a time. */
  sweep(place: 'data' | 'incoming'): AsyncIterable<FoundFile>;
  /** Removes a file that was found coming in. */
  removeIncoming(name: string): Promise<void>;
}

/** Files are spread over 256 folders: one folder with a million files is slow to list. */
const shardOf = (dataId: string): string => dataId.slice(0, 2).toLowerCase();

/** Opens a store; its folders are made when something is written. */
export function openFileStore(options: FileStoreOptions): FileStore {
  const { id, description, directory, read_only: isReadOnly = false } = options;
  const incoming = join(directory, 'incoming');
  const data = join(directory, 'data');

  const placeOf = (dataId: string): string => {
    if (!isUuidLike(dataId)) throw new BadRequest('image.data.name', 'The name of image data must be a UUID.');
    return join(data, shardOf(dataId), dataId);
  };

  return {
    id,
    description,
    directory,
    isReadOnly,
    async create(dataId) {
      if (isReadOnly)
        throw new Gone('image.store.read_only', 'Error in store configuration. Adding images to store is disabled.');
      const place = placeOf(dataId);
      const temporary = join(incoming, dataId);
      const file = await translated(async () => {
        await mkdir(join(data, shardOf(dataId)), { recursive: true, mode: 0o700 });
        await mkdir(incoming, { recursive: true, mode: 0o700 });
        return open(temporary, 'wx', 0o600);
      });
      return createIncoming(file, temporary, place, join(data, shardOf(dataId)));
    },
    async createBy(dataId, write) {
      const incomingFile = await this.create(dataId);
      try {
        await write(join(incoming, dataId));
        await incomingFile.adopt();
      } finally {
        await incomingFile.discard();
      }
    },
    pathOf: placeOf,
    async openData(dataId, range) {
      const place = placeOf(dataId);
      if ((await stat(place).catch(() => undefined)) === undefined) return undefined;
      return createReadStream(place, range === undefined ? {} : { start: range.first, end: range.last });
    },
    async remove(dataId) {
      await rm(placeOf(dataId), { force: true });
    },
    sweep: (place) => (place === 'incoming' ? listFolder(incoming) : listShards(data)),
    async removeIncoming(name) {
      if (isUuidLike(name)) await rm(join(incoming, name), { force: true });
    },
  };
}

/** Runs of zeros at least this long become holes: what file systems keep track of, and far below what a socket gives at once. */
const MIN_HOLE_BYTES = 4096;
const ZEROS = Buffer.alloc(64 * 1024);

function createIncoming(file: FileHandle, temporary: string, place: string, folder: string): IncomingFile {
  let isOpen = true;
  let position = 0;
  const close = async (): Promise<void> => {
    if (!isOpen) return;
    isOpen = false;
    await file.close();
  };
  return {
    async write(chunk) {
      if (!isHole(chunk)) await translated(() => writeAt(file, chunk, position));
      position += chunk.length;
    },
    async commit() {
      // A hole at the end has to be said.
      await translated(() => file.truncate(position));
      await this.adopt();
    },
    async adopt() {
      await translated(() => file.sync());
      await close();
      await rename(temporary, place);
      await syncFolder(folder);
    },
    async discard() {
      await close();
      await rm(temporary, { force: true });
    },
  };
}

function isHole(chunk: Buffer): boolean {
  if (chunk.length < MIN_HOLE_BYTES) return false;
  for (let at = 0; at < chunk.length; at += ZEROS.length) {
    const piece = chunk.subarray(at, at + ZEROS.length);
    if (!piece.equals(ZEROS.subarray(0, piece.length))) return false;
  }
  return true;
}

async function writeAt(file: FileHandle, chunk: Buffer, position: number): Promise<void> {
  let done = 0;
  while (done < chunk.length) {
    const { bytesWritten } = await file.write(chunk, done, chunk.length - done, position + done);
    done += bytesWritten;
  }
}

async function translated<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw translateDiskError(error);
  }
}

/** A full disk and missing rights are told to the client, in the real service's words; anything else is a bug or a broken disk. */
export function translateDiskError(cause: unknown): unknown {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (cause instanceof CloudError) return cause;
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG') {
    return new TooLarge(
      'image.store.full',
      'Image storage media is full: There is not enough disk space on the image storage media.',
      { cause },
    );
  }
  if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM') {
    return new ServiceUnavailable(
      'image.store.denied',
      'Insufficient permissions on image storage media: Permission to write image storage media denied.',
      { cause },
    );
  }
  return cause;
}

async function* listShards(directory: string): AsyncIterable<FoundFile> {
  for await (const entry of await openFolder(directory)) {
    if (entry.isDirectory()) yield* listFolder(join(directory, entry.name));
  }
}

async function* listFolder(directory: string): AsyncIterable<FoundFile> {
  for await (const entry of await openFolder(directory)) {
    if (!entry.isFile() || !isUuidLike(entry.name)) continue;
    const found = await stat(join(directory, entry.name)).catch(() => undefined);
    if (found !== undefined) yield { name: entry.name, modifiedMs: found.mtimeMs };
  }
}

/** A store that nothing was written to has no folders yet. */
async function openFolder(directory: string): Promise<AsyncIterable<Dirent>> {
  try {
    return await opendir(directory);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return (async function* () {})();
    throw error;
  }
}
