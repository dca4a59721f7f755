import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newUuid } from '#kernel/ids.ts';
import { type FileStore, openFileStore } from './file-store.ts';

let directory: string;
let store: FileStore;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pileus-store-'));
  store = openFileStore({ id: 'a', description: '', directory });
});
afterEach(() => rm(directory, { recursive: true }));

async function keep(chunks: readonly Buffer[]): Promise<string> {
  const id = newUuid();
  const file = await store.create(id);
  for (const chunk of chunks) await file.write(chunk);
  await file.commit();
  return id;
}

describe('a file of a store', () => {
  it('takes no room for its zeros, in front, between and at the end', async () => {
    const zeros = Array.from({ length: 160 }, () => Buffer.alloc(65_536));
    const data = Buffer.alloc(65_536, 'x');
    const id = await keep([...zeros, data, ...zeros, data, ...zeros]);
    const { size, blocks } = await stat(join(directory, 'data', id.slice(0, 2), id));
    expect(size).toBe(482 * 65_536);
    expect(blocks * 512).toBeLessThan(1024 * 1024);
  });

  it('comes back as it went in, however much of it is zero and however it is cut', async () => {
    const chunk = fc
      .record({
        length: fc.integer({ min: 1, max: 140_000 }),
        fill: fc.constantFrom(0, 7),
        last: fc.constantFrom(0, 1),
      })
      .map(({ length, fill, last }) => {
        const bytes = Buffer.alloc(length, fill);
        bytes[length - 1] = last;
        return bytes;
      });
    await fc.assert(
      fc.asyncProperty(fc.array(chunk, { maxLength: 6 }), async (chunks) => {
        const stream = await store.openData(await keep(chunks));
        expect(stream).toBeDefined();
        if (stream !== undefined) expect((await buffer(stream)).equals(Buffer.concat(chunks))).toBe(true);
      }),
      { numRuns: 50 },
    );
  });
});
