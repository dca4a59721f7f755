/**
 * The machine that a laboratory run has to itself: its time, its chance, its disks.
 *
 * Theory of operation. The product takes time from `Clock` and chance from `Random`, and lint rules hold it to that; but secrets and ids
 * come from `node:crypto`, deadlines of calls from `AbortSignal.timeout`, and libraries do as they like. So the sources
 * themselves are replaced, in this process, before anything else is loaded: whatever anybody asks of Node is answered from the
 * seed. (FoundationDB does this by a language of its own, madsim by replacing libc's functions; here it is Node's own modules.)
 * What is not known below the laboratory's folder fails loudly. Real time is left to whoever measures.
 *
 * This module must be the first that a program imports.
 */
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { type Chance, createChance } from './chance.ts';
import { countImmediates, SimClock } from './clock.ts';
import { createDisk, DISKS, type Disk, type DiskFunctions } from './disk.ts';

export interface Machine {
  readonly clock: SimClock;
  readonly disk: Disk;
  /** For what the laboratory itself decides; what programs ask of Node has a stream of its own. */
  readonly chance: Chance;
}

const real = { now: performance.now.bind(performance), Date: globalThis.Date };
/** Real milliseconds, for measuring. */
export const realMs = (): number => real.now();

let clock: SimClock | undefined;
let chance: Chance | undefined;
let disk: (Disk & DiskFunctions) | undefined;

/** Starts a run: everything from here on follows from the seed. */
export function beginRun(seed: number, start: Date): Machine {
  const mine = createChance(seed);
  chance = createChance(seed ^ 0x5bd1e995);
  clock = new SimClock(start, createChance(seed ^ 0x1b873593));
  const time = clock;
  disk = createDisk({ nowMs: () => time.nowMs(), sleep: (ms) => time.sleep(ms) });
  return { clock, disk, chance: mine };
}

const require = createRequire(import.meta.url);

function take<T extends object>(target: T, replacements: Readonly<Record<string, unknown>>): void {
  Object.assign(target, replacements);
}

function takeChance(): void {
  const crypto = require('node:crypto') as { randomBytes(count: number): Buffer };
  const source = (): Chance => {
    if (chance === undefined) throw new Error('chance was asked for before a run began');
    return chance;
  };
  const uuid = (): string => {
    const bytes = source().bytes(16);
    bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
    bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
    const hex = bytes.toString('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  };
  const realRandomBytes = crypto.randomBytes;
  take(crypto, {
    randomUUID: uuid,
    randomBytes(count: number, done?: (error: Error | null, bytes: Buffer) => void) {
      if (chance === undefined) return realRandomBytes(count);
      const bytes = source().bytes(count);
      if (done === undefined) return bytes;
      process.nextTick(done, null, bytes);
      return undefined;
    },
    randomInt(a: number, b?: number) {
      return b === undefined ? source().below(a) : a + source().below(b - a);
    },
    randomFillSync(buffer: Uint8Array) {
      buffer.set(source().bytes(buffer.length));
      return buffer;
    },
  });
  Math.random = () => chance?.unit() ?? 0.5;
}

/** Hashes of passwords at once instead of on other threads. */
function takeThreads(): void {
  const bcrypt = require('bcrypt') as {
    hashSync(secret: string, rounds: number): string;
    compareSync(secret: string, hash: string): boolean;
  };
  take(bcrypt, {
    hash: async (secret: string, rounds: number) => bcrypt.hashSync(secret, rounds),
    compare: async (secret: string, hash: string) => bcrypt.compareSync(secret, hash),
  });
}

function takeTime(): void {
  const nowMs = (): number => clock?.nowMs() ?? Date.UTC(2026, 0, 1);
  const RealDate = real.Date;
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args, self) => Reflect.construct(target, args.length === 0 ? [nowMs()] : args, self),
    apply: () => new RealDate(nowMs()).toString(),
    get: (target, key) => (key === 'now' ? nowMs : Reflect.get(target, key)),
  });
  performance.now = () => clock?.monotonicMs() ?? 0;
  const cancels = new WeakMap<object, () => void>();
  const timer = (ms: number, act: () => void): NodeJS.Timeout => {
    const self = { ref: () => self, unref: () => self, hasRef: () => false, refresh: () => self, close: () => self };
    const cancel = clock?.after(ms, act);
    if (cancel !== undefined) cancels.set(self, cancel);
    return Object.assign(self, { [Symbol.toPrimitive]: () => 0 }) as never;
  };
  const cancel = (one: unknown): void => {
    if (typeof one === 'object' && one !== null) cancels.get(one)?.();
  };
  globalThis.setTimeout = ((act: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) =>
    timer(ms, () => act(...args))) as typeof setTimeout;
  globalThis.setInterval = ((act: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) => {
    const self = timer(ms, () => again());
    const again = (): void => {
      act(...args);
      const next = clock?.after(ms, again);
      if (next !== undefined) cancels.set(self, next);
    };
    return self;
  }) as typeof setInterval;
  globalThis.clearTimeout = cancel;
  globalThis.clearInterval = cancel;
  AbortSignal.timeout = (ms) => {
    const controller = new AbortController();
    clock?.after(ms, () => controller.abort(new DOMException('The operation timed out', 'TimeoutError')));
    return controller.signal;
  };
}

function takeFiles(): void {
  const fs = require('node:fs') as Record<string, unknown> & { promises: Record<string, unknown> };
  const redirect = (target: Record<string, unknown>, kind: 'promises' | 'sync', names: readonly string[]): void => {
    for (const name of names) {
      const actual = target[name] as (...args: unknown[]) => unknown;
      target[name] = (...args: unknown[]): unknown => {
        if (typeof args[0] !== 'string' || !args[0].startsWith(DISKS)) return actual(...args);
        const mine = disk?.[kind][name] as ((...args: unknown[]) => unknown) | undefined;
        if (mine === undefined) throw new Error(`the laboratory's disk has no ${name}`);
        return mine(...args);
      };
    }
  };
  const named = (target: object): string[] =>
    Object.entries(target)
      .filter(([name, value]) => typeof value === 'function' && /^[a-z]/.test(name))
      .map(([name]) => name);
  redirect(fs.promises, 'promises', named(fs.promises));
  redirect(
    fs,
    'sync',
    named(fs).filter((name) => name.endsWith('Sync') || name.startsWith('create')),
  );
}

takeChance();
takeThreads();
takeTime();
takeFiles();
countImmediates();
syncBuiltinESMExports();
