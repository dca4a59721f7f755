/**
 * The laboratory's world: one to three whole controllers over a real SQLite file, some hosts with their agents, and the users' way
 * to the APIs; all in one real process, on a clock, a disk and chance of its own. Nothing sleeps, nothing listens.
 */
import { createHash } from 'node:crypto';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { openDatabase } from '#kernel/db/database.ts';
import { migrateUp } from '#kernel/db/migrate.ts';
import type { Log, LogFields } from '#kernel/log.ts';
import { type ControlPlane, controllerMigrations, createControlPlane } from '../../src/controller/control-plane.ts';
import { publicUrls } from '../../src/controller/settings.ts';
import { ADMIN_PASSWORD, passwordAuth } from '../support/cloud.ts';
import { type TableWatch, watchTables } from '../support/table-watch.ts';
import { createSimHost, type SimHost } from './host.ts';
import { createChance } from './machine/chance.ts';
import {
  apartFromRequests,
  type DatabaseFile,
  notingWrites,
  openSimDatabase,
  type Writes,
} from './machine/database.ts';
import { DISKS, type DiskImage } from './machine/disk.ts';
import { beginRun, type Machine } from './machine/machine.ts';
import { createProcess, kill, runIn } from './machine/processes.ts';
import { createSky, type Sky } from './weather.ts';
import { type Reachable, type WireParts, wireToAgent, wireToControllers } from './wires.ts';

export interface SimController extends Reachable {
  readonly plane: ControlPlane;
  /** Which of the installation's controllers it is. */
  readonly slot: number;
}

/** Somebody who uses the APIs. */
export interface User {
  readonly name: string;
  readonly password: string;
  readonly project: string;
  projectId: string;
  token: string | undefined;
}

export interface SimAnswer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: whoever asks looks into whatever comes
  readonly body: any; // oxlint-disable-line typescript/no-explicit-any
  readonly text: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** What all users may use. */
export interface Common {
  imageId: string;
  flavorIds: string[];
  /** The network with the way out. */
  publicNetworkId: string;
}

export interface World {
  readonly machine: Machine;
  readonly sky: Sky;
  readonly hosts: readonly SimHost[];
  readonly users: readonly User[];
  readonly common: Common;
  readonly tables: TableWatch;
  readonly file: DatabaseFile;
  /** Those that live. */
  readonly controllers: SimController[];
  /** Rules that a request broke by itself. */
  readonly brokenByRequests: string[];
  startController(): Promise<SimController>;
  /** Asks a living controller; undefined when nobody answers. */
  ask(user: User | null, service: string, line: string, body?: unknown): Promise<SimAnswer | undefined>;
  /** Gives a user a token. */
  logIn(user: User): Promise<boolean>;
  /** Moves time. */
  pass(ms: number): Promise<void>;
  /** Moves time for as long as something takes. */
  during<T>(work: Promise<T>): Promise<T>;
  /** Writes a line of the history. */
  note(line: string): void;
  /** A hash of all that has happened. */
  hash(): string;
  /** The last warnings of the program, for those who look for a cause. */
  complaints(): readonly string[];
  readonly counts: Record<string, number>;
  stop(): void;
}

export interface WorldOptions {
  readonly seed: number;
  readonly hosts: number;
  readonly controllers: number;
  /** Told every line of the history. */
  readonly onLine?: ((line: string) => void) | undefined;
}

/** A user gives up waiting after this long. */
const USER_PATIENCE_MS = 120_000;
const MAX_COMPLAINTS = 40;
/** The longest that anything may take while time moves for it. */
const MAX_DURING_MS = 15 * 60_000;

interface Template {
  readonly file: string;
  readonly disk: DiskImage;
  readonly now: Date;
  readonly users: readonly User[];
  readonly common: Common;
}

const templates = new Map<number, Promise<Template>>();
let folder: string | undefined;
let worlds = 0;

function scratch(): string {
  folder ??= mkdtempSync(join(tmpdir(), 'pileus-laboratory-'));
  return folder;
}

/** Removes what worlds were copied from. */
export function forgetTemplates(): void {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  folder = undefined;
  templates.clear();
}

/** Opens a world: a copy of one with an administrator, users, an image, flavors, and a network with a way out. */
export async function openWorld(options: WorldOptions): Promise<World> {
  const made = templates.get(options.hosts) ?? makeTemplate(options.hosts);
  templates.set(options.hosts, made);
  const template = await made;
  const path = join(scratch(), `world-${++worlds}.sqlite`);
  copyFileSync(template.file, path);
  const machine = beginRun(options.seed, template.now);
  machine.disk.restore(template.disk);
  const users = template.users.map((user) => ({ ...user }));
  const world = await createWorld({ ...options, path, machine, users, common: template.common });
  for (let i = 0; i < options.controllers; i++) await world.during(world.startController());
  for (const host of world.hosts) host.startAgent();
  return world;
}

const PASSWORD = 'a password of the laboratory';
const ADMIN = { name: 'admin', password: ADMIN_PASSWORD, project: 'admin', projectId: '', token: undefined };
const PEOPLE: readonly (readonly [name: string, project: string])[] = [
  ['alice', 'red'],
  ['anna', 'red'],
  ['bob', 'blue'],
];

async function makeTemplate(hosts: number): Promise<Template> {
  const path = join(scratch(), `template-${hosts}.sqlite`);
  const machine = beginRun(0, new Date('2026-01-01T00:00:00Z'));
  const db = openDatabase({ kind: 'sqlite', file: path, durability: 'normal' });
  await migrateUp(db, controllerMigrations);
  await db.destroy();
  const users: User[] = [
    { ...ADMIN },
    ...PEOPLE.map(([name, project]) => ({ name, password: PASSWORD, project, projectId: '', token: undefined })),
  ];
  const common: Common = { imageId: '', flavorIds: [], publicNetworkId: '' };
  const world = await createWorld({ seed: 0, hosts, controllers: 1, path, machine, users, common });
  await world.during(world.startController());
  for (const host of world.hosts) host.startAgent();
  await furnish(world);
  await world.pass(60_000);
  const template = {
    file: join(scratch(), `template-${hosts}-closed.sqlite`),
    disk: machine.disk.copy(),
    now: machine.clock.now(),
    users,
    common,
  };
  const sqlite = new Sqlite(path);
  sqlite.prepare('vacuum into ?').run(template.file);
  sqlite.close();
  world.stop();
  return template;
}

/** Makes what a cloud has before its users come, by the public APIs. */
async function furnish(world: World): Promise<void> {
  const [admin] = world.users as [User, ...User[]];
  const get = async (service: string, line: string, body?: unknown): Promise<SimAnswer> => {
    const answer = await world.during(world.ask(admin, service, line, body));
    if (answer === undefined || answer.status >= 300)
      throw new Error(`${line}: ${answer?.status} ${answer?.text}\n${world.complaints().join('\n')}`);
    return answer;
  };
  await world.during(world.logIn(admin));
  const roles = await get('identity', 'GET /v3/roles?name=member');
  for (const user of world.users.slice(1)) {
    const found = await get('identity', `GET /v3/projects?name=${user.project}`);
    const project =
      found.body.projects[0] ??
      (await get('identity', 'POST /v3/projects', { project: { name: user.project, domain_id: 'default' } })).body
        .project;
    const made = await get('identity', 'POST /v3/users', {
      user: { name: user.name, password: user.password, domain_id: 'default' },
    });
    await get('identity', `PUT /v3/projects/${project.id}/users/${made.body.user.id}/roles/${roles.body.roles[0].id}`);
    user.projectId = project.id;
    await world.during(world.logIn(user));
  }
  const image = await get('image', 'POST /v2/images', {
    name: 'tiny',
    disk_format: 'raw',
    container_format: 'bare',
    visibility: 'public',
  });
  world.common.imageId = image.body.id;
  await get('image', `PUT /v2/images/${image.body.id}/file`, Buffer.alloc(64 * 1024, 7));
  for (const [name, vcpus] of [
    ['tiny', 1],
    ['small', 2],
  ] as const) {
    const flavor = await get('compute', 'POST /v2.1/flavors', {
      flavor: { name, ram: 64 * vcpus, vcpus, disk: 1 },
    });
    world.common.flavorIds.push(flavor.body.flavor.id);
  }
  const network = await get('network', 'POST /v2.0/networks', {
    network: {
      name: 'public',
      'router:external': true,
      'provider:network_type': 'flat',
      'provider:physical_network': 'physnet1',
    },
  });
  world.common.publicNetworkId = network.body.network.id;
  await get('network', 'POST /v2.0/subnets', {
    subnet: { network_id: network.body.network.id, ip_version: 4, cidr: '203.0.113.0/24', enable_dhcp: false },
  });
}

interface CreateParts extends WorldOptions {
  readonly path: string;
  readonly machine: Machine;
  readonly users: readonly User[];
  readonly common: Common;
}

async function createWorld(options: CreateParts): Promise<World> {
  const { machine, users, common } = options;
  const { clock, chance } = machine;
  const sky = createSky(() => clock.nowMs());
  const digest = createHash('sha256');
  const counts: Record<string, number> = {};
  const complaints: string[] = [];
  const controllers: SimController[] = [];
  const hosts: SimHost[] = [];
  const brokenByRequests: string[] = [];
  const sequence = { controllers: 0 };
  let isOpen = true;

  const record = (line: string): void => {
    const whole = `${clock.nowMs()} ${line}`;
    digest.update(whole);
    options.onLine?.(whole);
  };
  const count = (what: string): void => {
    counts[what] = (counts[what] ?? 0) + 1;
  };
  const log = createLog((line) => {
    record(line);
    complaints.push(`${clock.now().toISOString()} ${line}`);
    if (complaints.length > MAX_COMPLAINTS) complaints.shift();
  });
  const file: DatabaseFile = {
    path: options.path,
    chance: createChance(options.seed ^ 0x2545f491),
    queue: [],
    isTaken: false,
    fateOf: (sql) => sky.statement(sql),
    onStatement(sql, process) {
      count('statements');
      record(`${process?.name} sql ${sql}`);
    },
    sleep: (ms) => clock.sleep(ms),
  };
  machine.disk.onOperation = (operation, path) => {
    count('file operations');
    record(`file ${operation} ${path}`);
    return path.startsWith(`${DISKS}/agents/`) ? sky.file(operation, path) : undefined;
  };
  const wires: WireParts = {
    machine,
    sky,
    anyController: () => controllers[chance.below(Math.max(controllers.length, 1))],
    onMessage(host, message) {
      count('messages');
      record(`${host} says ${message}`);
    },
  };
  for (let i = 0; i < options.hosts; i++) {
    hosts.push(
      createSimHost({
        id: `00000000-0000-4000-8000-${String(i + 1).padStart(12, '0')}`,
        name: `host-${i + 1}`,
        machine,
        sky,
        log,
        controller: (host) => wireToControllers(wires, host),
        onDriverCall(host, call) {
          count('driver calls');
          record(`${host} ${call}`);
        },
      }),
    );
  }
  const tables = watchTables(options.path);

  async function startController(): Promise<SimController> {
    const number = ++sequence.controllers;
    const process = createProcess(`controller ${number}`);
    // a controller that comes back does so in a dead one's place, and knows whose work it finds
    const slot = [1, 2, 3, 4].find((one) => !controllers.some((living) => living.slot === one)) ?? number;
    const { promise: death, reject: die } = Promise.withResolvers<never>();
    death.catch(() => {});
    const plane = await runIn(process, () =>
      createControlPlane({
        db: openSimDatabase(file),
        owner: { id: `slot ${slot}`, incarnation: number },
        settings: {
          region: 'RegionOne',
          publicUrls: publicUrls('cloud.example'),
          dataDir: `${DISKS}/controller`,
          configDir: `${DISKS}/config`,
        },
        adminPassword: ADMIN_PASSWORD,
        identity: { bcryptRounds: 4, tokenLifetimeMs: 100 * 3_600_000 },
        agents: {
          agentOf: (id) =>
            wireToAgent(
              wires,
              hosts.find((host) => host.id === id),
            ),
        },
        clock,
        random: machine.chance,
        log: log.child({ controller: number }),
      }),
    ).catch((error: unknown) => {
      kill(process);
      throw error;
    });
    const controller: SimController = { process, plane, api: plane.api, death, slot };
    process.onDeath.push(() => {
      controllers.splice(controllers.indexOf(controller), 1);
      record(`${process.name} dies`);
      die(new Error('the controller is dead'));
    });
    controllers.push(controller);
    runIn(process, () => void plane.run(new AbortController().signal));
    return controller;
  }

  async function ask(user: User | null, service: string, line: string, body?: unknown): Promise<SimAnswer | undefined> {
    const controller = controllers[chance.below(Math.max(controllers.length, 1))];
    if (controller === undefined) return undefined;
    count('requests');
    const writes: Writes = { committed: [] };
    const patience = new AbortController();
    try {
      const answer = await Promise.race([
        runIn(controller.process, () =>
          notingWrites(writes, () => inject(controller.plane, service, line, user, body)),
        ),
        controller.death.catch(() => undefined),
        clock.sleep(USER_PATIENCE_MS, patience.signal).then(() => undefined),
      ]);
      record(`${user?.name} ${line} ${answer?.status}`);
      if (answer !== undefined) {
        count(`answers ${Math.floor(answer.status / 100)}xx`);
        if (answer.status >= 400 && answer.status < 500 && writes.committed.length > 0)
          brokenByRequests.push(`${line} was refused with ${answer.status} and still wrote: ${writes.committed[0]}`);
        if (answer.status === 500 && sky.weathers.length === 0)
          brokenByRequests.push(`${line} failed without a reason: ${answer.text.slice(0, 300)}`);
      }
      return sky.isUserDeaf() ? undefined : answer;
    } finally {
      patience.abort();
    }
  }

  async function during<T>(work: Promise<T>): Promise<T> {
    const state = { isDone: false };
    work
      .catch(() => {})
      .finally(() => {
        state.isDone = true;
      });
    const endMs = clock.nowMs() + MAX_DURING_MS;
    for (let stepMs = 0; !state.isDone; stepMs = Math.min(stepMs * 2 + 1, 1_000)) {
      await clock.advance(stepMs);
      if (clock.nowMs() > endMs) throw new Error('something takes too long');
    }
    return work;
  }

  const world: World = {
    machine,
    sky,
    hosts,
    users,
    common,
    tables,
    file,
    controllers,
    brokenByRequests,
    startController,
    ask,
    async logIn(user) {
      const answer = await ask(
        null,
        'identity',
        'POST /v3/auth/tokens',
        passwordAuth(user.name, user.password, user.project),
      );
      if (answer?.status !== 201) return false;
      user.token = String(answer.headers['x-subject-token']);
      return true;
    },
    pass: (ms) => clock.advance(ms),
    during,
    note: record,
    hash: () => digest.copy().digest('hex'),
    complaints: () => complaints,
    counts,
    stop() {
      if (!isOpen) return;
      isOpen = false;
      for (const host of hosts) host.killAgent();
      for (const { process } of controllers.slice()) kill(process);
      tables.close();
      for (const end of ['', '-wal', '-shm']) rmSync(options.path + end, { force: true });
    },
  };
  return world;
}

async function inject(
  plane: ControlPlane,
  service: string,
  line: string,
  user: User | null,
  body: unknown,
): Promise<SimAnswer> {
  const app = plane.services.find(({ type }) => type === service)?.app;
  if (app === undefined) throw new Error(`no service ${service}`);
  const [method = 'GET', url = '/'] = line.split(' ');
  const isBytes = Buffer.isBuffer(body);
  const answer = await app.inject({
    method: method as 'GET',
    url,
    headers: {
      ...(user?.token === undefined ? {} : { 'x-auth-token': user.token }),
      ...(service === 'compute' || service === 'placement' ? { 'openstack-api-version': `${service} latest` } : {}),
      ...(body === undefined ? {} : { 'content-type': isBytes ? 'application/octet-stream' : 'application/json' }),
    },
    ...(body === undefined ? {} : { payload: isBytes ? body : JSON.stringify(body) }),
  });
  const isJson = String(answer.headers['content-type']).includes('json') && answer.body !== '';
  return {
    status: answer.statusCode,
    headers: answer.headers,
    text: answer.body,
    body: isJson ? answer.json() : undefined,
  };
}

/** A log that hands warnings and errors on, as text. */
function createLog(tell: (line: string) => void, fields: LogFields = {}): Log {
  const say = (level: string) => (more: LogFields, message: string) =>
    apartFromRequests(() => tell(`${level} ${message} ${JSON.stringify({ ...fields, ...more })}`));
  const nothing = (): void => {};
  return {
    debug: nothing,
    info: nothing,
    warn: say('warn'),
    error: say('error'),
    child: (more) => createLog(tell, { ...fields, ...more }),
  };
}
