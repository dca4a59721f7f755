import { systemClock } from '#kernel/clock.ts';
import { systemRandom } from '#kernel/random.ts';
import { type ControllerFigures, readController } from './controller-figures.ts';
import { type Cloud, createServer, showServer } from './fill.ts';
import { type Latency, latencyOf } from './percentile.ts';

/** How a cloud of some size answers when little else goes on. */
export interface Probe {
  readonly servers: number;
  readonly active: number;
  readonly show: Latency;
  readonly page: Latency;
  readonly create: Latency;
  readonly delete: Latency;
  readonly candidates: Latency;
  readonly controller: ControllerFigures;
  /** The part of one core that the controller takes for heartbeats and the like, while nobody asks it anything. */
  readonly idleCpu: number;
}

const SHOWS = 500;
const PAGES = 60;
const CREATES = 100;
const CANDIDATES = 50;
const PAGE = 1_000;
const IDLE_MS = 20_000;
const SETTLE_MS = 3_000;

/** Measures calls one after the other; creates some servers and deletes them again. */
export async function probe(cloud: Cloud): Promise<Probe> {
  await systemClock.sleep(SETTLE_MS);
  await readController(cloud.api, cloud.urls);
  const { ids, active } = await listAll(cloud);
  const pick = (): string => ids[systemRandom.below(ids.length)] ?? '';
  const show: number[] = [];
  for (let i = 0; i < SHOWS; i++) await showServer(cloud, pick(), show);
  const page: number[] = [];
  for (let i = 0; i < PAGES; i++) page.push((await readPage(cloud, pick())).ms);
  const create: number[] = [];
  const made: string[] = [];
  for (let i = 0; i < CREATES; i++) made.push(await createServer(cloud, ids.length + i, create));
  await untilActive(cloud, made);
  const remove: number[] = [];
  for (const id of made) remove.push(await deleteServer(cloud, id));
  await untilGone(cloud, made);
  const candidates: number[] = [];
  for (let i = 0; i < CANDIDATES; i++) candidates.push(await askCandidates(cloud));
  const before = await readController(cloud.api, cloud.urls);
  await systemClock.sleep(IDLE_MS);
  const controller = await readController(cloud.api, cloud.urls);
  return {
    servers: ids.length,
    active,
    show: latencyOf(show),
    page: latencyOf(page),
    create: latencyOf(create),
    delete: latencyOf(remove),
    candidates: latencyOf(candidates),
    controller,
    idleCpu: (controller.cpuSeconds - before.cpuSeconds) / (IDLE_MS / 1000),
  };
}

interface Listed {
  readonly servers: readonly { readonly id: string; readonly status: string }[];
}

function readPage({ api, urls, around }: Cloud, marker: string | undefined) {
  const after = marker === undefined ? '' : `&marker=${marker}`;
  const url = `${urls['compute']}/v2.1/servers/detail?all_tenants=1&limit=${PAGE}${after}`;
  return api.ask({ method: 'GET', url, token: around.adminToken });
}

/** Every server by the list's pages, and how many of them are ACTIVE. */
async function listAll(cloud: Cloud): Promise<{ readonly ids: string[]; readonly active: number }> {
  const ids: string[] = [];
  let active = 0;
  for (;;) {
    const { servers } = (await readPage(cloud, ids.at(-1))).json<Listed>();
    for (const { id, status } of servers) {
      ids.push(id);
      if (status === 'ACTIVE') active += 1;
    }
    if (servers.length < PAGE) return { ids, active };
  }
}

async function untilActive(cloud: Cloud, ids: readonly string[]): Promise<void> {
  for (const id of ids) while ((await showServer(cloud, id, [])).status === 'BUILD') await systemClock.sleep(20);
}

async function deleteServer({ api, urls, around }: Cloud, id: string): Promise<number> {
  return (await api.ask({ method: 'DELETE', url: `${urls['compute']}/v2.1/servers/${id}`, token: around.adminToken }))
    .ms;
}

/** How long a deleted server may still be shown, before it counts as stuck. */
const GONE_MS = 60_000;

async function untilGone({ api, urls, around }: Cloud, ids: readonly string[]): Promise<void> {
  const endMs = systemClock.monotonicMs() + GONE_MS;
  const wanted = new Set(ids);
  for (;;) {
    const url = `${urls['compute']}/v2.1/servers?all_tenants=1&limit=${PAGE}&sort_key=created_at&sort_dir=desc`;
    const { servers } = (await api.ask({ method: 'GET', url, token: around.adminToken })).json<Listed>();
    if (!servers.some(({ id }) => wanted.has(id))) return;
    if (systemClock.monotonicMs() > endMs) throw new Error(`deleted servers are still there after ${GONE_MS / 1000} s`);
    await systemClock.sleep(100);
  }
}

async function askCandidates({ api, urls, around }: Cloud): Promise<number> {
  const url = `${urls['placement']}/allocation_candidates?resources=VCPU:1,MEMORY_MB:64,DISK_GB:1&limit=1000`;
  return (await api.ask({ method: 'GET', url, token: around.adminToken })).ms;
}
