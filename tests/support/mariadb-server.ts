/** A MariaDB server for one run of tests: in memory, without a port, gone afterwards. Vitest's global setup calls it. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createConnection } from 'mysql2/promise';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** The server's address, as `openTestDatabase` wants it. */
    testDatabase: string;
  }
}

export interface MariadbServer {
  readonly folder: string;
  readonly socketPath: string;
  readonly pid: number;
  stop(): Promise<void>;
}

const READY_MS = 30_000;
const ENOUGH_CONNECTIONS = 2_000;

/** Where Debian has it; ordinary users' PATH lacks this folder. */
export const MARIADBD = '/usr/sbin/mariadbd';

/** @throws when MariaDB is not installed, or does not start, with what it said. */
export async function startMariadb(options: readonly string[] = []): Promise<MariadbServer> {
  if (!existsSync(MARIADBD))
    throw new Error('MariaDB is missing: apt-get install --no-install-recommends mariadb-server-core');
  const folder = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : '/tmp', 'pileus-mariadb-'));
  await chmod(folder, 0o755);
  const user = process.geteuid?.() === 0 ? ['--user=nobody'] : [];
  if (user.length > 0) await chown(folder, Number(idOf('-u')), Number(idOf('-g')));
  const data = `--datadir=${join(folder, 'data')}`;
  execFileSync(
    'mariadb-install-db',
    ['--no-defaults', data, ...user, '--auth-root-authentication-method=normal', '--skip-test-db'],
    { stdio: 'pipe' },
  );
  const socketPath = join(folder, 's');
  const child = spawn(
    MARIADBD,
    [
      '--no-defaults',
      data,
      ...user,
      `--socket=${socketPath}`,
      `--pid-file=${join(folder, 'pid')}`,
      // another server that starts with the same one removes what it finds there
      `--tmpdir=${folder}`,
      `--log-error=${join(folder, 'log')}`,
      '--skip-networking',
      '--skip-log-bin',
      // what is in memory need not be written to disk in time
      '--innodb-flush-log-at-trx-commit=0',
      `--max-connections=${ENOUGH_CONNECTIONS}`,
      ...options,
    ],
    { stdio: 'ignore' },
  );
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const server: MariadbServer = {
    folder,
    socketPath,
    pid: child.pid ?? 0,
    async stop() {
      child.kill('SIGKILL');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
  await waitUntilReady(server, () => child.exitCode !== null);
  return server;
}

async function waitUntilReady(server: MariadbServer, hasEnded: () => boolean): Promise<void> {
  const endMs = performance.now() + READY_MS;
  for (;;) {
    try {
      const connection = await createConnection({ socketPath: server.socketPath, user: 'root' });
      await connection.end();
      return;
    } catch (error) {
      if (hasEnded() || performance.now() > endMs) {
        await server.stop();
        throw new Error('MariaDB did not start', { cause: error });
      }
      await sleep(50);
    }
  }
}

function idOf(which: '-u' | '-g'): string {
  return execFileSync('id', [which, 'nobody'], { encoding: 'utf8' });
}

/** Starts the server, and says where it is. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startMariadb();
  const root = await createConnection({ socketPath: server.socketPath, user: 'root', multipleStatements: true });
  await root.query(`create database pileus_tests; use pileus_tests;
    create table all_databases (id integer auto_increment primary key, kind varchar(20));
    create table free_databases (name varchar(40) primary key, kind varchar(20))`);
  await root.end();
  project.provide('testDatabase', `mysql://root@localhost/pileus_tests?socket=${server.socketPath}`);
  return () => server.stop();
}
