/**
 * A database that can be taken away from a controller at any statement, as a kill of its process would.
 *
 * After the kill nothing answers any more: statements wait for ever, as everything of a dead process does, and an open transaction
 * is rolled back. Several controllers of one test take turns here, transaction by transaction: SQLite would have one of them block the
 * thread that the other one needs.
 */
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  Kysely,
  type QueryResult,
} from 'kysely';
import type { Db } from '#kernel/db/database.ts';
import { createSqliteDialect } from '#kernel/db/sqlite.ts';

export interface SharedFile {
  readonly path: string;
  readonly queue: (() => void)[];
  isTaken: boolean;
}

export function sharedFile(path: string): SharedFile {
  return { path, queue: [], isTaken: false };
}

export interface FaultyDatabase {
  readonly db: Db;
  /** Statements so far, `begin` and `commit` included. */
  readonly statements: number;
  /** Told before each statement; it may kill. */
  onStatement: ((sql: string) => void) | undefined;
  /** Takes the database away. */
  kill(): void;
}

/** Each its own: what waits for one promise is kept alive by it. */
function never(): Promise<never> {
  return new Promise<never>(() => {});
}

/** Opens one controller's handle on the file. */
export function openFaultyDatabase(file: SharedFile): FaultyDatabase {
  const inner = createSqliteDialect({ file: file.path, durability: 'normal' });
  const state = { isDead: false, hasTurn: false, statements: 0 };
  let driver: Driver | undefined;

  function passTurn(): void {
    state.hasTurn = false;
    const next = file.queue.shift();
    if (next === undefined) file.isTaken = false;
    else next();
  }

  const self: FaultyDatabase = {
    db: new Kysely({ dialect: { ...inner, createDriver } as Dialect }),
    get statements() {
      return state.statements;
    },
    onStatement: undefined,
    kill() {
      if (state.isDead) return;
      state.isDead = true;
      void driver?.destroy();
      if (state.hasTurn) passTurn();
    },
  };

  function createDriver(): Driver {
    const real = inner.createDriver();
    driver = real;
    return {
      init: () => real.init(),
      async acquireConnection() {
        if (state.isDead) return never();
        const connection = await real.acquireConnection();
        if (file.isTaken) await new Promise<void>((resolve) => file.queue.push(resolve));
        if (state.isDead) {
          // the turn came to a dead one: it goes on to the next
          passTurn();
          return never();
        }
        file.isTaken = true;
        state.hasTurn = true;
        return watched(connection);
      },
      async releaseConnection(connection) {
        if (state.isDead) return never();
        passTurn();
        return real.releaseConnection(connection);
      },
      beginTransaction: (connection, settings) => real.beginTransaction(connection, settings),
      commitTransaction: (connection) => real.commitTransaction(connection),
      rollbackTransaction: (connection) => real.rollbackTransaction(connection),
      destroy: () => real.destroy(),
    };
  }

  function watched(connection: DatabaseConnection): DatabaseConnection {
    return {
      async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
        if (state.isDead) return never();
        state.statements++;
        self.onStatement?.(query.sql);
        return state.isDead ? never() : connection.executeQuery<R>(query);
      },
      streamQuery: (query, size) => connection.streamQuery(query, size),
    };
  }
  return self;
}
