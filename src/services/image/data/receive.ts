import { createHash, type Hash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { BadRequest, TooLarge } from '#kernel/errors.ts';
import type { DiskFormat } from '../formats/format.ts';
import { ImageInspector, type Inspection } from '../formats/inspect.ts';
import type { IncomingFile } from './file-store.ts';

/** What was received. */
export interface Received {
  readonly sizeBytes: number;
  readonly md5: string;
  readonly sha512: string;
  readonly inspection: Inspection;
}

export interface ReceiveOptions {
  readonly diskFormat: DiskFormat;
  /** More than this is refused; Infinity for no limit. */
  readonly maxBytes: number;
  /** Told with every chunk how many bytes have come, so that the writer's claim can be renewed. @throws to stop. */
  readonly onProgress: (bytes: number) => Promise<void>;
}

/**
 * Takes a stream into a file, chunk by chunk: hashed, inspected and written as it passes, with one chunk in memory.
 * The file is neither committed nor discarded here.
 * @throws {BadRequest} `image.content.…` as soon as the content is known to be refused, or `image.data.cut_off` when
 *   the stream breaks; {TooLarge} `image.data.too_large`, `image.store.full`.
 */
export async function receive(source: Readable, file: IncomingFile, options: ReceiveOptions): Promise<Received> {
  const inspector = new ImageInspector(options.diskFormat);
  const md5 = createHash('md5');
  const sha512 = createHash('sha512');
  let sizeBytes = 0;
  for await (const chunk of whole(source)) {
    sizeBytes += chunk.length;
    if (sizeBytes > options.maxBytes)
      throw new TooLarge(
        'image.data.too_large',
        `The incoming image is too large: it may have ${options.maxBytes} bytes at most.`,
      );
    inspector.push(chunk);
    if (inspector.refusal !== undefined) throw new BadRequest(inspector.refusal.code, inspector.refusal.message);
    md5.update(chunk);
    sha512.update(chunk);
    await file.write(chunk);
    await options.onProgress(sizeBytes);
  }
  const inspection = inspector.finish();
  if (inspection.refusal !== undefined) throw new BadRequest(inspection.refusal.code, inspection.refusal.message);
  return { sizeBytes, md5: digest(md5), sha512: digest(sha512), inspection };
}

/** A client that goes away in the middle is no bug of ours. The stream is left open: there is still an answer to send on its socket. */
async function* whole(source: Readable): AsyncIterable<Buffer> {
  try {
    for await (const chunk of source.iterator({ destroyOnReturn: false })) yield chunk as Buffer;
  } catch (cause) {
    throw new BadRequest('image.data.cut_off', 'The image data ended before it was complete; upload it again.', {
      cause,
    });
  }
}

/** What is read of a refused upload before it is answered, so that clients that look for an answer only at the end find one. */
const MAX_DRAIN_BYTES = 64 * 1024 * 1024;

/** Reads on a little and throws away what comes, after an upload was refused. */
export async function drain(source: Readable): Promise<void> {
  let bytes = 0;
  try {
    for await (const chunk of source.iterator({ destroyOnReturn: false })) {
      bytes += (chunk as Buffer).length;
      if (bytes > MAX_DRAIN_BYTES) return;
    }
  } catch {
    // The client has gone, and with it whoever wanted the answer.
  }
}

function digest(hash: Hash): string {
  return hash.digest('hex');
}
