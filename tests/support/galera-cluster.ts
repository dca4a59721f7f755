/** A Galera cluster of three MariaDB servers on this machine, each with a loopback address of its own; in memory. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { until } from './cloud.ts';
import { MARIADBD } from './mariadb-server.ts';

export interface GaleraCluster {
  /** The nodes' addresses, in order. */
  readonly hosts: readonly string[];
  /** The database's name, user and password. */
  readonly database: string;
  readonly user: string;
  readonly password: string;
  /** SIGKILL, and waits for the end. */
  kill(node: number): Promise<void>;
  /** Starts a killed node again, and waits until it is back in the cluster. */
  restart(node: number): Promise<void>;
  /** The rows of a query, asked of a node. */
  rows(node: number, sql: string): Promise<RowDataPacket[]>;
  stop(): Promise<void>;
}

const PROVIDER = '/usr/lib/galera/libgalera_smm.so';
/** What brings a new node the data. */
const TRANSFER = '/usr/bin/wsrep_sst_rsync';
const READY_MS = 120_000;
/**
 * How soon a silent node is given up. Galera's own 5 s suit networks between cities; these suit one room.
 * @see https://galeracluster.com/library/documentation/galera-parameters.html
 */
export const QUICK_FAILOVER =
  'evs.keepalive_period=PT0.3S;evs.inactive_check_period=PT0.2S;evs.suspect_timeout=PT1S;evs.inactive_timeout=PT2S;evs.install_timeout=PT2S;gmcast.peer_timeout=PT1S';

/** Whether this machine can have one: root (for the servers' own user), the servers, and what they need. */
export const canHaveGalera =
  process.geteuid?.() === 0 && [MARIADBD, PROVIDER, TRANSFER].every((file) => existsSync(file));

export async function startGalera(): Promise<GaleraCluster> {
  const folder = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : '/tmp', 'pileus-galera-'));
  await chmod(folder, 0o755);
  await chown(folder, idOf('-u'), idOf('-g'));
  const net = `127.${randomInt(10, 250)}.${randomInt(0, 255)}`;
  const hosts = [1, 2, 3].map((n) => `${net}.${n}`);
  const nodes: (ChildProcess | undefined)[] = [];
  const password = 'galera test';

  const optionsFor = (node: number, address: string): string[] =>
    optionsOf({ folder, node, host: hosts[node] ?? '', address });
  function launch(node: number, address: string, more: readonly string[] = []): void {
    nodes[node] = spawn(MARIADBD, [...optionsFor(node, address), ...more], { stdio: 'ignore' });
  }
  const socketOf = (node: number): string => join(folder, `s${node}`);
  const rows = async (node: number, sql: string, database?: string): Promise<RowDataPacket[]> => {
    const connection = await createConnection({
      socketPath: socketOf(node),
      user: 'root',
      ...(database === undefined ? {} : { database }),
    });
    try {
      // what was accepted on another node is there on this one, too
      await connection.query('set session wsrep_sync_wait = 1');
      return (await connection.query<RowDataPacket[]>(sql))[0];
    } finally {
      await connection.end();
    }
  };
  const untilSynced = (node: number): Promise<unknown> =>
    until(
      `node ${node} in the cluster`,
      async () => {
        const found = await rows(node, "show status like 'wsrep_ready'").catch(() => []);
        return found[0]?.['Value'] === 'ON';
      },
      READY_MS,
    );

  for (const node of hosts.keys()) {
    execFileSync(
      'mariadb-install-db',
      [
        '--no-defaults',
        `--datadir=${join(folder, `d${node}`)}`,
        '--user=nobody',
        '--auth-root-authentication-method=normal',
        '--skip-test-db',
      ],
      { stdio: 'pipe' },
    );
  }
  const kill = async (node: number): Promise<void> => {
    const child = nodes[node];
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  };
  const stop = async (): Promise<void> => {
    await Promise.all([...hosts.keys()].map(kill));
    await rm(folder, { recursive: true, force: true });
  };
  for (const node of hosts.keys()) {
    launch(node, node === 0 ? '' : hosts.join(','));
    await untilSynced(node).catch(async (error: unknown) => {
      await stop();
      throw error;
    });
  }
  await rows(0, 'create database pileus');
  await rows(0, `create user pileus@'%' identified by '${password}'`);
  await rows(0, "grant all on pileus.* to pileus@'%'");

  return {
    hosts,
    database: 'pileus',
    user: 'pileus',
    password,
    kill,
    async restart(node) {
      const position = await recoverPosition(optionsFor(node, hosts.join(',')), join(folder, `recovery${node}.err`));
      launch(node, hosts.join(','), [`--wsrep-start-position=${position}`]);
      await untilSynced(node);
    },
    rows: (node, sql) => rows(node, sql, 'pileus'),
    stop,
  };
}

/**
 * Where a killed node had got to, as Debian's unit asks it before each start: with that it is only sent what it missed, while one that
 * knows nothing is sent everything, by another node that takes no writes meanwhile.
 */
async function recoverPosition(options: readonly string[], log: string): Promise<string> {
  execFileSync(
    MARIADBD,
    [...options.filter((option) => !option.startsWith('--log-error')), `--log-error=${log}`, '--wsrep-recover'],
    {
      stdio: 'ignore',
    },
  );
  const [, position] = /Recovered position: (\S+)/.exec(await readFile(log, 'utf8')) ?? [];
  if (position === undefined) throw new Error('the node does not know its position');
  return position;
}

function optionsOf(given: {
  readonly folder: string;
  readonly node: number;
  readonly host: string;
  readonly address: string;
}): string[] {
  const { folder, node, host, address } = given;
  return [
    '--no-defaults',
    '--user=nobody',
    `--datadir=${join(folder, `d${node}`)}`,
    `--socket=${join(folder, `s${node}`)}`,
    `--pid-file=${join(folder, `pid${node}`)}`,
    // another server that starts with the same one removes what it finds there
    `--tmpdir=${join(folder, `d${node}`)}`,
    `--log-error=${join(folder, `log${node}.err`)}`,
    `--bind-address=${host}`,
    '--port=3306',
    '--binlog-format=ROW',
    '--innodb-autoinc-lock-mode=2',
    '--innodb-flush-log-at-trx-commit=0',
    '--wsrep-on=ON',
    `--wsrep-provider=${PROVIDER}`,
    '--wsrep-cluster-name=pileus-test',
    `--wsrep-cluster-address=gcomm://${address}`,
    `--wsrep-node-address=${host}`,
    `--wsrep-node-name=n${node}`,
    '--wsrep-sst-method=rsync',
    `--wsrep-provider-options=gmcast.listen_addr=tcp://${host}:4567;ist.recv_addr=${host}:4568;gcache.size=64M;pc.recovery=off;${QUICK_FAILOVER}`,
  ];
}

function idOf(which: '-u' | '-g'): number {
  return Number(execFileSync('id', [which, 'nobody'], { encoding: 'utf8' }));
}
