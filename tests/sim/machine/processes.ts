/**
 * Processes that can be killed, inside one real one.
 *
 * Theory of operation. All that a controller or an agent does happens in its zone, an asynchronous context that every promise chain
 * carries on. Whatever reaches the world outside (time, files, statements, messages, driver calls) passes `point` first. After a kill
 * nothing of the zone passes any more: its chains wait for ever, as everything of a dead process does, and are collected.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

/** What may be counted, recorded and made to fail. */
export type PointKind = 'file' | 'statement' | 'message' | 'driver' | 'time';

export interface Process {
  readonly name: string;
  isDead: boolean;
  /** Points that are passed until it dies by itself; undefined: it does not. */
  fuse: number | undefined;
  /** What else must happen at its death. */
  readonly onDeath: (() => void)[];
}

const zones = new AsyncLocalStorage<Process>();

export function createProcess(name: string): Process {
  return { name, isDead: false, fuse: undefined, onDeath: [] };
}

/** The process that is running now; undefined for the laboratory itself. */
export function currentProcess(): Process | undefined {
  return zones.getStore();
}

/** Runs something as part of a process. */
export function runIn<T>(process: Process | undefined, work: () => T): T {
  return process === undefined ? zones.exit(work) : zones.run(process, work);
}

/** Takes a process away, at once and with nothing said to anybody. */
export function kill(process: Process): void {
  if (process.isDead) return;
  process.isDead = true;
  for (const act of process.onDeath) act();
}

/** A new one each time: what waits for one promise is kept alive by it. */
export function never(): Promise<never> {
  return new Promise<never>(() => {});
}

/** Passes a point of the process that is running; false when it is dead, or dies of it. */
export function passes(kind: PointKind): boolean {
  const process = zones.getStore();
  if (process === undefined) return true;
  if (process.isDead) return false;
  if (process.fuse === undefined || kind === 'time') return true;
  process.fuse--;
  if (process.fuse >= 0) return true;
  kill(process);
  return false;
}
