import { NotFound } from '#kernel/errors.ts';
import type { FileStore } from './file-store.ts';

/** The stores of this cloud, the default first. */
export interface Stores {
  readonly all: readonly FileStore[];
  readonly default: FileStore;
  /** Where data waits to be imported; no image is served from it. */
  readonly staging: FileStore;
  find(id: string): FileStore | undefined;
  /** @throws {NotFound} `image.store.unknown`. */
  get(id: string): FileStore;
}

export function createStores(all: readonly [FileStore, ...FileStore[]], staging: FileStore): Stores {
  const find = (id: string): FileStore | undefined => all.find((store) => store.id === id);
  return {
    all,
    default: all[0],
    staging,
    find,
    get(id) {
      const store = find(id);
      if (store === undefined) throw new NotFound('image.store.unknown', `There is no image store '${id}' here.`);
      return store;
    },
  };
}
