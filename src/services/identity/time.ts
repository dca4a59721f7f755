import type { EpochMs } from '#kernel/db/json.ts';
import { isoMicros } from '#kernel/wire-times.ts';

/** Keystone's form of a time: `2026-01-02T03:04:05.678000Z`. */
export function isoTime(ms: EpochMs): string {
  return `${isoMicros(ms)}Z`;
}

export function isoTimeOrNull(ms: EpochMs | null): string | null {
  return ms === null ? null : isoTime(ms);
}

const FORM = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2})?)(\.\d{1,9})?(Z|[+-]\d{2}:?\d{2})?$/;

/** Reads an ISO 8601 time, UTC when it names no zone; undefined when it is none. */
export function parseTime(text: string): EpochMs | undefined {
  const parts = FORM.exec(text);
  if (parts === null) return undefined;
  const [, day = '', time = '', fraction = '', zone = 'Z'] = parts;
  const ms = Date.parse(`${day}T${time}${fraction.slice(0, 4)}${zone}`);
  return Number.isNaN(ms) ? undefined : ms;
}

/**
 * The form in which some ends are kept, which shows microseconds: `2026-01-02T03:04:05.678901`, in UTC.
 * @returns undefined when the text is no time.
 */
export function preciseTime(text: string): string | undefined {
  const ms = parseTime(text);
  if (ms === undefined) return undefined;
  const fraction = (/\.(\d{1,6})/.exec(text)?.[1] ?? '').padEnd(6, '0');
  return `${new Date(ms).toISOString().slice(0, 19)}.${fraction}`;
}

/** Milliseconds since 1970 of a kept end. */
export function preciseTimeMs(kept: string): EpochMs {
  return Date.parse(`${kept.slice(0, 23)}Z`);
}
