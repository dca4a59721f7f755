import { systemClock } from '#kernel/clock.ts';
import { type Api, spread } from './api.ts';
import { type Latency, latencyOf } from './percentile.ts';
import type { Surroundings, Urls } from './surroundings.ts';

export interface Cloud {
  readonly api: Api;
  readonly urls: Urls;
  readonly around: Surroundings;
  readonly atOnce: number;
}

export interface Fill {
  /** Servers that this filling made ACTIVE, and how long it took from the first POST to the last ACTIVE. */
  readonly servers: number;
  readonly seconds: number;
  readonly perSecond: number;
  /** Of POST /servers under this load. */
  readonly create: Latency;
  /** Of GET /servers/{id} under this load. */
  readonly show: Latency;
  /** From POST to ACTIVE, of some servers. */
  readonly active: Latency;
  readonly failed: number;
}

/** One server of so many is watched until it is ACTIVE. More would measure the watching. */
const WATCH_EVERY = 50;
const WATCH_MS = 25;
/** Accepted and not yet running, as the list says; beyond it no more are asked for: a queue would only grow. */
const MAX_BUILDING = 500;
const LOOK_MS = 250;
const LIST_LIMIT = 1_000;
/** No server takes longer to become ACTIVE, unless something is stuck. */
const STUCK_MS = 120_000;

/** Makes servers until there are `until`; `tell` hears once a second how many have been accepted. */
export async function fill(
  cloud: Cloud,
  range: { readonly from: number; readonly until: number },
  tell: (accepted: number) => void,
): Promise<Fill> {
  const times = { create: [] as number[], show: [] as number[], active: [] as number[] };
  const watched: Promise<void>[] = [];
  const count = range.until - range.from;
  const startMs = systemClock.monotonicMs();
  const brake = createBrake(cloud);
  let toldMs = startMs;
  let accepted = 0;
  await spread(count, cloud.atOnce, async (i) => {
    await brake.wait();
    const id = await createServer(cloud, range.from + i, times.create);
    accepted += 1;
    if (i % WATCH_EVERY === 0) watched.push(watch(cloud, id, times));
    const nowMs = systemClock.monotonicMs();
    if (nowMs - toldMs < 1_000) return;
    toldMs = nowMs;
    tell(range.from + accepted);
  });
  await Promise.all(watched);
  await untilNoneBuilds(cloud);
  const seconds = (systemClock.monotonicMs() - startMs) / 1000;
  const failed = await countByStatus(cloud, 'ERROR');
  return {
    servers: count,
    seconds,
    perSecond: count / seconds,
    create: latencyOf(times.create),
    show: latencyOf(times.show),
    active: latencyOf(times.active),
    failed,
  };
}

/** Asks for one server. @returns its id. */
export async function createServer(cloud: Cloud, index: number, times: number[]): Promise<string> {
  const { api, urls, around } = cloud;
  const tenant = around.tenants[index % around.tenants.length];
  if (tenant === undefined) throw new Error('there is no project');
  const server = {
    name: `simulated-${index + 1}`,
    imageRef: around.imageId,
    flavorRef: around.flavorId,
    networks: [{ uuid: tenant.networkId }],
  };
  const url = `${urls['compute']}/v2.1/servers`;
  const reply = await api.ask({ method: 'POST', url, token: tenant.token, body: { server } });
  times.push(reply.ms);
  return reply.json<{ server: { id: string } }>().server.id;
}

/** Shows a server as its administrator. */
export async function showServer(cloud: Cloud, id: string, times: number[]): Promise<{ readonly status: string }> {
  const url = `${cloud.urls['compute']}/v2.1/servers/${id}`;
  const reply = await cloud.api.ask({ method: 'GET', url, token: cloud.around.adminToken });
  times.push(reply.ms);
  return reply.json<{ server: { status: string } }>().server;
}

async function watch(
  cloud: Cloud,
  id: string,
  times: { readonly show: number[]; readonly active: number[] },
): Promise<void> {
  const startMs = systemClock.monotonicMs();
  for (;;) {
    const { status } = await showServer(cloud, id, times.show);
    const ms = systemClock.monotonicMs() - startMs;
    if (status === 'ACTIVE') return void times.active.push(ms);
    if (status === 'ERROR') return;
    if (ms > STUCK_MS) throw new Error(`server ${id} is still ${status} after ${STUCK_MS / 1000} s`);
    await systemClock.sleep(WATCH_MS);
  }
}

/** Servers in a status, at most {@link LIST_LIMIT}. */
async function countByStatus({ api, urls, around }: Cloud, status: string): Promise<number> {
  const url = `${urls['compute']}/v2.1/servers?all_tenants=1&status=${status}&limit=${LIST_LIMIT}`;
  const reply = await api.ask({ method: 'GET', url, token: around.adminToken });
  return reply.json<{ servers: unknown[] }>().servers.length;
}

/** Holds back whoever waits while too many servers build, as clients do that look at what they have asked for. */
function createBrake(cloud: Cloud): { wait(): Promise<void> } {
  let lookedMs = systemClock.monotonicMs();
  let looking: Promise<void> | undefined;
  async function look(): Promise<void> {
    while ((await countByStatus(cloud, 'BUILD')) > MAX_BUILDING) await systemClock.sleep(LOOK_MS);
    lookedMs = systemClock.monotonicMs();
    looking = undefined;
  }
  return {
    async wait() {
      if (looking === undefined && systemClock.monotonicMs() - lookedMs > LOOK_MS) looking = look();
      await looking;
    },
  };
}

async function untilNoneBuilds(cloud: Cloud): Promise<void> {
  const endMs = systemClock.monotonicMs() + STUCK_MS;
  for (;;) {
    const building = await countByStatus(cloud, 'BUILD');
    if (building === 0) return;
    if (systemClock.monotonicMs() > endMs)
      throw new Error(`${building} servers still build after ${STUCK_MS / 1000} s`);
    await systemClock.sleep(50);
  }
}
