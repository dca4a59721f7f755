/**
 * Three controllers over three Galera nodes, under load, while one node and one controller at a time are killed with SIGKILL.
 * PILEUS_GALERA_ROUNDS=… kills more often, PILEUS_SEED=… chooses others.
 */
import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { seededRandom } from '#kernel/random.ts';
import { until } from '../support/cloud.ts';
import { canHaveGalera, type GaleraCluster, startGalera } from '../support/galera-cluster.ts';
import { makeSurroundings } from '../support/openstack.ts';
import { type CloudProcess, randomAddress, startProcess } from '../support/process.ts';
import { type Load, startLoad } from './clients.ts';

const SEED = Number(process.env['PILEUS_SEED'] ?? 1);
const ROUNDS = Number(process.env['PILEUS_GALERA_ROUNDS'] ?? 1);
const CONTROLLERS = 3;
const CLIENTS = 4;
/** Between two blows, long enough for all to be well again. */
const CALM_MS = 4_000;
/** Clients that ask another controller feel a loss for 3 s at most where the machine does nothing else; Galera needs 2 of them. */
const MAX_GAP_MS = 6_000;
/** A dead controller's lease, its tasks on another one, and the rest of a slow machine. */
const REST_MS = 120_000;

it.runIf(canHaveGalera)('no accepted request is lost while nodes and controllers are killed', async () => {
  const random = seededRandom(SEED);
  const folder = await mkdtemp(join(tmpdir(), 'pileus-galera-'));
  const cluster = await startGalera();
  const controllers: CloudProcess[] = [];
  try {
    const passwordFile = join(folder, 'password');
    await writeFile(passwordFile, cluster.password);
    await chmod(passwordFile, 0o600);
    const url = `mysql://${cluster.user}@${cluster.hosts.join(',')}/${cluster.database}?password_file=${passwordFile}`;
    const start = (i: number, address: string): Promise<CloudProcess> =>
      startProcess({ dataDir: join(folder, `c${i}`), address, args: ['--hosts', '2', '--database', url] });
    for (let i = 0; i < CONTROLLERS; i++) {
      if (i > 0) {
        await mkdir(join(folder, `c${i}`));
        await copyFile(join(folder, 'c0', 'cloud-key'), join(folder, `c${i}`, 'cloud-key'));
      }
      controllers.push(await start(i, randomAddress()));
    }
    const [first] = controllers;
    if (first === undefined) throw new Error('no controller');
    const around = await makeSurroundings(first);
    await liftQuotas(first);
    const addresses = controllers.map(({ address }) => address);
    const token = await first.token();
    const load = startLoad({ addresses, token, around, clients: CLIENTS });
    for (let round = 0; round < ROUNDS; round++) {
      await sleep(CALM_MS);
      // the first node of everybody's list: the one that is written to
      const node = round % 2 === 0 ? 0 : random.below(cluster.hosts.length);
      await cluster.kill(node);
      console.log(`killed node ${node}: longest silence so far ${load.longestSilenceMs.toFixed(0)} ms`);
      await sleep(CALM_MS);
      const victim = random.below(controllers.length);
      await controllers[victim]?.kill();
      await sleep(CALM_MS);
      console.log(`killed controller ${victim}: longest silence so far ${load.longestSilenceMs.toFixed(0)} ms`);
      await cluster.restart(node);
      await sleep(CALM_MS);
      controllers[victim] = await start(victim, addresses[victim] ?? '');
      console.log(`all are back: longest silence so far ${load.longestSilenceMs.toFixed(0)} ms`);
    }
    await sleep(CALM_MS);
    await load.stop();
    tell(load);
    await expectAllTrue(cluster, load);
    expect(load.longestSilenceMs).toBeLessThan(MAX_GAP_MS);
  } finally {
    for (const controller of controllers) await controller.kill();
    await cluster.stop();
    await rm(folder, { recursive: true, force: true });
  }
});

/** Every accepted server runs, every deleted one is gone, and no task is left, seen from every node alike. */
async function expectAllTrue(cluster: GaleraCluster, load: Load): Promise<void> {
  const unfinished = async (): Promise<number> =>
    Number((await cluster.rows(0, "select count(*) as n from tasks where state = 'pending'"))[0]?.['n']);
  const notRunning = async (): Promise<number> =>
    Number(
      (
        await cluster.rows(
          0,
          "select count(*) as n from servers where deleted_at is null and (vm_state <> 'active' or task_state is not null)",
        )
      )[0]?.['n'],
    );
  await until('rest', async () => (await unfinished()) + (await notRunning()) === 0, REST_MS).catch(() => {});
  for (const node of cluster.hosts.keys()) {
    const rows = await cluster.rows(node, 'select id, vm_state, deleted_at from servers');
    const running = new Set(
      rows.filter((row) => row['deleted_at'] === null && row['vm_state'] === 'active').map((row) => row['id']),
    );
    const there = new Set(rows.filter((row) => row['deleted_at'] === null).map((row) => row['id']));
    expect([node, ...[...load.kept].filter((id) => !running.has(id))]).toEqual([node]);
    const undead = [...load.deleted].filter((id) => there.has(id));
    expect([node, ...(await whyThere(cluster, node, undead))]).toEqual([node]);
  }
  expect([await unfinished(), await notRunning()]).toEqual([0, 0]);
}

/** What is known of servers that should be gone. */
async function whyThere(cluster: GaleraCluster, node: number, ids: readonly string[]): Promise<string[]> {
  const told: string[] = [];
  for (const id of ids) {
    const about = [
      ...(await cluster.rows(
        node,
        `select vm_state, task_state, host_id, deadline_at, request_id from servers where id = '${id}'`,
      )),
      ...(await cluster.rows(node, `select * from server_guests where server_id = '${id}'`)).map(
        ({ host_id, is_gone, gone_revision, observed_power }) => ({ host_id, is_gone, gone_revision, observed_power }),
      ),
      ...(await cluster.rows(
        node,
        `select kind, state, direction, step, error, created_at, updated_at from tasks where resource_id = '${id}' order by sequence`,
      )),
    ];
    told.push(`${id}: ${JSON.stringify(about)}`);
  }
  return told;
}

async function liftQuotas(cloud: CloudProcess): Promise<void> {
  const { body } = await cloud.get('identity', 'GET /v3/projects?name=admin');
  const project = body.projects[0].id;
  await cloud.get('compute', `PUT /v2.1/os-quota-sets/${project}`, {
    body: { quota_set: { instances: -1, cores: -1, ram: -1 } },
  });
  await cloud.get('network', `PUT /v2.0/quotas/${project}`, { body: { quota: { port: -1 } } });
}

function tell(load: Load): void {
  const sorted = load.tookMs.toSorted((a, b) => a - b);
  const at = (part: number): string =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0).toFixed(0);
  console.log(
    `${load.requests} requests, ${load.kept.size} servers kept, ${load.deleted.size} deleted; answers ${JSON.stringify([...load.answers])}; ` +
      `with all tries p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms; longest silence ${load.longestSilenceMs.toFixed(0)} ms`,
  );
}
