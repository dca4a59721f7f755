/**
 * How fast and how small the cloud is: one table, against the figures of the real one on a comparable machine.
 *
 *   node tests/bench/run.ts             the bundle if it is built, else the sources
 *   node tests/bench/run.ts --real      as root: a cloud with libvirt and bridges as well, in a network namespace of its own
 *   node tests/bench/run.ts --profile   leaves a CPU profile of the cloud in .pileus/bench/
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from '../support/cloud.ts';
import { makeSurroundings, type Surroundings, serverBody } from '../support/openstack.ts';
import { type CloudProcess, startProcess } from '../support/process.ts';
import { memoryOfTree, together } from './memory.ts';

interface Figure {
  readonly what: string;
  readonly value: string;
  /** The same of a real OpenStack (2022.2, all services on one host). */
  readonly real: string;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const bundle = join(root, 'dist/pileus.mjs');
const isProfiling = process.argv.includes('--profile');
const figures: Figure[] = [];

function note(what: string, value: string, real = ''): void {
  figures.push({ what, value, real });
  console.error(`${what}: ${value}`);
}

/** Runs `work` so often, so many at once; returns how many per second. */
async function rate(count: number, atOnce: number, work: (i: number) => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  let next = 0;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (next < count) await work(next++);
    }),
  );
  return count / ((performance.now() - startMs) / 1000);
}

/** The median of some runs, in milliseconds. */
async function median(runs: number, work: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < runs; i++) {
    const startMs = performance.now();
    await work();
    times.push(performance.now() - startMs);
  }
  return times.toSorted((a, b) => a - b)[Math.floor(runs / 2)] ?? 0;
}

async function measureIdentity(cloud: CloudProcess): Promise<void> {
  const own = await cloud.token();
  const validate = (): Promise<unknown> =>
    cloud.get('identity', 'GET /v3/auth/tokens', { headers: { 'x-subject-token': own } });
  await rate(200, 8, validate);
  note('token validations, 8 at once', `${(await rate(2_000, 8, validate)).toFixed(0)}/s`, '107/s');
}

async function measureNetwork(cloud: CloudProcess, around: Surroundings): Promise<void> {
  await cloud.get('network', `PUT /v2.0/quotas/${await projectId(cloud)}`, {
    body: { quota: { network: -1, port: -1, subnet: -1, security_group_rule: -1 } },
  });
  const networks = await rate(200, 1, (i) =>
    cloud.get('network', 'POST /v2.0/networks', { body: { network: { name: `n${i}` } } }),
  );
  note('network creates, one after the other', `${networks.toFixed(0)}/s`);
  const port = (i: number): Promise<unknown> =>
    cloud.get('network', 'POST /v2.0/ports', { body: { port: { name: `p${i}`, network_id: around.networkId } } });
  note('port creates, one after the other', `${(await rate(300, 1, port)).toFixed(0)}/s`, '6/s');
  note('port creates, 10 at once', `${(await rate(500, 10, port)).toFixed(0)}/s`);
}

async function projectId(cloud: CloudProcess): Promise<string> {
  return (await cloud.get('identity', 'GET /v3/auth/projects')).body.projects[0].id;
}

async function boot(cloud: CloudProcess, around: Surroundings, name: string): Promise<number> {
  const startMs = performance.now();
  const made = await cloud.get('compute', 'POST /v2.1/servers', { body: serverBody(around, name) });
  const id = made.body.server.id;
  await until(
    `${name} ACTIVE`,
    async () => {
      const { status, fault } = (await cloud.get('compute', `GET /v2.1/servers/${id}`)).body.server;
      if (status === 'ERROR') throw new Error(`${name}: ${JSON.stringify(fault)}`);
      return status === 'ACTIVE';
    },
    120_000,
  );
  return performance.now() - startMs;
}

async function measureBoots(cloud: CloudProcess, around: Surroundings): Promise<void> {
  const project = await projectId(cloud);
  await cloud.get('compute', `PUT /v2.1/os-quota-sets/${project}`, {
    body: { quota_set: { instances: -1, cores: -1, ram: -1 } },
  });
  for (const [atOnce, count, real] of [
    [1, 20, ''],
    [10, 60, '0.8/s, 12 s each'],
    [50, 100, ''],
  ] as const) {
    const times: number[] = [];
    const perSecond = await rate(count, atOnce, async (i) => times.push(await boot(cloud, around, `b${atOnce}-${i}`)));
    const middle = times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
    note(
      `boots POST to ACTIVE, ${atOnce} at once (fake driver)`,
      `${perSecond.toFixed(1)}/s, ${middle.toFixed(0)} ms each`,
      real,
    );
  }
}

async function measureLists(cloud: CloudProcess, around: Surroundings): Promise<void> {
  const list = (): Promise<unknown> => cloud.get('compute', 'GET /v2.1/servers/detail?limit=1000');
  const many = (): Promise<unknown> => cloud.get('compute', 'GET /v2.1/servers/detail?limit=100');
  const have = (await cloud.get('compute', 'GET /v2.1/servers?limit=1000')).body.servers.length;
  await rate(1_000 - have, 20, (i) => boot(cloud, around, `l${i}`));
  await many();
  note('100 servers with details', `${(await median(9, many)).toFixed(0)} ms`, '300 ms');
  note('1000 servers with details', `${(await median(5, list)).toFixed(0)} ms`);
}

/** Long enough for what only the start needs to be let go. */
const REST_MS = 10_000;
const REAL_READY_MS = 60_000;

/** A cloud with real drivers, without a guest: how soon it is ready, and what its three processes need at rest. */
async function measureReal(): Promise<void> {
  const folder = await mkdtemp('/tmp/pileus-bench-real-');
  await chmod(folder, 0o755);
  const program = existsSync(bundle) ? bundle : join(root, 'src/main.ts');
  const pileus = [process.execPath, program];
  const place = ['--data', folder];
  const inside =
    'ip link set lo up; "$0" "$1" up --listen 127.0.0.1 "${@:2}" & up=$!; trap "kill $up" TERM; wait; wait; "$0" "$1" down --purge "${@:2}"';
  const child = spawn('unshare', ['--net', 'bash', '-c', inside, ...pileus, ...place], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  try {
    const startMs = performance.now();
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => void (output += text));
    await until('a real cloud', () => child.exitCode !== null || /ready|已就绪/.test(output), REAL_READY_MS);
    note(
      'real drivers: start to ready',
      `${((performance.now() - startMs) / 1000).toFixed(2)} s`,
      '24 s to the first token',
    );
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
    const all = memoryOfTree(child.pid ?? 0);
    for (const { name, resident, own } of all)
      note(`real drivers: idle memory of the ${name}`, `${resident} MiB resident, ${own} of its own`);
    note('real drivers: idle memory of all', `${together(all)} MiB in ${all.length}`, '3.2 GB in 45');
  } finally {
    child.kill('SIGTERM');
    await ended;
    await rm(folder, { recursive: true, force: true });
  }
}

function printTable(): void {
  const rows = [['', 'Pileus', 'real OpenStack'], ...figures.map(({ what, value, real }) => [what, value, real])];
  const widths = [0, 1, 2].map((i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  for (const row of rows)
    console.log(
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    );
}

if (process.argv.includes('--real')) await measureReal();
const dataDir = await mkdtemp(join(tmpdir(), 'pileus-bench-'));
const program = existsSync(bundle) && !process.argv.includes('--sources') ? { program: bundle } : {};
const profile = isProfiling ? { nodeArgs: ['--cpu-prof', `--cpu-prof-dir=${join(root, '.pileus/bench')}`] } : {};
let cloud = await startProcess({ dataDir, ...program, args: ['--hosts', '20'] });
try {
  note('first start to ready (20 fake hosts)', `${(cloud.readyMs / 1000).toFixed(2)} s`, '24 s to the first token');
  await cloud.stop();
  cloud = await startProcess({ dataDir, ...program, ...profile, args: ['--hosts', '20'] });
  note('next start to ready', `${(cloud.readyMs / 1000).toFixed(2)} s`);
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  note('idle memory, all processes', `${await cloud.memoryMib()} MiB in 1`, '3.2 GB in 45');
  const around = await makeSurroundings(cloud);
  await measureIdentity(cloud);
  await measureNetwork(cloud, around);
  await measureBoots(cloud, around);
  await measureLists(cloud, around);
  note('memory with 1000 servers', `${await cloud.memoryMib()} MiB`);
} finally {
  await cloud.stop();
  await rm(dataDir, { recursive: true, force: true });
  printTable();
}
