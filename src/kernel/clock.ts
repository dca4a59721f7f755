import { performance } from 'node:perf_hooks';

/** Where time comes from. Nothing else may ask the machine for it, so that tests can move it. */
export interface Clock {
  /** Wall time, for what people and clients see. */
  now(): Date;
  /** Milliseconds that only go forward, for deadlines and durations. */
  monotonicMs(): number;
  /**
   * Resolves after `ms`, or at once when `signal` aborts (it never rejects).
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal?.addEventListener('abort', done, { once: true });
    }),
};

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

/** A clock that stands still until `advance` moves it; sleepers wake in the order of their times. */
export class ManualClock implements Clock {
  #ms: number;
  #sleepers: Sleeper[] = [];

  constructor(start = new Date('2026-01-01T00:00:00Z')) {
    this.#ms = start.getTime();
  }

  now(): Date {
    return new Date(this.#ms);
  }

  monotonicMs(): number {
    return this.#ms;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const sleeper = { at: this.#ms + ms, wake: resolve };
      this.#sleepers.push(sleeper);
      signal?.addEventListener('abort', () => this.#wake(sleeper), { once: true });
    });
  }

  /** Moves time forward, waking each sleeper at its own moment and letting it run before the next. */
  async advance(ms: number): Promise<void> {
    const end = this.#ms + ms;
    for (;;) {
      await letOthersRun();
      const next = this.#sleepers.toSorted((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > end) break;
      this.#ms = Math.max(this.#ms, next.at);
      this.#wake(next);
    }
    this.#ms = end;
    await letOthersRun();
  }

  #wake(sleeper: Sleeper): void {
    this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
    sleeper.wake();
  }
}

/** What comes from outside the process, such as a server's answers, which no number of turns of the event loop brings. */
const outside = new Set<Promise<unknown>>();

/** Has manual clocks stand still until this work is done. */
export function standStillFor<T>(work: Promise<T>): Promise<T> {
  const settled: Promise<unknown> = work.then(forget, forget);
  function forget(): void {
    outside.delete(settled);
  }
  outside.add(settled);
  return work;
}

/** Lets everything run that can without time passing; what tests wait with. */
export async function letOthersRun(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  while (outside.size > 0) {
    await Promise.race(outside);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
