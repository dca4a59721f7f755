import { NotFound } from '#kernel/errors.ts';
import type { FileStore } from './file-store.ts';

/** The stores of this cloud, in the order of the configuration. */
export interface Stores {
  readonly all: readonly FileStore[];
  readonly default: FileStore;
  /** Where data waits to be imported; no image is served from it. It has several names in locations. */
  readonly staging: FileStore;
  /** Where copies are kept for quick downloads. */
  readonly cache: FileStore;
  find(id: string): FileStore | undefined;
  /** The store that a location's name means, the staging area and the cache among them. */
  holding(id: string): FileStore | undefined;
  /** @throws {NotFound} `image.store.unknown`. */
  get(id: string): FileStore;
}

/** @throws {Error} unless the default is one of them. */
export function createStores(
  all: readonly FileStore[],
  defaultId: string,
  own: { readonly staging: FileStore; readonly cache: FileStore; readonly stagingNames: readonly string[] },
): Stores {
  const find = (id: string): FileStore | undefined => all.find((store) => store.id === id);
  const usual = find(defaultId);
  if (usual === undefined) throw new Error(`there is no image store ${defaultId}`);
  return {
    all,
    default: usual,
    staging: own.staging,
    cache: own.cache,
    find,
    holding: (id) => (own.stagingNames.includes(id) ? own.staging : id === own.cache.id ? own.cache : find(id)),
    get(id) {
      const store = find(id);
      if (store === undefined) throw new NotFound('image.store.unknown', `There is no image store '${id}' here.`);
      return store;
    },
  };
}
