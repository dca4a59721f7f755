import { type RawBuilder, sql } from 'kysely';

/** Column types that mean the same in SQLite and MariaDB. */
export const columns = {
  /** A UUID with dashes or a 32-digit hexadecimal id. */
  id: 'varchar(36)',
  /** A name or short text, of at most 255 characters. */
  name: 'varchar(255)',
  /** Any text. */
  text: sql`longtext` as RawBuilder<unknown>,
  /** JSON as text, see `json.ts`. */
  json: sql`longtext` as RawBuilder<unknown>,
  /** 0 or 1. */
  bit: 'integer',
  int: 'integer',
  /** Epoch milliseconds, byte counts. */
  big: 'bigint',
} as const;
