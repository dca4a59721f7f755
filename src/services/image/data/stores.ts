import { NotFound } from '#kernel/errors.ts';
import type { FileStore } from './file-store.ts';

/** The stores of this cloud, the default first. */
export interface Stores {
  readonly all: readonly FileStore[];
  readonly default: FileStore;
  /** Where data waits to be imported; no image is served from it. */
  readonly staging: FileStore;
  /** Where copies are kept for quick downloads. */
  readonly cache: FileStore;
  find(id: string): FileStore | undefined;
  /** The store that a location's name means, the staging area and the cache among them. */
  holding(id: string): FileStore | undefined;
  /** @throws {NotFound} `image.store.unknown`. */
  get(id: string): FileStore;
}

export function createStores(
  all: readonly [FileStore, ...FileStore[]],
  own: { readonly staging: FileStore; readonly cache: FileStore },
): Stores {
  const find = (id: string): FileStore | undefined => all.find((store) => store.id === id);
  return {
    all,
    default: all[0],
    ...own,
    find,
    holding: (id) => [own.staging, own.cache].find((store) => store.id === id) ?? find(id),
    get(id) {
      const store = find(id);
      if (store === undefined) throw new NotFound('image.store.unknown', `There is no image store '${id}' here.`);
      return store;
    },
  };
}
