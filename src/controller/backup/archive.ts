/**
 * A backup's file: a gzipped tar, so that it can be looked into, and in need taken apart, with the tools of any system.
 *
 * Every entry's checksum is taken as it is written; the manifest, with all of them, comes last.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { constants, createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { extract, pack } from 'tar-stream';
import { errorText } from '#kernel/errors.ts';
import { MANIFEST_PATH, type Manifest, type ManifestEntry, parseManifest } from './manifest.ts';

/** Image data hardly shrinks, and text shrinks well at the quickest level. */
const GZIP_LEVEL = 1;
/** One entry of rows, or a manifest with a million entries, is smaller. Larger ones fill the memory of whoever reads them. */
const MAX_TEXT_BYTES = 256 * 2 ** 20;
const FILE_MODE = 0o600;

interface Header {
  readonly path: string;
  readonly size: number;
  /** Permissions. */
  readonly mode: number;
}

export interface ArchiveWriter {
  addText(path: string, text: string): Promise<void>;
  /** @throws {Error} when the file has not the size that it had when it was opened, to its end. */
  addFile(path: string, file: string): Promise<void>;
  readonly entries: readonly ManifestEntry[];
}

/**
 * Writes an archive; whatever `fill` adds is in it when this resolves, and synced to the disk.
 * @param fill resolves to the manifest.
 */
export async function writeArchive(file: string, fill: (archive: ArchiveWriter) => Promise<Manifest>): Promise<void> {
  const handle = await open(file, 'wx', FILE_MODE);
  const tar = pack();
  const written = pipeline(tar, createGzip({ level: GZIP_LEVEL }), handle.createWriteStream({ flush: true }));
  // a failure of the disk must not be thrown past the one who waits for it below
  written.catch(() => undefined);
  const entries: ManifestEntry[] = [];
  const add = async (
    { path, size, mode }: Header,
    content: Iterable<Buffer> | AsyncIterable<Buffer>,
  ): Promise<void> => {
    const hash = createHash('sha256');
    const finished = Promise.withResolvers<void>();
    const entry = tar.entry({ name: path, size, mode }, (error) =>
      error ? finished.reject(error) : finished.resolve(),
    );
    finished.promise.catch(() => undefined);
    for await (const chunk of content) {
      hash.update(chunk);
      if (!entry.write(chunk)) await Promise.race([once(entry, 'drain'), finished.promise]);
    }
    entry.end();
    await finished.promise;
    entries.push({ path, size, sha256: hash.digest('hex') });
  };
  const addText = async (path: string, text: string): Promise<void> => {
    const bytes = Buffer.from(text);
    await add({ path, size: bytes.length, mode: FILE_MODE }, [bytes]);
  };
  const writer: ArchiveWriter = {
    entries,
    addText,
    async addFile(path, source) {
      // the folder is the controller's, and root may take the backup: a link that has just taken the file's place is not followed
      const opened = await open(source, constants.O_RDONLY | constants.O_NOFOLLOW);
      try {
        const { size, mode } = await opened.stat();
        // what is added to a file after it was looked at is not in the copy
        const content = opened.createReadStream({ end: Math.max(0, size - 1), autoClose: false });
        await add({ path, size, mode: mode & 0o777 }, size === 0 ? [] : (content as AsyncIterable<Buffer>));
      } finally {
        await opened.close();
      }
    },
  };
  try {
    const manifest = await fill(writer);
    await addText(MANIFEST_PATH, JSON.stringify(manifest));
    tar.finalize();
    await written;
  } catch (error) {
    tar.destroy();
    await written.catch(() => undefined);
    throw error;
  }
}

/** One entry as it is read; its content is there once, and before the next. */
export interface ArchiveEntry {
  readonly path: string;
  /** Permissions of the file that it was. */
  readonly mode: number;
  readonly content: AsyncIterable<Buffer>;
}

/**
 * Reads an archive to its end and checks every entry against the manifest.
 * @param take is given every entry but the manifest, in order; what it leaves unread is read and checked all the same.
 * @throws {Error} when anything is missing, cut short or changed.
 */
export async function readArchive(
  file: string,
  take: (entry: ArchiveEntry) => Promise<void> = async () => undefined,
): Promise<Manifest> {
  const { manifest, seen } = await readEntries(file, take).catch((error: unknown) => {
    throw new Error(`${file} is not a whole backup: ${errorText(error)}`, { cause: error });
  });
  for (const { path, size, sha256 } of manifest.entries) {
    const found = seen.get(path);
    if (found === undefined) throw new Error(`${file} is not a whole backup: ${path} is missing`);
    if (found.size !== size || found.sha256 !== sha256)
      throw new Error(`${file} is damaged: the checksum of ${path} does not match`);
  }
  if (seen.size !== manifest.entries.length)
    throw new Error(`${file} is damaged: it has more entries than its manifest`);
  return manifest;
}

async function readEntries(
  file: string,
  take: (entry: ArchiveEntry) => Promise<void>,
): Promise<{ readonly manifest: Manifest; readonly seen: ReadonlyMap<string, ManifestEntry> }> {
  const tar = extract();
  const read = pipeline(createReadStream(file), createGunzip(), tar);
  read.catch(() => undefined);
  const seen = new Map<string, ManifestEntry>();
  let manifest: Manifest | undefined;
  for await (const entry of tar) {
    const { name: path, type, mode = FILE_MODE } = entry.header;
    if (type !== 'file' || seen.has(path) || manifest !== undefined)
      throw new Error(`it has an entry that no backup has: ${JSON.stringify(path)}`);
    const { content, digest } = hashed(entry as AsyncIterable<Buffer>);
    if (path === MANIFEST_PATH) manifest = parseManifest(await readText(content));
    else await take({ path, mode: mode & 0o777, content });
    for await (const _rest of content);
    if (path !== MANIFEST_PATH) seen.set(path, { path, ...digest() });
  }
  await read;
  if (manifest === undefined) throw new Error('it ends before its manifest');
  return { manifest, seen };
}

/** The same content, whose size and checksum are known at its end. */
function hashed(source: AsyncIterable<Buffer>): {
  readonly content: AsyncIterable<Buffer>;
  digest(): { readonly size: number; readonly sha256: string };
} {
  const hash = createHash('sha256');
  let size = 0;
  async function* pass(): AsyncIterable<Buffer> {
    for await (const chunk of source) {
      hash.update(chunk);
      size += chunk.length;
      yield chunk;
    }
  }
  return { content: pass(), digest: () => ({ size, sha256: hash.digest('hex') }) };
}

/** An entry's text. @throws {Error} when it is larger than any text of a backup. */
export async function readText(content: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of content) {
    size += chunk.length;
    if (size > MAX_TEXT_BYTES) throw new Error(`an entry of text has more than ${MAX_TEXT_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
