import { AsyncLocalStorage } from 'node:async_hooks';

const current = new AsyncLocalStorage<{ isOpen: boolean }>();

/** Whether the calling chain has a transaction open, so that another connection could only wait for itself. */
export function isInsideTransaction(): boolean {
  return current.getStore()?.isOpen === true;
}

/** Marks the chain of calls under `work` as inside a transaction, until `work` ends. */
export async function markTransaction<Result>(work: () => Promise<Result>): Promise<Result> {
  const mark = { isOpen: true };
  try {
    return await current.run(mark, work);
  } finally {
    mark.isOpen = false;
  }
}
