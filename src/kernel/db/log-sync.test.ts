import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type Db, openDatabase, reachDisk } from './database.ts';
import { createLogSync } from './log-sync.ts';

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});
async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'pileus-log-sync-'));
  folders.push(path);
  return path;
}

describe('syncing the log', () => {
  it('has the log on the disk before it says so, with writes that come meanwhile', async () => {
    const db = openDatabase({ kind: 'sqlite', file: join(await folder(), 'a.sqlite'), durability: 'full' }) as Db<{
      things: { id: number };
    }>;
    await db.schema.createTable('things').addColumn('id', 'integer').execute();
    await Promise.all(
      Array.from({ length: 50 }, async (_, id) => {
        await db.insertInto('things').values({ id }).execute();
        await reachDisk(db);
      }),
    );
    expect(await db.selectFrom('things').select('id').execute()).toHaveLength(50);
    await db.destroy();
  });

  it('says so at once when nothing was written', async () => {
    await expect(createLogSync('/nowhere/at/all').reached()).resolves.toBeUndefined();
  });

  it('fails who waits when the log cannot be written, and tries again for the next', async () => {
    const log = createLogSync('/nowhere/at/all');
    log.wrote();
    await expect(log.reached()).rejects.toThrow('ENOENT');
    await expect(log.reached()).rejects.toThrow('ENOENT');
  });
});
