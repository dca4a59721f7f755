import { pino } from 'pino';

export type LogFields = Readonly<Record<string, unknown>>;

/** One JSON line per event. Messages are fixed sentences; what varies goes into the fields. Never log a secret. */
export interface Log {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  child(fields: LogFields): Log;
}

export interface LogOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** A file's path; standard error when absent. */
  readonly file?: string;
}

/** Opens the program's log. */
export function openLog(options: LogOptions): Log {
  const destination =
    options.file === undefined
      ? pino.destination(2)
      : pino.destination({ dest: options.file, mkdir: true, sync: false });
  return pino({ level: options.level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination);
}

/** A log that keeps nothing, for tests and tools. */
export const silentLog: Log = pino({ level: 'silent' });
