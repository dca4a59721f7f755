/** Compute by itself, in process, with its own database and callers of every kind. */
import type { Identity } from '#kernel/auth/context.ts';
import { systemContext } from '#kernel/auth/context.ts';
import { ManualClock } from '#kernel/clock.ts';
import type { Db } from '#kernel/db/database.ts';
import { createRevisions, revisionMigrations } from '#kernel/events/revisions.ts';
import { createMetrics } from '#kernel/http/metrics.ts';
import { silentLog } from '#kernel/log.ts';
import { seededRandom } from '#kernel/random.ts';
import { restorationMigrations } from '#kernel/restoration/tables.ts';
import type { ServiceDeps } from '#kernel/service.ts';
import { createTaskEngine, type TaskEngine } from '#kernel/tasks/engine.ts';
import { taskMigrations } from '#kernel/tasks/tables.ts';
import {
  type ComputePeers,
  type ComputeService,
  type ComputeTables,
  computeMigrations,
  createComputeService,
} from '#services/compute/index.ts';
import { createPlacementService, type PlacementService, placementMigrations } from '#services/placement/index.ts';
import { openTestDatabase } from '#tests/support/database.ts';
import { fakeImages, fakeNetworks } from './compute-peers.ts';

export const PROJECT = '11111111111111111111111111111111';
export const OTHER_PROJECT = '22222222222222222222222222222222';

/** Tokens that the test's authenticator knows, and whom they speak for. */
const CALLERS: Readonly<Record<string, Partial<Identity>>> = {
  admin: { userId: 'a'.repeat(32), projectId: PROJECT, roles: ['admin', 'manager', 'member', 'reader'] },
  member: { userId: 'b'.repeat(32), projectId: PROJECT, roles: ['member', 'reader'] },
  reader: { userId: 'c'.repeat(32), projectId: PROJECT, roles: ['reader'] },
  stranger: { userId: 'd'.repeat(32), projectId: OTHER_PROJECT, roles: ['member', 'reader'] },
  unscoped: { userId: 'e'.repeat(32), projectId: null, roles: [] },
};

export type Caller = 'admin' | 'member' | 'reader' | 'stranger' | 'unscoped';

export interface Ask {
  readonly as?: Caller;
  /** Microversion; the newest unless given, none when null. */
  readonly version?: string | null;
  readonly body?: unknown;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever comes
  readonly body: any; // oxlint-disable-line typescript/no-explicit-any
  readonly text: string;
}

export interface ComputeUnderTest {
  readonly service: ComputeService;
  readonly db: Db<ComputeTables>;
  readonly clock: ManualClock;
  readonly tasks: TaskEngine;
  readonly placement: PlacementService;
  /** Sends one request: `ask('POST /v2.1/flavors', { as: 'admin', body })`. */
  ask(line: string, how?: Ask): Promise<Answer>;
  close(): Promise<void>;
}

const NO_PEERS: Omit<ComputePeers, 'placement'> = {
  identity: { projectExists: async (id) => id === PROJECT || id === OTHER_PROJECT },
  image: fakeImages(),
  network: fakeNetworks(),
  agents: {
    agentOf: () => {
      throw new Error('no agents in this test');
    },
  },
};

/** Starts compute; peers may be replaced one by one. */
export async function startCompute(
  peers: Partial<ComputePeers> = {},
  change: (db: Db) => Db = (db) => db,
): Promise<ComputeUnderTest> {
  const plain = await openTestDatabase({
    ...revisionMigrations,
    ...restorationMigrations,
    ...taskMigrations,
    ...placementMigrations,
    ...computeMigrations,
  });
  const db = change(plain);
  const clock = new ManualClock();
  const tasks = createTaskEngine({ db, clock, log: silentLog, owner: { id: 'test', incarnation: 1 } });
  const common: ServiceDeps = {
    db,
    clock,
    random: seededRandom(1),
    log: silentLog,
    metrics: createMetrics(),
    authenticator: {
      authenticate: async (token) =>
        CALLERS[token] === undefined
          ? undefined
          : { ...systemContext(null), isSystemScoped: false, userName: token, token, ...CALLERS[token] },
    },
    tasks,
    revisions: createRevisions(db as never, clock),
    settings: {
      region: 'RegionOne',
      publicUrls: {
        compute: 'http://cloud.example:8774',
        identity: 'http://cloud.example:5000',
        console: 'http://cloud.example:6080',
      },
      dataDir: '/nonexistent',
      configDir: '/nonexistent',
    },
  };
  const placement = createPlacementService(common);
  const service = createComputeService({ ...common, ...NO_PEERS, placement, ...peers });
  return {
    service,
    db: plain as Db<ComputeTables>,
    clock,
    tasks,
    placement,
    async ask(line, { as, version = 'latest', body } = {}) {
      const [method = 'GET', url = '/'] = line.split(' ');
      const answer = await service.app.inject({
        method: method as 'GET',
        url,
        headers: {
          ...(as === undefined ? {} : { 'x-auth-token': as }),
          ...(version === null ? {} : { 'openstack-api-version': `compute ${version}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const isJson = String(answer.headers['content-type']).startsWith('application/json');
      return {
        status: answer.statusCode,
        headers: answer.headers,
        body: isJson ? answer.json() : undefined,
        text: answer.body,
      };
    },
    async close() {
      await service.app.close();
      await placement.app.close();
      await plain.destroy();
    },
  };
}
