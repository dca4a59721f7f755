/** What a database's errors mean, whichever database it is. */
import { BadRequest, ServiceUnavailable } from '../errors.ts';

/** The database could not be reached, or went away before a transaction was to be committed: nothing happened. */
export class DatabaseUnavailable extends ServiceUnavailable {
  constructor(cause: unknown) {
    super('database.unavailable', 'The database does not answer at the moment. Please try again.', {
      cause,
      headers: { 'retry-after': '1' },
    });
  }
}

/** The database went away while it was to write for good: it may have, or not. Nothing may be repeated blindly. */
export class OutcomeUnknown extends ServiceUnavailable {
  constructor(cause: unknown) {
    super(
      'database.outcome_unknown',
      'The database went away while it was writing; the request may have been done. Please look before you try again.',
      { cause, headers: { 'retry-after': '1' } },
    );
  }
}

/** Deadlock or Galera certification failure, lock wait timeout, and a row that changed under a snapshot. */
const LOST_RACES = new Set(['ER_LOCK_DEADLOCK', 'ER_LOCK_WAIT_TIMEOUT', 'ER_CHECKREAD']);

/** A race lost in the database itself, SQLite's busy included: nothing happened, try again. */
export function isLostRace(error: unknown): boolean {
  const code = codeOf(error);
  return code.startsWith('SQLITE_BUSY') || LOST_RACES.has(code);
}

/** Whether an insert or update failed because a unique key is taken. Stores turn it into a Conflict. */
export function isUniqueViolation(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'SQLITE_CONSTRAINT_UNIQUE' || code === 'SQLITE_CONSTRAINT_PRIMARYKEY' || code === 'ER_DUP_ENTRY';
}

/** Whether a statement failed because its table is not there. */
export function isMissingTable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return codeOf(error) === 'ER_NO_SUCH_TABLE' || error.message.startsWith('no such table');
}

/** SQLite keeps whatever it is given; MariaDB keeps to the column's length and range. */
const DOES_NOT_FIT = new Set([
  'ER_DATA_TOO_LONG',
  'ER_WARN_DATA_OUT_OF_RANGE',
  'ER_DATA_OUT_OF_RANGE',
  'ER_TRUNCATED_WRONG_VALUE_FOR_FIELD',
]);

/** A value that no column can hold, and that nobody refused before: the answer is then 400, whatever was asked. */
export function asMisfit(error: unknown): BadRequest | undefined {
  if (!DOES_NOT_FIT.has(codeOf(error))) return undefined;
  const message = 'A value in the request is longer or larger than can be kept.';
  return new BadRequest('database.does_not_fit', message, { cause: error });
}

/**
 * MariaDB's numbers for "this server is no use any more". Numbers, for the driver knows only MySQL's names.
 * @see https://mariadb.com/kb/en/mariadb-error-code-reference/
 */
const SERVER_GONE = new Set([
  1040, // too many connections
  1047, // not part of its cluster
  1053, // shutting down
  1077,
  1079,
  1290, // read only
  1317, // interrupted, as a shutdown does it
  1927, // connection killed
]);

/** Whether the connection, and not the statement, is what failed; another one may do better. */
export function isConnectionLoss(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ('fatal' in error && error.fatal === true) || SERVER_GONE.has(numberOf(error)) || isNetworkCode(codeOf(error));
}

function isNetworkCode(code: string): boolean {
  return code.startsWith('PROTOCOL_') || /^E[A-Z]+$/.test(code);
}

function numberOf(error: Error): number {
  return 'errno' in error ? Number(error.errno) : 0;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
