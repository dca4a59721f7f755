import type { Clock } from '#kernel/clock.ts';
import { type Words, words } from './language.ts';

/** Tells a person what is done and how long each part took. */
export interface Progress {
  /** A part has been done; the time is counted from the part before it. */
  done(what: Words): void;
  /** Something worth reading that took no time. */
  note(what: Words): void;
  /** Milliseconds since the beginning. */
  elapsedMs(): number;
}

/** Progress as lines. */
export function terminalProgress(clock: Clock, write: (line: string) => void): Progress {
  const startedMs = clock.monotonicMs();
  let lastMs = startedMs;
  return {
    done(what) {
      const nowMs = clock.monotonicMs();
      write(`  ✓ ${words(what)} (${formatSeconds(nowMs - lastMs)})`);
      lastMs = nowMs;
    },
    note: (what) => write(`  · ${words(what)}`),
    elapsedMs: () => clock.monotonicMs() - startedMs,
  };
}

/** `0.42 s`, `12.3 s`, `2 min 5 s`. */
export function formatSeconds(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(2)} s`;
  if (seconds < 120) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}
