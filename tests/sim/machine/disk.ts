/**
 * Disks in memory, below one folder that no real disk has.
 *
 * A file has what was written and what has been synced, and a folder the names that it has and those that it has had synced, so that a
 * power cut leaves what a real one may leave. A kill of a process leaves all that was written.
 */
import { Readable } from 'node:stream';
import type { Chance } from './chance.ts';
import { never, passes } from './processes.ts';

/** Where the laboratory's machines have their disks. */
export const DISKS = '/laboratory';

interface Inode {
  written: Buffer;
  synced: Buffer | undefined;
  modifiedMs: number;
}

export type FileOperation = 'open' | 'write' | 'sync' | 'rename' | 'remove' | 'read' | 'list' | 'mkdir';

/** What becomes of one operation: a code such as `ENOSPC`, a delay in milliseconds, or nothing. */
export type FileFate = string | number | undefined;

export interface Disk {
  onOperation: (operation: FileOperation, path: string) => FileFate;
  /** What a power cut below a folder leaves. */
  cutPower(folder: string, chance: Chance): void;
  /** All files, for looking at. */
  files(folder: string): string[];
  /** A copy, for a world that goes on from here. */
  copy(): DiskImage;
  restore(image: DiskImage): void;
}

export interface DiskImage {
  readonly folders: ReadonlySet<string>;
  readonly files: ReadonlyMap<string, Buffer>;
}

/** The functions of `node:fs` and `node:fs/promises` that the program uses, for paths below {@link DISKS}. */
export interface DiskFunctions {
  readonly promises: Readonly<Record<string, (...args: never[]) => Promise<unknown>>>;
  readonly sync: Readonly<Record<string, (...args: never[]) => unknown>>;
}

function fail(code: string, path: string): never {
  throw Object.assign(new Error(`${code}: made by the laboratory, '${path}'`), { code, path });
}

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/'));

export function createDisk(parts: {
  readonly nowMs: () => number;
  readonly sleep: (ms: number) => Promise<void>;
}): Disk & DiskFunctions {
  const folders = new Set<string>([DISKS]);
  const entries = new Map<string, Inode>();
  let syncedEntries = new Map<string, Inode>();

  const self: Disk = {
    onOperation: () => undefined,
    cutPower,
    files: (folder) => [...entries.keys()].filter((path) => path.startsWith(`${folder}/`)).toSorted(),
    copy: () => ({ folders: new Set(folders), files: new Map([...entries].map(([p, { written }]) => [p, written])) }),
    restore(image) {
      folders.clear();
      entries.clear();
      for (const folder of image.folders) folders.add(folder);
      for (const [path, data] of image.files)
        entries.set(path, { written: data, synced: data, modifiedMs: parts.nowMs() });
      syncedEntries = new Map(entries);
    },
  };

  /** Everything reaches the disk here. */
  async function gate(operation: FileOperation, path: string): Promise<void> {
    if (!passes('file')) return never();
    const fate = self.onOperation(operation, path);
    if (typeof fate === 'number') await parts.sleep(fate);
    if (!passes('file')) return never();
    if (typeof fate === 'string') fail(fate, path);
  }

  function cutPower(folder: string, chance: Chance): void {
    const isBelow = (path: string): boolean => path.startsWith(`${folder}/`);
    for (const path of entries.keys()) if (isBelow(path)) entries.delete(path);
    for (const [path, inode] of syncedEntries) {
      if (!isBelow(path)) continue;
      // what was not synced is there as far as chance has it
      if (inode.synced !== inode.written)
        inode.written = inode.synced ?? inode.written.subarray(0, chance.below(inode.written.length + 1));
      entries.set(path, inode);
    }
  }

  function find(path: string): Inode {
    return entries.get(path) ?? fail('ENOENT', path);
  }

  function makeFolder(path: string): void {
    for (let at = path; at.length > DISKS.length; at = parentOf(at)) folders.add(at);
  }

  function syncFolder(path: string): void {
    for (const known of syncedEntries.keys())
      if (parentOf(known) === path && !entries.has(known)) syncedEntries.delete(known);
    for (const [known, inode] of entries) if (parentOf(known) === path) syncedEntries.set(known, inode);
  }

  function list(path: string): { name: string; isFolder: boolean }[] {
    if (!folders.has(path)) fail('ENOENT', path);
    const inside = (all: Iterable<string>): string[] => [...all].filter((one) => parentOf(one) === path).toSorted();
    return [
      ...inside(folders).map((one) => ({ name: one.slice(path.length + 1), isFolder: true })),
      ...inside(entries.keys()).map((one) => ({ name: one.slice(path.length + 1), isFolder: false })),
    ];
  }

  const dirents = (path: string): unknown[] =>
    list(path).map(({ name, isFolder }) => ({ name, isDirectory: () => isFolder, isFile: () => !isFolder }));

  function handle(path: string): unknown {
    return {
      async writeFile(content: string | Uint8Array) {
        await gate('write', path);
        const inode = find(path);
        inode.written = Buffer.concat([inode.written, Buffer.from(content as Uint8Array)]);
        inode.modifiedMs = parts.nowMs();
      },
      async write(content: Uint8Array, offset = 0, length = content.length - offset, position?: number) {
        await gate('write', path);
        const inode = find(path);
        const at = position ?? inode.written.length;
        const grown = Buffer.alloc(Math.max(inode.written.length, at + length));
        inode.written.copy(grown);
        grown.set(content.subarray(offset, offset + length), at);
        inode.written = grown;
        inode.modifiedMs = parts.nowMs();
        return { bytesWritten: length, buffer: content };
      },
      async truncate(length = 0) {
        await gate('write', path);
        const inode = find(path);
        const cut = Buffer.alloc(length);
        inode.written.copy(cut);
        inode.written = cut;
      },
      stat: async () => statOf(path),
      async sync() {
        await gate('sync', path);
        if (folders.has(path)) return syncFolder(path);
        const inode = find(path);
        inode.synced = inode.written;
      },
      close: async () => undefined,
    };
  }

  const statOf = (path: string): unknown => {
    if (folders.has(path)) return { isDirectory: () => true, isFile: () => false, mtimeMs: 0, size: 0 };
    const inode = find(path);
    return {
      isDirectory: () => false,
      isFile: () => true,
      mtimeMs: inode.modifiedMs,
      size: inode.written.length,
    };
  };

  const promises = {
    async mkdir(path: string) {
      await gate('mkdir', path);
      makeFolder(path);
    },
    async open(path: string, flags = 'r') {
      await gate('open', path);
      if (folders.has(path)) return handle(path);
      if (flags === 'wx') {
        if (entries.has(path)) fail('EEXIST', path);
        if (!folders.has(parentOf(path))) fail('ENOENT', path);
        entries.set(path, { written: Buffer.alloc(0), synced: undefined, modifiedMs: parts.nowMs() });
      } else if (flags !== 'r') throw new Error(`the laboratory's disk does not open with '${flags}'`);
      find(path);
      return handle(path);
    },
    async rename(from: string, to: string) {
      await gate('rename', to);
      const inode = find(from);
      if (!folders.has(parentOf(to))) fail('ENOENT', to);
      entries.delete(from);
      entries.set(to, inode);
    },
    async rm(path: string, options: { force?: boolean } = {}) {
      await gate('remove', path);
      if (!entries.delete(path) && options.force !== true) fail('ENOENT', path);
    },
    async readFile(path: string, encoding?: unknown) {
      await gate('read', path);
      const { written } = find(path);
      return encoding === undefined ? Buffer.from(written) : written.toString('utf8');
    },
    async stat(path: string) {
      await gate('read', path);
      return statOf(path);
    },
    async readdir(path: string) {
      await gate('list', path);
      return list(path).map(({ name }) => name);
    },
    async opendir(path: string) {
      await gate('list', path);
      const found = dirents(path);
      return (async function* () {
        yield* found;
      })();
    },
  };
  const sync = {
    readdirSync: (path: string) => list(path).map(({ name }) => name),
    mkdirSync: (path: string) => makeFolder(path),
    statSync: (path: string, options: { throwIfNoEntry?: boolean } = {}) =>
      options.throwIfNoEntry === false && !entries.has(path) && !folders.has(path) ? undefined : statOf(path),
    readFileSync: (path: string, encoding?: unknown) =>
      encoding === undefined ? Buffer.from(find(path).written) : find(path).written.toString('utf8'),
    createReadStream(path: string, range: { start?: number; end?: number } = {}) {
      const { written } = find(path);
      const part = written.subarray(range.start ?? 0, range.end === undefined ? undefined : range.end + 1);
      return new Readable({
        read() {
          this.push(part.length === 0 ? null : part);
          this.push(null);
        },
      });
    },
  };
  return Object.assign(self, { promises, sync }) as Disk & DiskFunctions;
}
