import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FERNET_KEYS, type FernetKey, openFernet, sealFernet } from './fernet.ts';
import { type KeyRepository, openKeyRepository } from './key-repository.ts';

let folder: string;
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'pileus-keys-')), 'keys');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const files = async (): Promise<string[]> => (await readdir(folder)).toSorted();
const primary = (repository: KeyRepository<FernetKey>) => {
  const key = repository.keys()[0];
  if (key === undefined) throw new Error('no key');
  return key;
};

describe('a key repository', () => {
  it('begins with a key and a staged one, which only their owner can read', async () => {
    await openKeyRepository(folder, 3, FERNET_KEYS);
    expect(await files()).toEqual(['0', '1']);
    expect((await stat(join(folder, '1'))).mode & 0o777).toBe(0o600);
  });

  it('opens after a rotation what was sealed before, until the key is dropped', async () => {
    const repository = await openKeyRepository(folder, 3, FERNET_KEYS);
    const sealed = sealFernet(primary(repository), Buffer.from('x'), 0);
    await repository.rotate();
    expect(await files()).toEqual(['0', '1', '2']);
    expect(openFernet(repository.keys(), sealed)).toBeDefined();
    await repository.rotate();
    expect(await files()).toEqual(['0', '2', '3']);
    expect(openFernet(repository.keys(), sealed)).toBeUndefined();
  });

  it('lets another controller open what is sealed right after a rotation, by the staged key', async () => {
    const one = await openKeyRepository(folder, 3, FERNET_KEYS);
    const other = await openKeyRepository(folder, 3, FERNET_KEYS);
    await one.rotate();
    const sealed = sealFernet(primary(one), Buffer.from('x'), 0);
    expect(openFernet(other.keys(), sealed)).toBeDefined();
  });

  it('makes a staged key good that a crash took', async () => {
    await openKeyRepository(folder, 3, FERNET_KEYS);
    await rm(join(folder, '0'));
    await openKeyRepository(folder, 3, FERNET_KEYS);
    expect(await files()).toEqual(['0', '1']);
  });
});
