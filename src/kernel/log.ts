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

/** How much waits in memory while the disk is full; what comes beyond it is lost. */
const MAX_WAITING_CHARS = 1_048_576;

/** Opens the program's log. One that cannot be written ends no program: its lines wait for room, which each new line looks for. */
export function openLog(options: LogOptions): Log {
  const destination =
    options.file === undefined
      ? pino.destination(2)
      : pino.destination({ dest: options.file, mkdir: true, sync: false, maxLength: MAX_WAITING_CHARS });
  // There is nowhere to tell it: the terminal's log is on the same disk. Without a listener it would end the program.
  destination.on('error', () => undefined);
  return pino({ level: options.level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination);
}

/** A log that keeps nothing, for tests and tools. */
export const silentLog: Log = pino({ level: 'silent' });
