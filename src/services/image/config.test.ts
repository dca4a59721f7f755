import { describe, expect, it } from 'vitest';
import { type ImageConfig, listStores, readImageConfig } from './config.ts';

describe('the stores of the configuration', () => {
  it('are a folder of the controller when nothing is said', () => {
    expect(listStores(readImageConfig({}), '/home')).toEqual([
      { id: 'local', description: 'Files of the controller', directory: '/home/local', read_only: false },
    ]);
  });

  it('stand beside that folder, which can be put elsewhere by its name', () => {
    const stores = [{ id: 'local', directory: '/srv/images' }, { id: 'nfs' }];
    const config = readImageConfig({ stores, defaultStore: 'nfs' });
    expect(listStores(config, '/home').map(({ id, directory }) => [id, directory])).toEqual([
      ['local', '/srv/images'],
      ['nfs', '/home/nfs'],
    ]);
  });

  it.each([
    [{ stores: [{ id: 'a/b' }] }, 'must be a list such as'],
    [{ stores: [{ id: 'a,b' }] }, 'must be a list such as'],
    [{ stores: [{ id: 'os_glance_cache' }] }, 'must be a list such as'],
    [{ stores: [{ id: 'a', directory: 'relative' }] }, 'must be a list such as'],
    [{ stores: [{ id: 'a', readonly: true }] }, 'must be a list such as'],
    [{ stores: 'a' }, 'must be a list such as'],
    [{ stores: [{ id: 'a' }, { id: 'a' }] }, 'has the id a twice'],
    [
      {
        stores: [
          { id: 'a', directory: '/x' },
          { id: 'b', directory: '/x/' },
        ],
      },
      'has the directory /x twice',
    ],
    [{ defaultStore: 'a' }, 'image.default_store must be a store that takes images: local'],
    [{ stores: [{ id: 'local', read_only: true }] }, 'image.default_store must be'],
  ])('%j is refused with a sentence that says what is wrong', (given, message) => {
    expect(() => readImageConfig(given as Partial<ImageConfig>)).toThrow(message);
  });
});
