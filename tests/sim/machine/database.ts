/**
 * One controller's handle on the database file that it shares with the others: a real SQLite file, on which statements and commits may be
 * slow or fail, and which is gone with its controller.
 *
 * Several controllers take turns here, transaction by transaction: SQLite would have one of them block the thread that the other one
 * needs. Who comes next is chance. What a request has written, and whether that was committed, is noted for those who want to know.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
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
import type { Chance } from './chance.ts';
import { currentProcess, never, type Process, passes } from './processes.ts';

/** What becomes of one statement: an SQLite error's code, a delay in milliseconds, or nothing. */
export type StatementFate = string | number | undefined;

export interface DatabaseFile {
  readonly path: string;
  readonly chance: Chance;
  readonly queue: (() => void)[];
  isTaken: boolean;
  fateOf: (sql: string) => StatementFate;
  onStatement: (sql: string, process: Process | undefined) => void;
  sleep: (ms: number) => Promise<void>;
}

/** What one request has changed for good. */
export interface Writes {
  readonly committed: string[];
}

const requests = new AsyncLocalStorage<Writes>();

/** Runs something and notes all that it writes. */
export function notingWrites<T>(writes: Writes, work: () => T): T {
  return requests.run(writes, work);
}

/** Runs something that is not part of the request that caused it. */
export function apartFromRequests<T>(work: () => T): T {
  return requests.exit(work);
}

const WRITE = /^\s*(?:insert into|insert or \w+ into|update|delete from|replace into)\s+"?(\w+)"?/i;

/** Opens a controller's handle; it is gone when the process that opens it is killed. */
export function openSimDatabase(file: DatabaseFile): Db {
  const inner = createSqliteDialect({ file: file.path, durability: 'normal' });
  const process = currentProcess();
  let driver: Driver | undefined;
  let hasTurn = false;

  const isDead = (): boolean => process?.isDead === true;

  function passTurn(): void {
    hasTurn = false;
    const [next] = file.queue.splice(file.chance.below(Math.max(file.queue.length, 1)), 1);
    if (next === undefined) file.isTaken = false;
    else next();
  }

  process?.onDeath.push(() => {
    void driver?.destroy();
    if (hasTurn) passTurn();
  });

  function createDriver(): Driver {
    const real = inner.createDriver();
    driver = real;
    return {
      init: () => real.init(),
      async acquireConnection() {
        if (!passes('time') || isDead()) return never();
        const connection = await real.acquireConnection();
        if (file.isTaken) await new Promise<void>((resolve) => file.queue.push(resolve));
        if (isDead()) {
          // the turn came to a dead one: it goes on to the next
          passTurn();
          return never();
        }
        file.isTaken = true;
        hasTurn = true;
        return watched(connection);
      },
      async releaseConnection(connection) {
        if (isDead()) return never();
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
    let uncommitted: { readonly writes: Writes; readonly sql: string }[] | undefined;

    function note(sql: string, changed: bigint | undefined): void {
      if (sql === 'begin immediate') uncommitted = [];
      else if (sql === 'commit') {
        for (const { writes, sql: write } of uncommitted ?? []) writes.committed.push(write);
        uncommitted = undefined;
      } else if (sql === 'rollback') uncommitted = undefined;
      const writes = requests.getStore();
      if (writes === undefined || (changed ?? 0n) === 0n || !WRITE.test(sql)) return;
      if (uncommitted === undefined) writes.committed.push(sql);
      else uncommitted.push({ writes, sql });
    }

    return {
      async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
        if (!passes('statement') || isDead()) return never();
        file.onStatement(query.sql, process);
        const fate = query.sql === 'rollback' ? undefined : file.fateOf(query.sql);
        if (typeof fate === 'number') await file.sleep(fate);
        if (isDead()) return never();
        if (typeof fate === 'string') throw Object.assign(new Error(`${fate}: made by the laboratory`), { code: fate });
        const result = await connection.executeQuery<R>(query);
        note(query.sql, result.numAffectedRows);
        return isDead() ? never() : result;
      },
      streamQuery: (query, size) => connection.streamQuery(query, size),
    };
  }
  return new Kysely({ dialect: { ...inner, createDriver } as Dialect });
}
