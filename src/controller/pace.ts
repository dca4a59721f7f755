import type { Clock } from '#kernel/clock.ts';

export interface Pace {
  /** Does the work when it is its turn; an abort while it waits leaves it out. */
  run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T | null>;
}

/** Longest rest between two works, so that a single slow one does not hold up the others for long. */
const MAX_REST_MS = 100;

/**
 * Does works one after the other, and rests after each, so that all together take only a share of the time.
 *
 * For what can wait and be put together: a host that is told of its networks a moment later is told of more at once.
 * @param share of the time that works may take, above 0 and at most 1.
 */
export function createPace(clock: Clock, share: number): Pace {
  let last: Promise<void> = Promise.resolve();

  async function take(turn: Promise<void>, work: () => Promise<unknown>): Promise<void> {
    await turn;
    const startMs = clock.monotonicMs();
    await work().catch(() => {});
    const restMs = (clock.monotonicMs() - startMs) * (1 / share - 1);
    if (restMs >= 1) await clock.sleep(Math.min(restMs, MAX_REST_MS));
  }

  return {
    run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T | null> {
      return new Promise((resolve, reject) => {
        last = take(last, async () => {
          if (signal.aborted) return resolve(null);
          await work().then(resolve, reject);
        });
      });
    },
  };
}
