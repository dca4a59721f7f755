/**
 * Connections to the first server of a list that is ready.
 *
 * Theory of operation. All controllers have the same list and so come to the same server, where transactions can take
 * turns; the others are there for when it is gone (Galera's nodes are equal, but two that write at once cancel each
 * other's transactions). Who has come to a later server looks, in the background, whether a better one is back, and goes
 * back connection by connection as they are returned. A server that failed is left alone for a moment, so that a dead
 * one costs its connect timeout once and not with every request.
 */
import type { Connection, ConnectionOptions, ResultSetHeader, RowDataPacket } from 'mysql2/promise';
import type { Clock } from '../../clock.ts';
import { errorChain } from '../../errors.ts';
import { DatabaseUnavailable } from '../failures.ts';
import type { MysqlOptions, MysqlServer } from './address.ts';

/** At most so many at once. Fewer make readers wait for each other, more only share the server's few cores. */
const MAX_CONNECTIONS = 12;
/** A server that takes longer to accept is passed over: too short skips a busy one, too long is felt by every client. */
const CONNECT_MS = 1_500;
/** How long somebody waits for a connection before the database is called unavailable. */
const ACQUIRE_MS = 10_000;
/** How long a failed server is left alone. */
const SHUN_MS = 2_000;
/** A statement that takes longer has met a frozen server; longer than MariaDB's own lock wait. */
const STATEMENT_MS = 20_000;
/** How long MariaDB lets a statement wait for another's lock before it gives up, in seconds. */
const LOCK_WAIT_S = 10;
/** A transaction whose controller froze or vanished from the network is taken back after so many seconds without a statement. */
const IDLE_TRANSACTION_S = 5;

/** One connection, as the driver uses it. */
export interface Physical {
  /** Whether its server replicates to others that may be written to at the same time. */
  readonly isGalera: boolean;
  query(sql: string, parameters: readonly unknown[]): Promise<RowDataPacket[] | ResultSetHeader>;
}

export interface Connections {
  /** @throws {DatabaseUnavailable} when no server is ready, or all connections are in use for too long. */
  acquire(): Promise<Physical>;
  /** Gives one back; a broken one is closed instead of used again. */
  release(physical: Physical, isBroken: boolean): void;
  close(): Promise<void>;
}

interface Open extends Physical {
  readonly connection: Connection;
  readonly serverIndex: number;
  isDead: boolean;
}

interface Waiter {
  readonly resolve: (physical: Open) => void;
  readonly reject: (error: Error) => void;
}

export function createConnections(options: MysqlOptions, clock: Clock): Connections {
  const idle: Open[] = [];
  const waiting: Waiter[] = [];
  const shunnedUntilMs = options.servers.map(() => 0);
  const closing = new AbortController();
  let count = 0;
  let isProbing = false;

  async function openFirstReady(): Promise<Open> {
    const now = clock.monotonicMs();
    const order = options.servers.map((_, index) => index);
    // those that failed just now come last, and are still better than nothing
    const usable = [
      ...order.filter((i) => (shunnedUntilMs[i] ?? 0) <= now),
      ...order.filter((i) => (shunnedUntilMs[i] ?? 0) > now),
    ];
    const failures: string[] = [];
    for (const index of usable) {
      try {
        return await openServer(index);
      } catch (error) {
        failures.push(`${serverName(options.servers[index])}: ${errorChain(error)}`);
      }
    }
    throw new DatabaseUnavailable(new Error(failures.join('; ')));
  }

  async function openServer(index: number): Promise<Open> {
    const server = options.servers[index];
    if (server === undefined) throw new RangeError('no such server');
    try {
      const connection = await connect(options, server);
      const open: Open = {
        connection,
        serverIndex: index,
        isDead: false,
        isGalera: await prepareSession(connection).catch((error: unknown) => {
          connection.destroy();
          throw error;
        }),
        query: async (sql, parameters) => {
          const [result] = await connection.query<RowDataPacket[] | ResultSetHeader>({
            sql,
            values: [...parameters],
            timeout: STATEMENT_MS,
          });
          return result;
        },
      };
      // what breaks while nobody uses it tells nobody else
      connection.on('error', () => drop(open));
      connection.on('end', () => drop(open));
      shunnedUntilMs[index] = 0;
      return open;
    } catch (error) {
      shunnedUntilMs[index] = clock.monotonicMs() + SHUN_MS;
      throw error;
    }
  }

  function drop(open: Open): void {
    open.isDead = true;
    const at = idle.indexOf(open);
    if (at < 0) return;
    idle.splice(at, 1);
    count--;
  }

  function discard(open: Open): void {
    open.isDead = true;
    open.connection.destroy();
    count--;
    serveNext();
  }

  /** Opens one more for whoever waits longest, now that there is room. */
  function serveNext(): void {
    if (waiting.length === 0 || count >= MAX_CONNECTIONS) return;
    const waiter = waiting.shift();
    if (waiter === undefined) return;
    count++;
    openFirstReady().then(waiter.resolve, (error: Error) => {
      count--;
      waiter.reject(error);
    });
  }

  function waitForOne(): Promise<Open> {
    return new Promise((resolve, reject) => {
      const stop = new AbortController();
      const waiter: Waiter = {
        resolve: (open) => {
          stop.abort();
          resolve(open);
        },
        reject: (error) => {
          stop.abort();
          reject(error);
        },
      };
      waiting.push(waiter);
      void clock.sleep(ACQUIRE_MS, stop.signal).then(() => {
        const at = waiting.indexOf(waiter);
        if (at < 0) return;
        waiting.splice(at, 1);
        reject(
          new DatabaseUnavailable(new Error(`all ${MAX_CONNECTIONS} connections were in use for ${ACQUIRE_MS} ms`)),
        );
      });
    });
  }

  /** Whether a server that is preferred to this one may be back; finds out in the background when it is time. */
  function hasBetter(index: number): boolean {
    const now = clock.monotonicMs();
    const better = shunnedUntilMs.slice(0, index);
    if (better.some((until) => until === 0)) return true;
    const due = better.findIndex((until) => until <= now);
    if (due >= 0 && !isProbing) void probe(due);
    return false;
  }

  async function probe(index: number): Promise<void> {
    isProbing = true;
    try {
      const open = await openServer(index);
      open.connection.destroy();
    } catch {
      // it is shunned for another while, which is all that there is to do
    } finally {
      isProbing = false;
    }
  }

  return {
    async acquire() {
      if (closing.signal.aborted) throw new Error('the database is closed');
      const open = idle.pop();
      if (open !== undefined) return open;
      if (count >= MAX_CONNECTIONS) return waitForOne();
      count++;
      try {
        return await openFirstReady();
      } catch (error) {
        count--;
        throw error;
      }
    },
    release(physical, isBroken) {
      const open = physical as Open;
      if (isBroken || open.isDead || closing.signal.aborted || hasBetter(open.serverIndex)) return discard(open);
      const waiter = waiting.shift();
      if (waiter === undefined) idle.push(open);
      else waiter.resolve(open);
    },
    async close() {
      closing.abort();
      for (const waiter of waiting.splice(0)) waiter.reject(new Error('the database is closed'));
      const ends = idle.splice(0).map(async (open) => {
        open.isDead = true;
        count--;
        await open.connection.end();
      });
      await Promise.allSettled(ends);
    },
  };
}

/** One connection of its own, to the first server that is ready. The caller ends it. */
export async function connectDirectly(options: MysqlOptions): Promise<Connection> {
  const failures: unknown[] = [];
  for (const server of options.servers) {
    try {
      const connection = await connect(options, server);
      await prepareSession(connection);
      return connection;
    } catch (error) {
      failures.push(error);
    }
  }
  throw new DatabaseUnavailable(failures[0]);
}

async function connect(options: MysqlOptions, server: MysqlServer): Promise<Connection> {
  // loaded only where it is used: SQLite's users need not wait for it
  const { createConnection } = await import('mysql2/promise');
  const settings: ConnectionOptions = {
    ...server,
    user: options.user,
    password: options.password,
    database: options.database,
    charset: 'utf8mb4',
    connectTimeout: CONNECT_MS,
    dateStrings: true,
    // sums come as text otherwise
    decimalNumbers: true,
    // an object never becomes SQL
    stringifyObjects: true,
    ...(options.ca === undefined ? {} : { ssl: { ca: options.ca, rejectUnauthorized: true, verifyIdentity: true } }),
  };
  return createConnection(settings);
}

/**
 * Makes the session ours, whatever the server's defaults are.
 * @returns whether the server is a node of a Galera cluster.
 * @throws when it is one that is not ready.
 */
async function prepareSession(connection: Connection): Promise<boolean> {
  await connection.query('set session transaction isolation level read committed');
  await connection.query(
    `set session sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION',
     innodb_lock_wait_timeout = ${LOCK_WAIT_S}, idle_transaction_timeout = ${IDLE_TRANSACTION_S}`,
  );
  const [variables] = await connection.query<RowDataPacket[]>("show variables like 'wsrep_on'");
  if (variables[0]?.['Value'] !== 'ON') return false;
  const [status] = await connection.query<RowDataPacket[]>("show status like 'wsrep_ready'");
  if (status[0]?.['Value'] !== 'ON') throw new Error('this node is not ready: it is not part of its cluster');
  // what was accepted on another node is seen on this one
  await connection.query('set session wsrep_sync_wait = 1');
  return true;
}

function serverName(server: MysqlServer | undefined): string {
  if (server === undefined) return 'no server';
  return 'socketPath' in server ? server.socketPath : `${server.host} port ${server.port}`;
}
