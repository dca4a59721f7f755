/**
 * Time that the laboratory moves: from one thing that is due to the next, however far away it is.
 *
 * Theory of operation. Sleepers lie in a heap by their moment; those of one moment are woken in an order that chance decides. After each
 * moment the event loop is run until nothing is left to do. That can be known, because nothing here waits for the real world: files are
 * in memory, hashes are taken at once, and whoever uses `setImmediate` is counted.
 */
import type { Clock } from '#kernel/clock.ts';
import type { Chance } from './chance.ts';
import { currentProcess, never, type Process } from './processes.ts';

interface Sleeper {
  readonly at: number;
  readonly order: number;
  readonly process: Process | undefined;
  wake: (() => void) | undefined;
}

const realSetImmediate = globalThis.setImmediate;
let pendingImmediates = 0;

/** Has every `setImmediate` counted from now on. */
export function countImmediates(): void {
  const counted = (work: (...args: unknown[]) => void, ...args: unknown[]): NodeJS.Immediate => {
    pendingImmediates++;
    const immediate = realSetImmediate(() => {
      waiting.delete(immediate);
      pendingImmediates--;
      work(...args);
    });
    waiting.add(immediate);
    return immediate;
  };
  const waiting = new Set<NodeJS.Immediate>();
  const realClear = globalThis.clearImmediate;
  globalThis.setImmediate = counted as typeof setImmediate;
  globalThis.clearImmediate = (immediate) => {
    if (immediate !== undefined && waiting.delete(immediate)) pendingImmediates--;
    realClear(immediate);
  };
}

/** Resolves once nothing is left to do at this moment. */
async function runDry(): Promise<void> {
  do await new Promise<void>((resolve) => void realSetImmediate(resolve));
  while (pendingImmediates > 0);
}

export class SimClock implements Clock {
  #ms: number;
  readonly #startMs: number;
  readonly #chance: Chance;
  readonly #heap: Sleeper[] = [];

  constructor(start: Date, chance: Chance) {
    this.#ms = start.getTime();
    this.#startMs = this.#ms;
    this.#chance = chance;
  }

  now(): Date {
    return new Date(this.#ms);
  }

  nowMs(): number {
    return this.#ms;
  }

  monotonicMs(): number {
    return this.#ms - this.#startMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const process = currentProcess();
    if (process?.isDead === true) return never();
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const onAbort = (): void => {
        sleeper.wake = undefined;
        resolve();
      };
      const sleeper = this.#push(ms, process, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Calls back after `ms`; what it returns takes that back. */
  after(ms: number, act: () => void): () => void {
    const sleeper = this.#push(ms, currentProcess(), act);
    return () => {
      sleeper.wake = undefined;
    };
  }

  /** Moves time to a moment, letting everybody do on the way what is due. */
  async advanceTo(endMs: number): Promise<void> {
    await runDry();
    for (;;) {
      const next = this.#heap[0];
      if (next === undefined || next.at > endMs) break;
      this.#pop();
      if (next.wake === undefined || next.process?.isDead === true) continue;
      this.#ms = Math.max(this.#ms, next.at);
      next.wake();
      await runDry();
    }
    this.#ms = Math.max(this.#ms, endMs);
  }

  async advance(ms: number): Promise<void> {
    await this.advanceTo(this.#ms + ms);
  }

  #push(ms: number, process: Process | undefined, wake: () => void): Sleeper {
    const heap = this.#heap;
    const sleeper = { at: this.#ms + Math.max(0, Math.ceil(ms)), order: this.#chance.unit(), process, wake };
    let i = heap.length;
    heap.push(sleeper);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!isBefore(sleeper, heap[parent] as Sleeper)) break;
      heap[i] = heap[parent] as Sleeper;
      i = parent;
    }
    heap[i] = sleeper;
    return sleeper;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let i = 0;
    for (;;) {
      const left = 2 * i + 1;
      if (left >= heap.length) break;
      const right = left + 1;
      const child = right < heap.length && isBefore(heap[right] as Sleeper, heap[left] as Sleeper) ? right : left;
      if (!isBefore(heap[child] as Sleeper, last)) break;
      heap[i] = heap[child] as Sleeper;
      i = child;
    }
    heap[i] = last;
  }
}

function isBefore(a: Sleeper, b: Sleeper): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
