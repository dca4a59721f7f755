/**
 * The one database, behind Kysely.
 *
 * Every statement is written so that SQLite and MariaDB both take it: ids are made by us, nothing asks for RETURNING,
 * races are decided by compare-and-swap (`UPDATE … WHERE state = ?`, then the number of changed rows).
 * Times are epoch milliseconds, booleans 0 and 1, JSON is text through one codec (`json.ts`), names are SQL's (snake_case).
 */
import { type Dialect, HandleEmptyInListsPlugin, Kysely, replaceWithNoncontingentExpression } from 'kysely';
import { createLogSync, type LogSync } from './log-sync.ts';
import type { MysqlOptions } from './mysql/address.ts';
import { createMysqlDialect } from './mysql/dialect.ts';
import { createSqliteDialect, type SqliteOptions } from './sqlite.ts';

/**
 * A handle on the database, or on one open transaction of it; stores take either.
 * The type argument names the tables that the holder may touch.
 */
export type Db<Tables = unknown> = Kysely<Tables>;

export type DatabaseOptions =
  | ({ readonly kind: 'sqlite' } & SqliteOptions)
  | ({ readonly kind: 'mysql' } & MysqlOptions);

/** Opens the database. The caller closes it with `destroy()`. */
export function openDatabase<Tables>(options: DatabaseOptions): Db<Tables> {
  if (options.kind === 'mysql') return openWithMysql(createMysqlDialect(options));
  const log =
    options.durability === 'full' && options.file !== ':memory:' ? createLogSync(`${options.file}-wal`) : undefined;
  const db = new Kysely<Tables>({ dialect: createSqliteDialect(options, log) });
  if (log !== undefined) logs.set(db, log);
  return db;
}

const logs = new WeakMap<object, LogSync>();

/**
 * Resolves when all that has been committed through this handle survives a power cut. Whoever tells somebody outside of something
 * that was written waits for it first.
 * @param db what {@link openDatabase} returned; another one keeps its promises by itself.
 */
export async function reachDisk(db: object): Promise<void> {
  await logs.get(db)?.reached();
}

/** Opens MariaDB through this dialect, or through what a test puts around it. */
export function openWithMysql<Tables>(dialect: Dialect): Db<Tables> {
  // `in ()` is empty in SQLite and a syntax error in MariaDB
  const plugins = [new HandleEmptyInListsPlugin({ strategy: replaceWithNoncontingentExpression })];
  return new Kysely<Tables>({ dialect, plugins });
}
