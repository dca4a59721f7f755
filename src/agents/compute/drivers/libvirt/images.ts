/**
 * The host's copies of images, below the overlays of its guests.
 *
 * Theory of operation. A copy is named by the SHA-512 of its bytes, is written once, checked, and never changed. It
 * appears under its name only when it is whole, so that a copy that is there is good. One download serves all guests that
 * wait for it. A copy is removed when no disk stands on it and nobody has asked for it for a while.
 */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { chmod, mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '#kernel/clock.ts';
import { syncFolder } from '#kernel/files.ts';
import type { DiskSource } from '#protocol/guests.ts';
import { DriverError } from '../contract.ts';

export type ImageSource = Extract<DiskSource, { type: 'image' }>;

export interface ImageCache {
  /** Path of an image's copy, downloaded if need be. @throws {DriverError} `guest.image.download`, `guest.image.checksum`. */
  fetch(source: ImageSource, signal: AbortSignal): Promise<string>;
  /** Where an image's copy is, if it is. */
  path(sha512: string): string;
  /** Removes copies that are not in use and were not asked for of late, and what broken downloads left. */
  prune(inUse: ReadonlySet<string>): Promise<void>;
}

/** As nova's `remove_unused_original_minimum_age_seconds`: shorter downloads again what comes back, longer fills the disk. */
const UNUSED_IMAGE_MS = 24 * 3_600_000;

export function createImageCache(parts: {
  readonly folder: string;
  readonly download: (imageId: string, signal: AbortSignal) => Promise<NodeJS.ReadableStream>;
  readonly clock: Clock;
  readonly unusedMs?: number;
}): ImageCache {
  const { folder, clock } = parts;
  const unusedMs = parts.unusedMs ?? UNUSED_IMAGE_MS;
  const underWay = new Map<
    string,
    { readonly done: Promise<string>; readonly abort: AbortController; waiters: number }
  >();
  const path = (sha512: string): string => join(folder, sha512);

  async function fetchNow(source: ImageSource, signal: AbortSignal): Promise<string> {
    const target = path(source.sha512);
    if (await exists(target)) {
      await utimes(target, clock.now(), clock.now());
      return target;
    }
    await mkdir(folder, { recursive: true, mode: 0o711 });
    const part = `${target}.part`;
    try {
      await download(source, part, signal);
      await chmod(part, 0o644); // guests run as another user
      await rename(part, target);
      await syncFolder(folder);
      return target;
    } catch (error) {
      await rm(part, { force: true });
      throw error;
    }
  }

  async function download(source: ImageSource, part: string, signal: AbortSignal): Promise<void> {
    const hash = createHash('sha512');
    let bytes = 0;
    const check = new Transform({
      transform(chunk: Buffer, _, done) {
        bytes += chunk.length;
        hash.update(chunk);
        if (bytes > source.sizeBytes) done(wrongImage(source, `it has more than ${source.sizeBytes} bytes`));
        else done(null, chunk);
      },
    });
    try {
      await pipeline(await parts.download(source.imageId, signal), check, createWriteStream(part, { mode: 0o600 }), {
        signal,
      });
    } catch (cause) {
      if (cause instanceof DriverError || signal.aborted) throw cause;
      throw new DriverError('guest.image.download', `Image ${source.imageId} could not be downloaded.`, { cause });
    }
    if (bytes !== source.sizeBytes) throw wrongImage(source, `it has ${bytes} bytes instead of ${source.sizeBytes}`);
    if (hash.digest('hex') !== source.sha512) throw wrongImage(source, 'its SHA-512 differs');
    const file = await open(part, 'r+');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  }

  return {
    path,
    async fetch(source, signal) {
      signal.throwIfAborted();
      const abort = new AbortController();
      const job = underWay.get(source.sha512) ?? { done: fetchNow(source, abort.signal), abort, waiters: 0 };
      if (!underWay.has(source.sha512)) {
        underWay.set(source.sha512, job);
        void job.done.catch(() => undefined).finally(() => underWay.delete(source.sha512));
      }
      job.waiters += 1;
      let onAbort: (() => void) | undefined;
      const givenUp = new Promise<never>((_, reject) => {
        onAbort = () => reject(signal.reason);
        signal.addEventListener('abort', onAbort, { once: true });
      });
      try {
        return await Promise.race([job.done, givenUp]);
      } finally {
        if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
        job.waiters -= 1;
        if (job.waiters === 0)
          job.abort.abort(new DriverError('guest.image.download', 'Nobody waits for the image any more.'));
      }
    },
    async prune(inUse) {
      for (const name of await readdir(folder).catch(() => [])) {
        const sha512 = name.replace(/\.part$/, '');
        if (inUse.has(name) || underWay.has(sha512)) continue;
        const age = clock.now().getTime() - (await stat(join(folder, name))).mtimeMs;
        if (age > unusedMs) await rm(join(folder, name), { force: true });
      }
    },
  };
}

function wrongImage(source: ImageSource, why: string): DriverError {
  return new DriverError('guest.image.checksum', `Image ${source.imageId} is not what was promised: ${why}.`);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
