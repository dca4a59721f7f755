import { AsyncLocalStorage } from 'node:async_hooks';

interface Mark {
  isOpen: boolean;
  readonly afterCommit: (() => void)[];
}

const current = new AsyncLocalStorage<Mark>();

/** Whether the calling chain has a transaction open, so that another connection could only wait for itself. */
export function isInsideTransaction(): boolean {
  return current.getStore()?.isOpen === true;
}

/**
 * Does something once the transaction that is open here has been committed, and never if it is rolled back; at once
 * when none is open. For waking others up: it must not throw.
 */
export function afterCommit(action: () => void): void {
  const mark = current.getStore();
  if (mark?.isOpen === true) mark.afterCommit.push(action);
  else action();
}

/** Marks the chain of calls under `work` as inside a transaction. `transact` opens, runs what it is given, and commits. */
export async function markTransaction<Result>(
  transact: (within: <R>(work: () => Promise<R>) => Promise<R>) => Promise<Result>,
): Promise<Result> {
  const mark: Mark = { isOpen: true, afterCommit: [] };
  try {
    const result = await transact((work) => current.run(mark, work));
    mark.isOpen = false;
    for (const action of mark.afterCommit) action();
    return result;
  } finally {
    mark.isOpen = false;
  }
}
