/**
 * A whole cloud in the test's process: the real controller on a loopback address of its own, the real agents over fake drivers,
 * its own database in a folder that goes at the end. Any number of them run side by side.
 */
import { randomInt } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#kernel/clock.ts';
import type { Log } from '#kernel/log.ts';
import { openLog } from '#kernel/log.ts';
import { systemRandom } from '#kernel/random.ts';
import { createHostDirectory } from '../../src/cli/up/host-directory.ts';
import {
  type Controller,
  type ControllerConfig,
  DATABASE_FILE,
  startController,
} from '../../src/controller/controller.ts';
import { createHostUnderTest, type HostUnderTest, type HostUnderTestOptions, hostIdOf } from './fake-host.ts';

export const ADMIN_PASSWORD = 'correct horse battery staple';

export interface CloudOptions {
  /** How many fake hosts; one unless given. */
  readonly hosts?: number;
  readonly host?: Partial<Omit<HostUnderTestOptions, 'id' | 'name' | 'folder' | 'clock' | 'log'>>;
  readonly config?: ControllerConfig;
}

export interface Ask {
  /** The administrator's token unless given; null sends none. */
  readonly token?: string | null;
  /** The microversion of the service; its newest unless given, none when null. */
  readonly version?: string | null;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever comes
  readonly body: any; // oxlint-disable-line typescript/no-explicit-any
  readonly text: string;
}

export interface CloudUnderTest {
  readonly controller: Controller;
  readonly urls: Readonly<Record<string, string>>;
  readonly hosts: readonly HostUnderTest[];
  /** Where the database is, for a second look at it. */
  readonly databaseFile: string;
  /** The controller's own folder. */
  readonly controllerDir: string;
  /** Sends one request: `ask('compute', 'GET /v2.1/servers')`. */
  ask(service: string, line: string, how?: Ask): Promise<Answer>;
  /** As {@link ask}, and fails when the answer is not a success. */
  get(service: string, line: string, how?: Ask): Promise<Answer>;
  /** A new token; the administrator's in project admin unless others are given. */
  token(who?: { readonly user: string; readonly password: string; readonly project: string }): Promise<string>;
  /** Stops controller and agents, has `change` done to what is on the disk, and starts them again; guests stay meanwhile. */
  restart(change: () => Promise<void>): Promise<void>;
  /** All that was logged as a warning or worse. */
  complaints(): Promise<string[]>;
  stop(): Promise<void>;
}

/** Services whose newest microversion is asked for when a test says nothing else. */
const MICROVERSIONED = new Set(['compute', 'placement', 'block-storage']);
/** A test that waits longer for one answer has found a hang. */
const ANSWER_MS = 15_000;
/** Addresses tried until one is free of other tests' clouds. */
const MAX_ADDRESSES = 20;

/** Starts a cloud and waits until its hosts are known. */
export async function startCloud(options: CloudOptions = {}): Promise<CloudUnderTest> {
  const folder = await mkdtemp(join(tmpdir(), 'pileus-cloud-'));
  const logFile = join(folder, 'log');
  const log = openLog({ level: 'warn', file: logFile });
  const directory = createHostDirectory();
  let controller = await startOnFreeAddress(folder, directory, options.config ?? {}, log);
  const hosts = Array.from({ length: options.hosts ?? 1 }, (_, i) =>
    createHostUnderTest({ ...options.host, id: hostIdOf(i), name: `fake-${i + 1}`, folder, clock: systemClock, log }),
  );
  const startHosts = async (): Promise<void> => {
    for (const host of hosts) directory.add(host.id, host.start(controller.api));
    await Promise.all(hosts.map((host) => host.registered()));
  };
  await startHosts();

  let adminToken: string | undefined;
  const ask: CloudUnderTest['ask'] = async (service, line, how = {}) => {
    const { token = (adminToken ??= await logIn()), version = 'latest', body, headers } = how;
    const [method = 'GET', path = '/'] = line.split(' ');
    const answer = await fetch(`${controller.urls[service as keyof Controller['urls']]}${path}`, {
      method,
      redirect: 'manual',
      signal: AbortSignal.timeout(ANSWER_MS),
      headers: {
        ...(token === null ? {} : { 'x-auth-token': token }),
        ...(version === null || !MICROVERSIONED.has(service)
          ? {}
          : { 'openstack-api-version': `${service} ${version}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined
        ? {}
        : { body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    const isJson = answer.headers.get('content-type')?.includes('json') === true && text !== '';
    return { status: answer.status, headers: answer.headers, text, body: isJson ? JSON.parse(text) : undefined };
  };
  const logIn: CloudUnderTest['token'] = async (who) => {
    const { user, password, project } = who ?? { user: 'admin', password: ADMIN_PASSWORD, project: 'admin' };
    const answer = await ask('identity', 'POST /v3/auth/tokens', {
      token: null,
      body: passwordAuth(user, password, project),
    });
    if (answer.status !== 201) throw new Error(`no token: ${answer.status} ${answer.text}`);
    return answer.headers.get('x-subject-token') ?? '';
  };
  return {
    get controller() {
      return controller;
    },
    get urls() {
      return controller.urls;
    },
    hosts,
    controllerDir: join(folder, 'controller'),
    databaseFile: join(folder, 'controller', 'pileus.sqlite'),
    ask,
    async get(service, line, how) {
      const answer = await ask(service, line, how);
      if (answer.status >= 300) throw new Error(`${service} ${line}: ${answer.status} ${answer.text}`);
      return answer;
    },
    token: logIn,
    async restart(change) {
      await Promise.all(hosts.map((host) => host.stop()));
      await controller.stop();
      await change();
      controller = await startOnFreeAddress(folder, directory, options.config ?? {}, log);
      adminToken = undefined;
      await startHosts();
    },
    complaints: async () => (await readFile(logFile, 'utf8')).split('\n').filter((text) => text !== ''),
    async stop() {
      await Promise.all(hosts.map((host) => host.stop()));
      await controller.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A password login in keystone's form. */
export function passwordAuth(user: string, password: string, project: string): object {
  const domain = { id: 'default' };
  return {
    auth: {
      identity: { methods: ['password'], password: { user: { name: user, domain, password } } },
      scope: { project: { name: project, domain } },
    },
  };
}

/** Customary ports cannot be chosen, but 127.0.0.0/8 has room for all. */
async function startOnFreeAddress(
  folder: string,
  agents: ReturnType<typeof createHostDirectory>,
  config: ControllerConfig,
  log: Log,
): Promise<Controller> {
  for (let left = MAX_ADDRESSES; ; left--) {
    const address = `127.${randomInt(10, 250)}.${randomInt(0, 255)}.${randomInt(1, 255)}`;
    try {
      return await startController({
        dataDir: join(folder, 'controller'),
        configDir: join(folder, 'config'),
        listenAddress: address,
        publicHost: address,
        region: 'RegionOne',
        adminPassword: ADMIN_PASSWORD,
        database: { kind: 'sqlite', file: join(folder, 'controller', DATABASE_FILE), durability: 'normal' },
        cloudKey: undefined,
        config: { ...config, identity: { bcryptRounds: 4, ...config.identity } },
        agents,
        clock: systemClock,
        random: systemRandom,
        log,
      });
    } catch (error) {
      if (left === 0 || !(error instanceof Error && error.message.includes('cannot listen'))) throw error;
    }
  }
}

/** How long {@link until} waits unless told. */
const UNTIL_MS = 10_000;
const LOOK_AGAIN_MS = 10;

/**
 * Waits until `look` finds something, which it returns.
 * @throws {Error} naming what was waited for, at the deadline.
 */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  ms = UNTIL_MS,
): Promise<T> {
  const endMs = performance.now() + ms;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > endMs) throw new Error(`${what}: not within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}
