import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '#kernel/clock.ts';
import { createImageCache, type ImageSource } from './images.ts';

const BYTES = Buffer.from('an image');
const sha512 = createHash('sha512').update(BYTES).digest('hex');
const SOURCE: ImageSource = { type: 'image', imageId: 'i', sha512, format: 'raw', sizeBytes: BYTES.length };
const never = new AbortController().signal;

describe("the host's image cache", () => {
  let folder: string;
  let downloads = 0;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pileus-images-'));
    downloads = 0;
  });
  afterEach(() => rm(folder, { recursive: true }));

  function open(content: () => Readable = () => Readable.from([BYTES]), clock = new ManualClock(new Date())) {
    const download = async (): Promise<Readable> => {
      downloads += 1;
      return content();
    };
    return createImageCache({ folder, download, clock, unusedMs: 1_000 });
  }

  it('downloads an image once for all that want it at the same time, and never again', async () => {
    const cache = open();
    const paths = await Promise.all([1, 2, 3].map(() => cache.fetch(SOURCE, never)));
    expect(new Set(paths)).toEqual(new Set([cache.path(sha512)]));
    await cache.fetch(SOURCE, never);
    expect(downloads).toBe(1);
    expect(await readFile(cache.path(sha512))).toEqual(BYTES);
  });

  it.each([
    ['other bytes', Buffer.from('an imagE')],
    ['too few bytes', Buffer.from('an')],
    ['too many bytes', Buffer.from('an image and more')],
  ])('refuses %s and keeps nothing of them', async (_, content) => {
    await expect(open(() => Readable.from([content])).fetch(SOURCE, never)).rejects.toMatchObject({
      code: 'guest.image.checksum',
    });
    expect(await readdir(folder)).toEqual([]);
  });

  it('says that a download failed, and tries again when asked again', async () => {
    let isBroken = true;
    const cache = open(() =>
      isBroken
        ? new Readable({
            read() {
              this.destroy(new Error('cut'));
            },
          })
        : Readable.from([BYTES]),
    );
    await expect(cache.fetch(SOURCE, never)).rejects.toMatchObject({ code: 'guest.image.download' });
    isBroken = false;
    await cache.fetch(SOURCE, never);
  });

  it('goes on with a download when one of two gives up, and ends it when both have', async () => {
    const stream = new Readable({ read: () => undefined });
    const cache = open(() => stream);
    const [first, second] = [new AbortController(), new AbortController()];
    const waits = [cache.fetch(SOURCE, first.signal), cache.fetch(SOURCE, second.signal)].map((wait) =>
      expect(wait).rejects.toThrow('enough'),
    );
    first.abort(new Error('enough'));
    await waits[0];
    expect(stream.destroyed).toBe(false);
    second.abort(new Error('enough'));
    await waits[1];
    await new Promise((resolve) => stream.once('close', resolve));
  });

  it('removes what is not in use and old, and nothing else', async () => {
    const clock = new ManualClock(new Date());
    const cache = open(undefined, clock);
    await cache.fetch(SOURCE, never);
    await cache.prune(new Set());
    expect(await readdir(folder)).toHaveLength(1);
    await clock.advance(5_000);
    await cache.prune(new Set([sha512]));
    expect(await readdir(folder)).toHaveLength(1);
    await cache.prune(new Set());
    expect(await readdir(folder)).toEqual([]);
  });
});
