/**
 * MariaDB under Kysely: everything that it has otherwise than SQLite.
 *
 * Theory of operation. The stores are written for SQLite, where transactions take turns and text is compared byte by
 * byte. Here both are made to hold:
 *  - A transaction begins by locking one row, so that transactions take turns, across all controllers of one server;
 *    within a process they queue before that, so that only one connection waits. Therefore `read committed` is enough:
 *    what a transaction has read, no other transaction changes before it ends. On a Galera cluster the row is also
 *    written, so that of two transactions on two nodes one fails its certification and is run again.
 *  - Statements outside transactions are single ones and decide races by themselves; one that loses a race is run again.
 *  - Every table is InnoDB in `utf8mb4_nopad_bin`: case, accents and trailing blanks count, as in SQLite.
 * A connection that breaks fails its transaction, which `inTransaction` runs again on another server; if it breaks
 * during the commit nobody knows whether that took place, and the caller is told so.
 */
import {
  type AddColumnNode,
  type CompiledQuery,
  type CreateIndexNode,
  type CreateTableNode,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type DropColumnNode,
  type DropIndexNode,
  type DropTableNode,
  type Kysely,
  MysqlAdapter,
  MysqlIntrospector,
  MysqlQueryCompiler,
  type QueryResult,
  sql,
} from 'kysely';
import { type Clock, systemClock } from '../../clock.ts';
import { asMisfit, DatabaseUnavailable, isConnectionLoss, isLostRace, OutcomeUnknown } from '../failures.ts';
import { isInsideTransaction } from '../open-transaction.ts';
import type { MysqlOptions } from './address.ts';
import { type Connections, createConnections, type Physical } from './connections.ts';

/** How often a single statement that lost a race, or a read whose connection broke, is run again. */
const MAX_ATTEMPTS = 5;
/** The first wait before running again; doubles. */
const FIRST_BACKOFF_MS = 5;
/** How long a transaction waits for its turn among those of its own process. Longer, and clients have given up. */
const TURN_MS = 30_000;
/** How long another controller's migration is waited for, in seconds. */
const MIGRATION_LOCK_S = 300;
/** On a cluster a migration's lock is a lease: a controller that dies in a migration holds the others up for so long. */
const MIGRATION_LEASE_S = 60;
/** The one table that is the dialect's own, and no part of a copy. */
export const TURN_TABLE = 'pileus_turns';
const LOCK_TURN = `select n from ${TURN_TABLE} where id = 1 for update`;
const WRITE_TURN = `update ${TURN_TABLE} set n = n + 1 where id = 1`;
/** Text is compared as bytes, and blanks at its end count. */
const TABLE_OPTIONS = ' engine = InnoDB row_format = dynamic default character set utf8mb4 collate utf8mb4_nopad_bin';

export function createMysqlDialect(options: MysqlOptions, clock: Clock = systemClock): Dialect {
  return {
    createAdapter: () => new LockingAdapter(clock),
    createDriver: () => new MysqlDriver(createConnections(options, clock), clock),
    createIntrospector: (db) => new MysqlIntrospector(db),
    createQueryCompiler: () => new RepeatableCompiler(),
  };
}

/**
 * Tables as SQLite would have them, whatever the database's defaults are. Changes of the schema are not part of a
 * transaction here: each is written so that a step which stopped in the middle can be run again.
 */
class RepeatableCompiler extends MysqlQueryCompiler {
  protected override visitCreateTable(node: CreateTableNode): void {
    super.visitCreateTable({ ...node, ifNotExists: true });
    this.append(TABLE_OPTIONS);
  }

  protected override visitCreateIndex(node: CreateIndexNode): void {
    super.visitCreateIndex({ ...node, ifNotExists: true });
  }

  protected override visitAddColumn(node: AddColumnNode): void {
    this.append('add column if not exists ');
    this.visitNode(node.column);
  }

  protected override visitDropTable(node: DropTableNode): void {
    super.visitDropTable({ ...node, ifExists: true });
  }

  protected override visitDropIndex(node: DropIndexNode): void {
    super.visitDropIndex({ ...node, ifExists: true });
  }

  protected override visitDropColumn(node: DropColumnNode): void {
    super.visitDropColumn({ ...node, ifExists: true });
  }
}

/** One controller migrates at a time. */
class LockingAdapter extends MysqlAdapter {
  readonly #clock: Clock;

  constructor(clock: Clock) {
    super();
    this.#clock = clock;
  }

  override async acquireMigrationLock(db: Kysely<unknown>): Promise<void> {
    if (await isGalera(db)) return this.#acquireLease(db);
    const { rows } = await sql<{
      got: number | null;
    }>`select get_lock(concat(database(), '.migration'), ${MIGRATION_LOCK_S}) as got`.execute(db);
    if (rows[0]?.got !== 1) throw new Error(`another controller has been migrating for ${MIGRATION_LOCK_S} s`);
  }

  override async releaseMigrationLock(db: Kysely<unknown>): Promise<void> {
    if (await isGalera(db)) await sql`update ${sql.raw(TURN_TABLE)} set n = 0 where id = 2`.execute(db);
    else await sql`select release_lock(concat(database(), '.migration'))`.execute(db);
  }

  /** Locks by name are a node's own: a cluster has a row that says until when it is taken, by the servers' clock. */
  async #acquireLease(db: Kysely<unknown>): Promise<void> {
    const endMs = this.#clock.monotonicMs() + MIGRATION_LOCK_S * 1000;
    while (this.#clock.monotonicMs() < endMs) {
      const taken = await sql`update ${sql.raw(TURN_TABLE)} set n = unix_timestamp() + ${MIGRATION_LEASE_S}
        where id = 2 and n < unix_timestamp()`.execute(db);
      if (taken.numAffectedRows === 1n) return;
      await this.#clock.sleep(200);
    }
    throw new Error(`another controller has been migrating for ${MIGRATION_LOCK_S} s`);
  }
}

async function isGalera(db: Kysely<unknown>): Promise<boolean> {
  const { rows } = await sql<{ Value: string }>`show variables like 'wsrep_on'`.execute(db);
  return rows[0]?.Value === 'ON';
}

class MysqlDriver implements Driver {
  readonly #connections: Connections;
  readonly #turns: Turns;
  readonly #clock: Clock;

  constructor(connections: Connections, clock: Clock) {
    this.#connections = connections;
    this.#turns = createTurns(clock);
    this.#clock = clock;
  }

  async init(): Promise<void> {
    const physical = await this.#connections.acquire();
    try {
      await makeTurns(physical);
    } finally {
      this.#connections.release(physical, false);
    }
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    if (isInsideTransaction()) {
      throw new Error('a query went past the transaction that is open here: pass the transaction handle on');
    }
    return new MysqlConnection(this.#connections, this.#turns, this.#clock);
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    (connection as MysqlConnection).letGo();
  }

  beginTransaction(connection: DatabaseConnection): Promise<void> {
    return (connection as MysqlConnection).begin();
  }

  commitTransaction(connection: DatabaseConnection): Promise<void> {
    return (connection as MysqlConnection).commit();
  }

  rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    return (connection as MysqlConnection).rollback();
  }

  destroy(): Promise<void> {
    return this.#connections.close();
  }
}

/** Takes a real connection when it has something to say, and another one when that breaks outside a transaction. */
class MysqlConnection implements DatabaseConnection {
  readonly #connections: Connections;
  readonly #turns: Turns;
  readonly #clock: Clock;
  #physical: Physical | undefined;
  #isBroken = false;
  #passTurn: (() => void) | undefined;

  constructor(connections: Connections, turns: Turns, clock: Clock) {
    this.#connections = connections;
    this.#turns = turns;
    this.#clock = clock;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const isRead = query.query.kind === 'SelectQueryNode';
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#say<R>(query.sql, query.parameters);
      } catch (error) {
        const isInTransaction = this.#passTurn !== undefined;
        const mayRepeat = isLostRace(error) || (isRead && error instanceof DatabaseUnavailable);
        if (isInTransaction) throw error;
        // what was sent may have been done; only what never got a connection, or only reads, has not
        if (!isRead && this.#isBroken && error instanceof DatabaseUnavailable) throw new OutcomeUnknown(error.cause);
        if (!mayRepeat || attempt >= MAX_ATTEMPTS) throw error;
        await this.#clock.sleep(FIRST_BACKOFF_MS * 2 ** attempt);
      }
    }
  }

  streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('read pages instead of streaming rows');
  }

  async begin(): Promise<void> {
    this.#passTurn = await this.#turns.take();
    try {
      await this.#say('start transaction', []);
      await this.#say(this.#physical?.isGalera === true ? WRITE_TURN : LOCK_TURN, []);
    } catch (error) {
      // Kysely does not roll back what has not begun
      await this.rollback();
      this.letGo();
      throw error;
    }
  }

  async commit(): Promise<void> {
    try {
      await this.#say('commit', []);
    } catch (error) {
      throw error instanceof DatabaseUnavailable ? new OutcomeUnknown(error.cause) : error;
    } finally {
      this.#endTurn();
    }
  }

  /** A connection that cannot even roll back is closed, which rolls back. */
  async rollback(): Promise<void> {
    try {
      if (!this.#isBroken && this.#physical !== undefined) await this.#say('rollback', []);
    } catch {
      this.#isBroken = true;
    } finally {
      this.#endTurn();
    }
  }

  letGo(): void {
    this.#endTurn();
    if (this.#physical !== undefined) this.#connections.release(this.#physical, this.#isBroken);
    this.#physical = undefined;
    this.#isBroken = false;
  }

  #endTurn(): void {
    this.#passTurn?.();
    this.#passTurn = undefined;
  }

  async #say<R>(text: string, parameters: readonly unknown[]): Promise<QueryResult<R>> {
    if (this.#isBroken) {
      if (this.#passTurn !== undefined) throw new DatabaseUnavailable(new Error('the transaction lost its connection'));
      this.letGo();
    }
    this.#physical ??= await this.#connections.acquire();
    try {
      const result = await this.#physical.query(text, parameters.map(asParameter));
      if (Array.isArray(result)) return { rows: result as R[] };
      return { rows: [], numAffectedRows: BigInt(result.affectedRows), insertId: BigInt(result.insertId) };
    } catch (error) {
      if (!isConnectionLoss(error)) throw asMisfit(error) ?? error;
      this.#isBroken = true;
      throw new DatabaseUnavailable(error);
    }
  }
}

/** Only plain values may become SQL. */
function asParameter(value: unknown): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'bigint' || Buffer.isBuffer(value)) return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new TypeError(`a ${typeof value} cannot be a parameter of a statement`);
}

/** The row that transactions lock (1), and the one that says until when a cluster is being migrated (2). */
async function makeTurns(physical: Physical): Promise<void> {
  // to ask is cheap; to make it again would halt a cluster for a moment
  const known = await physical.query('show tables like ?', [TURN_TABLE]);
  if (Array.isArray(known) && known.length > 0) return;
  await physical.query(
    `create table if not exists ${TURN_TABLE} (id integer primary key, n bigint not null)${TABLE_OPTIONS}`,
    [],
  );
  await physical.query(`insert ignore into ${TURN_TABLE} (id, n) values (1, 0), (2, 0)`, []);
}

interface Turns {
  /** Resolves when it is the caller's turn. @returns what passes it on. */
  take(): Promise<() => void>;
}

function createTurns(clock: Clock): Turns {
  const queue: (() => void)[] = [];
  let isTaken = false;
  const pass = (): void => {
    const next = queue.shift();
    if (next === undefined) isTaken = false;
    else next();
  };
  return {
    async take() {
      if (!isTaken) {
        isTaken = true;
        return pass;
      }
      const stop = new AbortController();
      const hasTurn = await new Promise<boolean>((resolve) => {
        const mine = (): void => {
          stop.abort();
          resolve(true);
        };
        queue.push(mine);
        void clock.sleep(TURN_MS, stop.signal).then(() => {
          const at = queue.indexOf(mine);
          if (at < 0) return;
          queue.splice(at, 1);
          resolve(false);
        });
      });
      if (!hasTurn) throw new DatabaseUnavailable(new Error(`no turn for a transaction within ${TURN_MS} ms`));
      return pass;
    },
  };
}
