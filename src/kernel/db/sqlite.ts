/**
 * SQLite under Kysely: one connection, write-ahead log, statements prepared once.
 *
 * better-sqlite3 is synchronous, so a statement never waits inside the process; transactions take turns. Asking for the
 * plain handle while the same call chain has a transaction open would wait for itself for ever: that is an error here.
 */
import { channel } from 'node:diagnostics_channel';
import Sqlite from 'better-sqlite3';
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type DropIndexNode,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import type { LogSync } from './log-sync.ts';
import { isInsideTransaction } from './open-transaction.ts';

export interface SqliteOptions {
  /** A path, or `:memory:`. */
  readonly file: string;
  /**
   * `full` survives a power cut with every accepted request, as long as answers wait for `reachDisk`; `normal` may lose the
   * last moments, never consistency (a kill of the process loses nothing either way).
   */
  readonly durability: 'full' | 'normal';
}

/** How long another process's write is waited for. Longer hangs requests, shorter fails them while a backup runs. */
const BUSY_TIMEOUT_MS = 5_000;
/** Tells every statement's text when it is prepared, for those who judge statements; in production nobody listens. */
const prepared = channel('pileus:sql:prepared');
/** Prepared statements kept. The program has some hundred; filters multiply them. */
const MAX_STATEMENTS = 1_000;
/** Longer ones hold lists whose length is seldom the same twice; kept, each would cost tens of kilobytes. */
const MAX_KEPT_LENGTH = 3_000;

/** @param log told of each write; undefined when nobody waits for the disk. */
export function createSqliteDialect(options: SqliteOptions, log?: LogSync): Dialect {
  return {
    createAdapter: () => new QueueingAdapter(),
    createDriver: () => new SqliteDriver(options, log),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new TablelessIndexCompiler(),
  };
}

/** Says that taking turns is the driver's own business, so that the driver sees who asks before they wait. */
class QueueingAdapter extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true;
  }
}

/** An index is dropped by its own name; MariaDB wants its table too. */
class TablelessIndexCompiler extends SqliteQueryCompiler {
  protected override visitDropIndex({ table: _, ...node }: DropIndexNode): void {
    super.visitDropIndex(node);
  }
}

class SqliteDriver implements Driver {
  readonly #options: SqliteOptions;
  readonly #log: LogSync | undefined;
  readonly #queue: (() => void)[] = [];
  #isTaken = false;
  #connection: SqliteConnection | undefined;

  constructor(options: SqliteOptions, log: LogSync | undefined) {
    this.#options = options;
    this.#log = log;
  }

  async init(): Promise<void> {
    const sqlite = new Sqlite(this.#options.file, { timeout: BUSY_TIMEOUT_MS });
    sqlite.pragma('journal_mode = WAL');
    // Who needs more than consistency waits for the log itself (log-sync.ts).
    sqlite.pragma('synchronous = normal');
    sqlite.pragma('foreign_keys = ON');
    sqlite.pragma('temp_store = MEMORY');
    this.#connection = new SqliteConnection(sqlite, this.#log);
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    if (isInsideTransaction()) {
      throw new Error('a query went past the transaction that is open here: pass the transaction handle on');
    }
    if (this.#isTaken) await new Promise<void>((resolve) => this.#queue.push(resolve));
    this.#isTaken = true;
    if (this.#connection === undefined) throw new Error('the database is closed');
    return this.#connection;
  }

  async releaseConnection(): Promise<void> {
    const next = this.#queue.shift();
    if (next === undefined) this.#isTaken = false;
    else next();
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'));
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('commit'));
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('rollback'));
  }

  async destroy(): Promise<void> {
    this.#connection?.close();
    this.#connection = undefined;
    await this.#log?.close();
  }
}

class SqliteConnection implements DatabaseConnection {
  readonly #sqlite: Sqlite.Database;
  readonly #log: LogSync | undefined;
  readonly #statements = new Map<string, Sqlite.Statement>();

  constructor(sqlite: Sqlite.Database, log: LogSync | undefined) {
    this.#sqlite = sqlite;
    this.#log = log;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const statement = this.#prepare(query.sql);
    if (statement.reader) return { rows: statement.all(query.parameters) as R[] };
    const { changes, lastInsertRowid } = statement.run(query.parameters);
    this.#log?.wrote();
    return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
  }

  streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('read pages instead of streaming rows');
  }

  close(): void {
    this.#statements.clear();
    this.#sqlite.close();
  }

  #prepare(sql: string): Sqlite.Statement {
    const known = this.#statements.get(sql);
    if (known !== undefined) {
      // Used last, forgotten last.
      this.#statements.delete(sql);
      this.#statements.set(sql, known);
      return known;
    }
    const statement = this.#sqlite.prepare(sql);
    if (prepared.hasSubscribers) prepared.publish(sql);
    if (sql.length > MAX_KEPT_LENGTH) return statement;
    if (this.#statements.size >= MAX_STATEMENTS) {
      const oldest = this.#statements.keys().next().value;
      if (oldest !== undefined) this.#statements.delete(oldest);
    }
    this.#statements.set(sql, statement);
    return statement;
  }
}
