/** Gathers what is handed over in one turn of the event loop, and carries it out together; one batch at a time. */

export interface Batcher<T> {
  /** Resolves or rejects with this item's own outcome. */
  add(item: T, signal: AbortSignal): Promise<void>;
}

interface Waiting<T> {
  readonly item: T;
  readonly signal: AbortSignal;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * @param run carries out a batch and returns what failed, by item; when it throws, all have failed. Its signal aborts only
 *   when those of all items have.
 */
export function createBatcher<T>(
  run: (items: readonly T[], signal: AbortSignal) => Promise<ReadonlyMap<T, unknown>>,
): Batcher<T> {
  let waiting: Waiting<T>[] = [];
  let isRunning = false;

  async function runAll(): Promise<void> {
    if (isRunning) return;
    isRunning = true;
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      await runOne(batch);
    }
    isRunning = false;
  }

  async function runOne(batch: readonly Waiting<T>[]): Promise<void> {
    try {
      const failures = await run(
        batch.map((one) => one.item),
        allAborted(batch.map((one) => one.signal)),
      );
      for (const one of batch) {
        if (failures.has(one.item)) one.reject(failures.get(one.item));
        else one.resolve();
      }
    } catch (error) {
      for (const one of batch) one.reject(error);
    }
  }

  return {
    add: (item, signal) =>
      new Promise((resolve, reject) => {
        if (waiting.length === 0) setImmediate(() => void runAll());
        waiting.push({ item, signal, resolve, reject });
      }),
  };
}

function allAborted(signals: readonly AbortSignal[]): AbortSignal {
  const all = new AbortController();
  let open = signals.filter((signal) => !signal.aborted).length;
  if (open === 0) all.abort();
  const onAbort = (): void => {
    open -= 1;
    if (open === 0) all.abort();
  };
  for (const signal of signals) if (!signal.aborted) signal.addEventListener('abort', onAbort, { once: true });
  return all.signal;
}
