import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Db } from '#kernel/db/database.ts';
import { openTestDatabase } from '#tests/support/database.ts';
import { newCloudKey, seal, unseal } from './seal.ts';
import { shareCloud } from './shared-cloud.ts';
import { createSharedFolder } from './shared-folder.ts';
import { type SharedStateTables, sharedStateMigrations } from './tables.ts';

let home: string;
let db: Db<SharedStateTables>;
const cloudKey = newCloudKey();
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'pileus-shared-'));
  db = await openTestDatabase<SharedStateTables>(sharedStateMigrations);
});
afterEach(async () => {
  await db.destroy();
  await rm(home, { recursive: true });
});

const put = async (path: string, text: string): Promise<void> => {
  await mkdir(join(home, path, '..'), { recursive: true });
  await writeFile(join(home, path), text);
};
const get = (path: string): Promise<string> => readFile(join(home, path), 'utf8');
const folderOf = (name: string) => createSharedFolder({ db, cloudKey, name: 'keys', folder: join(home, name) });

describe('a sealed text', () => {
  it('is opened by its own key and name only', () => {
    const sealed = seal(cloudKey, 'a', 'secret');
    expect(unseal(cloudKey, 'a', sealed)).toBe('secret');
    expect(() => unseal(cloudKey, 'b', sealed)).toThrow();
    expect(() => unseal(newCloudKey(), 'a', sealed)).toThrow();
  });
});

describe('controllers over one database', () => {
  it('agree on the cloud that the first one is', async () => {
    const first = { cloudId: 'one', adminPassword: 'p1' };
    expect(await shareCloud(db, cloudKey, first)).toEqual(first);
    expect(await shareCloud(db, cloudKey, { cloudId: 'two', adminPassword: 'p2' })).toEqual(first);
  });

  it('are refused with another key, and find no secret in clear in the database', async () => {
    await shareCloud(db, cloudKey, { cloudId: 'one', adminPassword: 'p1' });
    await expect(shareCloud(db, newCloudKey(), { cloudId: 'two', adminPassword: 'p2' })).rejects.toThrow();
    expect(JSON.stringify(await db.selectFrom('shared_secrets').selectAll().execute())).not.toContain('p1');
  });

  it('have the keys of the first, and lose their own', async () => {
    await put('a/fernet/0', 'a0');
    await put('a/fernet/1', 'a1');
    await put('b/fernet/0', 'b0');
    await put('b/fernet/7', 'b7');
    await folderOf('a').pull();
    await folderOf('b').pull();
    expect([await get('b/fernet/0'), await get('b/fernet/1')]).toEqual(['a0', 'a1']);
    await expect(get('b/fernet/7')).rejects.toThrow('ENOENT');
  });

  it('see what one of them has changed', async () => {
    await put('a/fernet/0', 'old');
    await folderOf('a').pull();
    await folderOf('b').pull();
    await put('a/fernet/0', 'new');
    await folderOf('a').push();
    await folderOf('b').pull();
    expect(await get('b/fernet/0')).toBe('new');
  });

  it('do not both change the keys at once', async () => {
    await put('a/fernet/0', 'old');
    await folderOf('a').pull();
    await folderOf('b').pull();
    await put('a/fernet/0', 'by a');
    await put('b/fernet/0', 'by b');
    await folderOf('b').push();
    await expect(folderOf('a').push()).rejects.toThrow('at the same time');
    expect(await get('a/fernet/0')).toBe('by b');
  });
});
