/** A cloud is put back from a backup that is older than it: nothing that the backup does not know is destroyed. */
import { open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '#kernel/db/database.ts';
import { acceptRestoration } from '#kernel/restoration/store.ts';
import { type BackupOptions, takeBackup } from '../../src/controller/backup/backup.ts';
import { type RestoreOptions, restoreBackup } from '../../src/controller/backup/restore.ts';
import { verifyBackup } from '../../src/controller/backup/verify.ts';
import { DATABASE_FILE } from '../../src/controller/controller.ts';
import { type CloudUnderTest, startCloud, until } from '../support/cloud.ts';
import { makeSurroundings, type Surroundings, serverBody } from '../support/openstack.ts';

const CLOUD_ID = 'aaaaaaaa-0000-4000-8000-000000000001';

let cloud: CloudUnderTest;
let around: Surroundings;
let folder: string;

beforeAll(async () => {
  cloud = await startCloud();
  around = await makeSurroundings(cloud);
  folder = dirname(cloud.controllerDir);
});
afterAll(() => cloud.stop());

async function backUp(name: string, change: Partial<BackupOptions> = {}): Promise<string> {
  const file = join(folder, name);
  await takeBackup({
    database: { kind: 'sqlite', file: cloud.databaseFile, durability: 'normal' },
    cloudId: CLOUD_ID,
    program: '0.0.0',
    takenAt: new Date('2026-11-01T00:00:00Z'),
    controllerDir: cloud.controllerDir,
    cloudFiles: {},
    withImages: true,
    file,
    ...change,
  });
  return file;
}

function restoreOf(file: string): RestoreOptions {
  return {
    file,
    cloudDir: folder,
    controllerDir: cloud.controllerDir,
    databaseName: DATABASE_FILE,
    database: { kind: 'sqlite', file: '', durability: 'full' },
    now: new Date(),
    check: () => undefined,
  };
}

async function createServer(name: string): Promise<string> {
  const { body } = await cloud.get('compute', 'POST /v2.1/servers', { body: serverBody(around, name) });
  await untilStatus(body.server.id, 'ACTIVE');
  return body.server.id;
}

async function untilStatus(id: string, status: string): Promise<void> {
  await until(`server ${status}`, async () => {
    const answer = await cloud.ask('compute', `GET /v2.1/servers/${id}`);
    return answer.status === 404 ? status === 'gone' : answer.body.server.status === status;
  });
}

async function deleteServer(id: string): Promise<void> {
  await cloud.get('compute', `DELETE /v2.1/servers/${id}`);
  await untilStatus(id, 'gone');
}

const guestsOn = (): string[] => [...(cloud.hosts[0]?.guests.guests.keys() ?? [])].sort();

describe('a cloud that is put back', () => {
  it('knows what it knew, keeps what it did not know, and lets it go when told to', async () => {
    const known = await createServer('known');
    const file = await backUp('one.tar.gz');
    const later = await createServer('later');
    await cloud.restart(async () => {
      await restoreBackup(restoreOf(file));
    });

    await untilStatus(known, 'ACTIVE');
    expect((await cloud.ask('compute', `GET /v2.1/servers/${later}`)).status).toBe(404);
    expect((await cloud.get('image', `GET /v2/images/${around.imageId}/file`)).status).toBe(200);
    // a round trip through the host, after which anything unwanted would be gone
    const fresh = await createServer('fresh');
    expect(guestsOn()).toEqual([known, later, fresh].sort());
    await deleteServer(known);
    expect(guestsOn()).toEqual([later, fresh].sort());
    await until(
      'the host says which guest it keeps',
      async () => {
        const db = openDatabase<{ hosts: { notices: string } }>(databaseOf(cloud));
        const [host] = await db.selectFrom('hosts').select('notices').execute();
        await db.destroy();
        return host?.notices.includes(later);
      },
      20_000,
    );

    const db = openDatabase(databaseOf(cloud));
    expect(await acceptRestoration(db, Date.now())).toBe(true);
    expect(await acceptRestoration(db, Date.now())).toBe(false);
    await db.destroy();
    await until('the unknown guest is gone', () => !guestsOn().includes(later));
    expect(guestsOn()).toEqual([fresh]);
    await deleteServer(fresh);
  });

  it('has the tokens, keys and passwords that it had', async () => {
    const token = await cloud.token();
    const file = await backUp('two.tar.gz');
    await cloud.restart(async () => {
      await rm(join(cloud.controllerDir, 'identity'), { recursive: true });
      await restoreBackup(restoreOf(file));
    });
    expect((await cloud.ask('identity', 'GET /v3/projects', { token })).status).toBe(200);
  });
});

describe('a backup', () => {
  it('is readable by its owner only, and whole', async () => {
    const file = await backUp('whole.tar.gz');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const manifest = await verifyBackup(file);
    expect(manifest.cloudId).toBe(CLOUD_ID);
    expect(manifest.database.tables['images']).toBe(1);
    expect(manifest.leftOut).toEqual([]);
  });

  it('without images says so', async () => {
    const manifest = await verifyBackup(await backUp('small.tar.gz', { withImages: false }));
    expect(manifest.leftOut).toEqual(['the data of images']);
    expect(manifest.entries.some(({ path }) => path.includes('/image/'))).toBe(false);
  });

  it.each([
    ['cut short', async (file: string) => truncate(file, (await stat(file)).size - 100)],
    [
      'with one bit turned',
      async (file: string) => {
        const bytes = await readFile(file);
        const middle = bytes.length >> 1;
        bytes[middle] = (bytes[middle] ?? 0) ^ 1;
        await writeFile(file, bytes);
      },
    ],
    ['that is none', (file: string) => writeFile(file, 'hello')],
  ])('%s is refused, and nothing changes', async (name, damage) => {
    const file = await backUp(`${name}.tar.gz`);
    await damage(file);
    const before = (await stat(cloud.databaseFile)).ino;
    await expect(restoreBackup(restoreOf(file))).rejects.toThrow(/not a whole backup|is damaged/);
    expect((await stat(cloud.databaseFile)).ino).toBe(before);
  });

  it('that cannot be finished leaves nothing behind', async () => {
    const missing = join(folder, 'nowhere');
    await expect(
      backUp('none.tar.gz', { database: { kind: 'sqlite', file: missing, durability: 'normal' } }),
    ).rejects.toThrow();
    await expect(open(join(folder, 'none.tar.gz'))).rejects.toThrow('ENOENT');
    await expect(open(join(folder, 'none.tar.gz.partial'))).rejects.toThrow('ENOENT');
  });
});

function databaseOf({ databaseFile }: CloudUnderTest) {
  return { kind: 'sqlite', file: databaseFile, durability: 'normal' } as const;
}
