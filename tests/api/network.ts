/** The network service alone, over its own database, with callers that need no identity service. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Identity, type RequestContext, systemContext } from '#kernel/auth/context.ts';
import { ManualClock } from '#kernel/clock.ts';
import { type Db, openDatabase } from '#kernel/db/database.ts';
import { type Migrations, migrateUp } from '#kernel/db/migrate.ts';
import { createRevisions, type RevisionTables, revisionMigrations } from '#kernel/events/revisions.ts';
import { createMetrics } from '#kernel/http/metrics.ts';
import { silentLog } from '#kernel/log.ts';
import { seededRandom } from '#kernel/random.ts';
import type { Tasks } from '#kernel/tasks/task.ts';
import type { HostFacts } from '#protocol/hosts.ts';
import {
  createNetworkService,
  type NetworkOptions,
  type NetworkService,
  networkMigrations,
} from '#services/network/index.ts';
import { openTestDatabase } from '#tests/support/database.ts';

// oxlint-disable-next-line typescript/no-explicit-any
export type Body = any;

export interface Answer {
  readonly status: number;
  readonly body: Body;
  readonly headers: Readonly<Record<string, unknown>>;
}

export interface NetworkUnderTest {
  readonly service: NetworkService;
  readonly db: Db;
  readonly clock: ManualClock;
  /** Servers that compute was told of. */
  readonly changedServers: string[];
  /** Asks as somebody: `admin`, or a project's member such as `alice`, or `alice:reader`. */
  ask(operation: string, body?: unknown, who?: string, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  /** Asks, and expects the status. @returns the body. */
  must(status: number, operation: string, body?: unknown, who?: string): Promise<Body>;
  revision(hostId: string): Promise<number>;
  addHost(id: string, facts?: Partial<HostFacts['network']>): Promise<void>;
  close(): Promise<void>;
}

const NO_TASKS: Tasks = { enqueue: () => Promise.reject(new Error('no tasks here')) } as unknown as Tasks;

/** Starts the service; its database is the test's own unless a file is named, which is then written as safely as in production. */
export async function startNetwork(options: Partial<NetworkOptions> = {}, file?: string): Promise<NetworkUnderTest> {
  const dir = mkdtempSync(join(tmpdir(), 'network-'));
  const schema = { ...revisionMigrations, ...networkMigrations };
  const db = file === undefined ? await openTestDatabase(schema) : await openFile(file, schema);
  const clock = new ManualClock();
  const changedServers: string[] = [];
  const revisions = createRevisions(db as Db<RevisionTables>, clock);
  const service = createNetworkService({
    db,
    clock,
    random: seededRandom(7),
    log: silentLog,
    metrics: createMetrics(),
    authenticator: { authenticate: async (token) => identityOf(token) },
    tasks: NO_TASKS,
    revisions,
    settings: {
      region: 'RegionOne',
      publicUrls: { network: 'http://cloud.example:9696', identity: 'http://cloud.example:5000' },
      dataDir: dir,
      configDir: dir,
    },
    onServerPortsChanged: async (_tx, id) => void changedServers.push(id),
    options,
  });
  await service.app.ready();
  const ask = async (
    operation: string,
    body?: unknown,
    who = 'alice',
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> => {
    const [method = 'GET', path = '/'] = operation.split(' ', 2);
    const answer = await service.app.inject({
      method: method as 'GET',
      url: path.startsWith('/v2.0') || path === '/' ? path : `/v2.0${path}`,
      headers: {
        'x-auth-token': who,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    return {
      status: answer.statusCode,
      body: answer.body === '' ? undefined : JSON.parse(answer.body),
      headers: answer.headers,
    };
  };
  return {
    service,
    db,
    clock,
    changedServers,
    ask,
    async must(status, operation, body, who) {
      const answer = await ask(operation, body, who);
      if (answer.status !== status)
        throw new Error(`${operation}: ${answer.status} instead of ${status}: ${JSON.stringify(answer.body)}`);
      return answer.body;
    },
    revision: (hostId) => revisions.current(db as Db<RevisionTables>, `networks:${hostId}`),
    addHost: (id, facts = {}) => service.registerHost(db, hostFacts(id, facts)),
    async close() {
      await service.app.close();
      await db.destroy();
    },
  };
}

/** `alice` is a member of the project `project-alice`. */
export function contextOf(who: string): RequestContext {
  const [name = '', role = name === 'admin' ? 'admin' : 'member'] = who.split(':');
  const roles = { admin: ['admin', 'manager', 'member', 'reader'], member: ['member', 'reader'], reader: ['reader'] }[
    role
  ];
  return {
    ...systemContext(`project-${name}`),
    userId: `user-${name}`,
    userName: name,
    isSystemScoped: false,
    roles: roles ?? [role],
    token: who,
  };
}

function identityOf(token: string): Identity | undefined {
  return token === 'nobody' ? undefined : contextOf(token);
}

function hostFacts(id: string, network: Partial<HostFacts['network']>): HostFacts {
  return {
    id,
    hostname: `host-${id}`,
    address: '192.0.2.1',
    agentVersion: '0',
    hypervisor: {
      type: 'fake',
      version: 1,
      virtType: 'fake',
      cpu: { arch: 'x86_64', model: 'fake', vendor: 'fake', cores: 1, sockets: 1, threads: 1, features: [] },
      vcpus: 1,
      memoryMib: 1,
      diskGib: 1,
      reservedMemoryMib: 0,
      usedMemoryMib: 0,
      freeDiskGib: 1,
      uptimeSeconds: 1,
      traits: [],
    },
    network: {
      driver: 'linux-bridge',
      types: ['local', 'flat', 'vlan', 'vxlan'],
      physicalNetworks: { physnet1: 'eth1' },
      tunnelAddress: null,
      ...network,
    },
  };
}

async function openFile(file: string, schema: Migrations): Promise<Db> {
  const db = openDatabase({ kind: 'sqlite', file, durability: 'full' });
  await migrateUp(db, schema);
  return db;
}
