/**
 * A cloud that can be killed: controllers and agents in one process over one database file, on a clock that the test moves.
 *
 * Theory of operation. A controller is a control plane over a database handle that can be taken away at any statement; what it
 * answers after that reaches nobody. An agent is the real one over a fake host, which outlives it. Between them stand wires that lose
 * and delay on demand. Nothing sleeps: `settle` moves the clock in small steps, lets everybody run, and looks.
 */
import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock } from '#kernel/clock.ts';
import { openDatabase } from '#kernel/db/database.ts';
import type { Incarnation } from '#kernel/db/instance.ts';
import { migrateUp } from '#kernel/db/migrate.ts';
import { ServiceUnavailable } from '#kernel/errors.ts';
import { type Log, openLog } from '#kernel/log.ts';
import { type Random, seededRandom } from '#kernel/random.ts';
import type { AgentApi } from '#protocol/agent.ts';
import type { ControllerApi } from '#protocol/controller.ts';
import { type ControlPlane, controllerMigrations, createControlPlane } from '../../src/controller/control-plane.ts';
import { publicUrls } from '../../src/controller/settings.ts';
import { ADMIN_PASSWORD, type Answer, type Ask, passwordAuth } from './cloud.ts';
import { createHostUnderTest, type HostUnderTest, type HostUnderTestOptions, hostIdOf } from './fake-host.ts';
import { type FaultyDatabase, openFaultyDatabase, type SharedFile, sharedFile } from './faulty-database.ts';
import { brokenAlways, brokenAtRest } from './invariants.ts';
import { makeSurroundings, type Surroundings, serverBody } from './openstack.ts';
import { type TableWatch, watchTables } from './table-watch.ts';

/** What a wire does to one call. */
export type WireFault = 'drop' | 'lose-answer' | undefined;

export interface ControllerUnderTest {
  readonly plane: ControlPlane;
  readonly database: FaultyDatabase;
  isAlive: boolean;
  /** Rejects when it is killed: what a broken connection is to those who wait for an answer. */
  readonly death: Promise<never>;
  kill(): void;
}

export interface World {
  readonly clock: ManualClock;
  readonly random: Random;
  readonly hosts: readonly HostUnderTest[];
  readonly around: Surroundings;
  readonly tables: TableWatch;
  readonly controllers: readonly ControllerUnderTest[];
  /** Decides for each call of an agent what becomes of it. */
  wire: (call: string) => WireFault;
  /** Starts a controller; `id` names one that is dead and starts again, otherwise it is another one. */
  startController(id?: string): Promise<ControllerUnderTest>;
  /** Kills an agent and starts another on the same host. */
  restartAgent(host: HostUnderTest): void;
  /** Asks a living controller; undefined when it died over it or nobody lives. Time moves on while it is waited for. */
  ask(service: string, line: string, how?: Ask): Promise<Answer | undefined>;
  /** Moves time until nothing is under way and nothing is broken, looking at what must always hold on the way. */
  settle(what: string): Promise<void>;
  /** Moves time by so much. */
  pass(ms: number): Promise<void>;
  stop(): Promise<void>;
}

export interface WorldOptions {
  readonly seed: number;
  readonly hosts?: number;
  readonly onCall?: HostUnderTestOptions['onCall'];
}

const STEP_MS = 250;
/** Several leases, backoffs and heartbeats one after the other: what takes longer is stuck. */
const SETTLE_MS = 5 * 60_000;
/** What must always hold is looked at every so many steps. */
const LOOK_EVERY = 8;

interface Prepared {
  readonly folder: string;
  readonly around: Surroundings;
  readonly token: string;
  /** When the preparation ended: worlds go on from there. */
  readonly now: Date;
}

/** By the number of hosts. */
const prepared = new Map<number, Promise<Prepared>>();

/** Starts a world from a copy of one that has been prepared once: schema, administrator, image, flavor, network, hosts. */
export async function createWorld(options: WorldOptions): Promise<World> {
  const count = options.hosts ?? 1;
  const preparation = prepared.get(count) ?? prepare(count);
  prepared.set(count, preparation);
  const { folder: from, ...known } = await preparation;
  const folder = await mkdtemp(join(tmpdir(), 'pileus-world-'));
  await cp(from, folder, { recursive: true });
  return openWorld(folder, options, known);
}

/** Removes what worlds were copied from. */
export async function forgetPrepared(): Promise<void> {
  for (const preparation of prepared.values()) await rm((await preparation).folder, { recursive: true, force: true });
  prepared.clear();
}

async function prepare(hosts: number): Promise<Prepared> {
  const folder = await mkdtemp(join(tmpdir(), 'pileus-prepared-'));
  const db = openDatabase({ kind: 'sqlite', file: join(folder, 'pileus.sqlite'), durability: 'normal' });
  await migrateUp(db, controllerMigrations);
  await db.destroy();
  const world = await openWorld(folder, { seed: 0, hosts }, undefined);
  const login = await world.ask('identity', 'POST /v3/auth/tokens', {
    token: null,
    body: passwordAuth('admin', ADMIN_PASSWORD, 'admin'),
  });
  const token = login?.headers.get('x-subject-token') ?? '';
  const get = async (service: string, line: string, how: Ask = {}): Promise<Answer> => {
    const answer = await world.ask(service, line, { token, ...how });
    if (answer === undefined || answer.status >= 300) throw new Error(`${line}: ${answer?.status} ${answer?.text}`);
    return answer;
  };
  const around = await makeSurroundings({ get });
  await world.settle('preparation');
  await close(world);
  return { folder, around, token, now: world.clock.now() };
}

async function close(world: World): Promise<void> {
  for (const host of world.hosts) host.kill();
  for (const controller of world.controllers) controller.kill();
  await world.pass(STEP_MS);
  world.tables.close();
}

async function openWorld(
  folder: string,
  options: WorldOptions,
  known: Omit<Prepared, 'folder'> | undefined,
): Promise<World> {
  const clock = new ManualClock(known?.now);
  const random = seededRandom(options.seed);
  const log = openLog({ level: 'warn', file: join(folder, 'log') });
  const file = sharedFile(join(folder, 'pileus.sqlite'));
  const controllers: ControllerUnderTest[] = [];
  const agents = new Map<string, AgentApi>();
  await mkdir(join(folder, 'agents'), { recursive: true });
  const hosts = Array.from({ length: options.hosts ?? 1 }, (_, i) =>
    createHostUnderTest({
      id: hostIdOf(i),
      name: `fake-${i + 1}`,
      folder: join(folder, 'agents'),
      clock,
      log,
      ...(options.onCall === undefined ? {} : { onCall: options.onCall }),
    }),
  );
  const tables = watchTables(file.path);

  const world: World = {
    clock,
    random,
    hosts,
    around: known?.around ?? { imageId: '', flavorId: '', networkId: '', subnetId: '' },
    tables,
    controllers,
    wire: () => undefined,
    async startController(id = `controller-${controllers.length}`) {
      const owner = { id, incarnation: controllers.length + 1 };
      const started = await startController({ folder, file, clock, random, log, agents, owner });
      controllers.push(started);
      return started;
    },
    restartAgent(host) {
      host.kill();
      agents.set(host.id, host.start(wired(host)));
    },
    async ask(service, line, how = {}) {
      const controller = controllers.find(({ isAlive }) => isAlive);
      if (controller === undefined) return undefined;
      return whileTimePasses(
        clock,
        Promise.race([
          inject(controller, service, line, { token: known?.token ?? null, ...how }),
          controller.death,
        ]).catch(lost),
      );
    },
    async settle(what) {
      const endMs = clock.monotonicMs() + SETTLE_MS;
      for (let step = 0; ; step++) {
        await move(clock);
        if (step % LOOK_EVERY !== 0) continue;
        const broken = brokenAlways(tables);
        if (broken.length > 0) throw new Error(`${what} (seed ${options.seed}): ${broken.join('; ')}`);
        const atRest = brokenAtRest(tables, hosts);
        if (atRest.length === 0) return;
        if (clock.monotonicMs() > endMs)
          throw new Error(
            `${what} (seed ${options.seed}): after ${SETTLE_MS / 1000} s still: ${atRest.join('; ')}\n${await lastLines(folder)}`,
          );
      }
    },
    async pass(ms) {
      const endMs = clock.monotonicMs() + ms;
      while (clock.monotonicMs() < endMs) await move(clock);
    },
    async stop() {
      await close(world);
      // an agent may be about to write its last file
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };

  /** The agents' way to a living controller, through the wire. */
  function wired(host: HostUnderTest): ControllerApi {
    const call = async <T>(name: string, to: (api: ControllerApi) => Promise<T>): Promise<T> => {
      const living = controllers.filter(({ isAlive }) => isAlive);
      const controller = living[random.below(Math.max(living.length, 1))];
      const fault = world.wire(`${host.name} ${name}`);
      if (controller === undefined || fault === 'drop')
        throw new ServiceUnavailable('test.unreachable', 'The wire is cut.');
      const answer = await Promise.race([to(controller.plane.api), controller.death]);
      if (fault === 'lose-answer') throw new ServiceUnavailable('test.lost', 'The answer was lost.');
      return answer;
    };
    return {
      heartbeat: (id, beat) => call('heartbeat', (api) => api.heartbeat(id, beat)),
      waitForGuests: (id, since, signal) => call('waitForGuests', (api) => api.waitForGuests(id, since, signal)),
      reportGuests: (id, report) => call('reportGuests', (api) => api.reportGuests(id, report)),
      waitForNetworks: (id, since, signal) => call('waitForNetworks', (api) => api.waitForNetworks(id, since, signal)),
      reportNetworks: (id, report) => call('reportNetworks', (api) => api.reportNetworks(id, report)),
      downloadImage: (id, signal) => call('downloadImage', (api) => api.downloadImage(id, signal)),
      uploadImage: (id, imageId, data, signal) =>
        call('uploadImage', (api) => api.uploadImage(id, imageId, data, signal)),
    };
  }

  await world.startController();
  for (const host of hosts) {
    agents.set(host.id, host.start(wired(host)));
    await whileTimePasses(clock, host.registered());
  }
  return world;
}

/** The end of the log, which says who gave up on what. */
async function lastLines(folder: string): Promise<string> {
  const text = await readFile(join(folder, 'log'), 'utf8').catch(() => '');
  return text.trimEnd().split('\n').slice(-20).join('\n');
}

async function startController(parts: {
  readonly folder: string;
  readonly file: SharedFile;
  readonly clock: ManualClock;
  readonly random: Random;
  readonly log: Log;
  readonly agents: ReadonlyMap<string, AgentApi>;
  readonly owner: Incarnation;
}): Promise<ControllerUnderTest> {
  const { folder, file, clock, random, log, agents, owner } = parts;
  const database = openFaultyDatabase(file);
  const plane = await whileTimePasses(
    clock,
    createControlPlane({
      db: database.db,
      owner,
      settings: {
        region: 'RegionOne',
        publicUrls: publicUrls('cloud.example'),
        dataDir: join(folder, 'controller'),
        configDir: join(folder, 'config'),
      },
      adminPassword: ADMIN_PASSWORD,
      identity: { bcryptRounds: 4 },
      agents: {
        agentOf(hostId) {
          const agent = agents.get(hostId);
          if (agent === undefined)
            throw new ServiceUnavailable('agent.unreachable', `Host ${hostId} is not connected.`);
          return agent;
        },
      },
      clock,
      random,
      log,
    }),
  );
  const stop = new AbortController();
  const { promise: death, reject: die } = Promise.withResolvers<never>();
  death.catch(() => {});
  const self: ControllerUnderTest = {
    plane,
    database,
    isAlive: true,
    death,
    kill() {
      self.isAlive = false;
      database.kill();
      stop.abort();
      die(new ServiceUnavailable('test.dead', 'The controller is dead.'));
    },
  };
  void plane.run(stop.signal);
  return self;
}

async function inject(controller: ControllerUnderTest, service: string, line: string, how: Ask): Promise<Answer> {
  const { services, operations } = controller.plane;
  const app = service === 'operations' ? operations : services.find(({ type }) => type === service)?.app;
  if (app === undefined) throw new Error(`no service ${service}`);
  const [method = 'GET', url = '/'] = line.split(' ');
  const { token, version = 'latest', body, headers } = how;
  const isBytes = typeof body === 'string' || Buffer.isBuffer(body);
  const answer = await app.inject({
    method: method as 'GET',
    url,
    headers: {
      ...(token == null ? {} : { 'x-auth-token': token }),
      ...(version === null ? {} : { 'openstack-api-version': `${service} ${version}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { payload: isBytes ? body : JSON.stringify(body) }),
  });
  const isJson = String(answer.headers['content-type']).includes('json') && answer.body !== '';
  return {
    status: answer.statusCode,
    headers: new Headers(
      Object.entries(answer.headers).map(([name, value]): [string, string] => [name, String(value)]),
    ),
    text: answer.body,
    body: isJson ? answer.json() : undefined,
  };
}

function lost(error: unknown): undefined {
  if (error instanceof ServiceUnavailable) return undefined;
  throw error;
}

/** One step of time. Files and hashes are done by other threads: they get a moment of real time. */
async function move(clock: ManualClock): Promise<void> {
  await clock.advance(STEP_MS);
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setTimeout(resolve, 0));
}

/** Real moments that one answer may take, at about a millisecond each. */
const MAX_MOMENTS = 20_000;

/** Waits for something that needs the clock to move, or other threads to work, without moving it more than that takes. */
async function whileTimePasses<T>(clock: ManualClock, work: Promise<T>): Promise<T> {
  let isDone = false;
  const watching = work
    .catch(() => {})
    .finally(() => {
      isDone = true;
    });
  void watching;
  for (let moment = 0; !isDone; moment++) {
    if (moment > MAX_MOMENTS) throw new Error('waited for something that does not come');
    await new Promise((resolve) => setImmediate(resolve));
    if (moment % 50 === 49) await move(clock);
    else if (moment > 10) await new Promise((resolve) => setTimeout(resolve, 0));
  }
  return work;
}

/** Runs a story in a world of its own. */
export async function inWorld<T>(options: WorldOptions, story: (world: World) => Promise<T>): Promise<T> {
  const world = await createWorld(options);
  try {
    return await story(world);
  } finally {
    await world.stop();
  }
}

/** Asks for one server; whether anybody heard it is another question. */
export async function createServer(world: World): Promise<void> {
  const answer = await world.ask('compute', 'POST /v2.1/servers', { body: serverBody(world.around, 'doomed') });
  if (answer !== undefined && answer.status !== 202) throw new Error(`create: ${answer.status} ${answer.text}`);
}

/** Servers that are there, as the database has them. */
export function serversOf(world: World): { id: string; vm_state: string }[] {
  return world.tables.rows('select id, vm_state from servers where deleted_at is null') as never;
}

/** Asks for the end of every server. */
export async function deleteServers(world: World): Promise<void> {
  for (const { id } of serversOf(world)) {
    const answer = await world.ask('compute', `DELETE /v2.1/servers/${id}`);
    if (answer !== undefined && answer.status !== 204 && answer.status !== 404)
      throw new Error(`delete: ${answer.status} ${answer.text}`);
  }
}
