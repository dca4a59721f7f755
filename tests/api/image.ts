/** The image service by itself, in process, with its own database and folder and callers of every kind. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, vi } from 'vitest';
import type { Identity } from '#kernel/auth/context.ts';
import { systemContext } from '#kernel/auth/context.ts';
import { ManualClock } from '#kernel/clock.ts';
import type { Db } from '#kernel/db/database.ts';
import { createRevisions, revisionMigrations } from '#kernel/events/revisions.ts';
import { createMetrics } from '#kernel/http/metrics.ts';
import { openLog, silentLog } from '#kernel/log.ts';
import { seededRandom } from '#kernel/random.ts';
import { restorationMigrations } from '#kernel/restoration/tables.ts';
import { createTaskEngine } from '#kernel/tasks/engine.ts';
import { taskMigrations } from '#kernel/tasks/tables.ts';
import {
  createImageService,
  type ImageService,
  type ImageServiceDeps,
  imageMigrations,
} from '#services/image/index.ts';
import { openTestDatabase } from '#tests/support/database.ts';

export const PROJECT = '11111111111111111111111111111111';
export const OTHER_PROJECT = '22222222222222222222222222222222';

/** Tokens that the test's authenticator knows, and whom they speak for. */
const CALLERS = {
  admin: { userId: 'a'.repeat(32), projectId: PROJECT, roles: ['admin', 'manager', 'member', 'reader'] },
  member: { userId: 'b'.repeat(32), projectId: PROJECT, roles: ['member', 'reader'] },
  reader: { userId: 'c'.repeat(32), projectId: PROJECT, roles: ['reader'] },
  stranger: { userId: 'd'.repeat(32), projectId: OTHER_PROJECT, roles: ['member', 'reader'] },
  unscoped: { userId: 'e'.repeat(32), projectId: null, roles: [] },
} as const satisfies Record<string, Partial<Identity>>;

export type Caller = keyof typeof CALLERS;

export function contextOf(caller: Caller) {
  return { ...systemContext(null), isSystemScoped: false, userName: caller, token: caller, ...CALLERS[caller] };
}

export interface Ask {
  /** `member` unless given; nobody when null. */
  readonly as?: Caller | null;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever comes
  readonly body: any; // oxlint-disable-line typescript/no-explicit-any
  readonly text: string;
  readonly bytes: Buffer;
}

export interface ImageUnderTest {
  readonly service: ImageService;
  readonly db: Db;
  readonly clock: ManualClock;
  readonly dataDir: string;
  /** Sends one request: `ask('POST /v2/images', { as: 'admin', body })`. Bytes and streams go as octets, all else as JSON. */
  ask(line: string, how?: Ask): Promise<Answer>;
  /** Creates an image and returns its id. */
  create(attributes?: Record<string, unknown>, as?: Caller): Promise<string>;
  /** Creates an image with data. */
  createActive(data?: Buffer, attributes?: Record<string, unknown>, as?: Caller): Promise<string>;
  /** Every file below the data folder. */
  files(): Promise<string[]>;
  /** Waits until no task is under way. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

export const JSON_PATCH = 'application/openstack-images-v2.1-json-patch';
export const RAW = { disk_format: 'raw', container_format: 'bare' } as const;

export async function startImage(more: Partial<ImageServiceDeps> = {}): Promise<ImageUnderTest> {
  const dataDir = await mkdtemp(join(tmpdir(), 'pileus-image-'));
  const db = await openTestDatabase({
    ...revisionMigrations,
    ...restorationMigrations,
    ...taskMigrations,
    ...imageMigrations,
  });
  const clock = new ManualClock();
  const engine = createTaskEngine({ db, clock, log: silentLog, owner: { id: 'test', incarnation: 1 } });
  const service = createImageService({
    db,
    clock,
    random: seededRandom(1),
    log: process.env['PILEUS_TEST_LOG'] === undefined ? silentLog : openLog({ level: 'error' }),
    metrics: createMetrics(),
    authenticator: { authenticate: async (token) => (token in CALLERS ? contextOf(token as Caller) : undefined) },
    tasks: engine,
    revisions: createRevisions(db as never, clock),
    settings: {
      region: 'RegionOne',
      publicUrls: { image: 'http://cloud.example:9292', identity: 'http://cloud.example:5000' },
      dataDir,
      configDir: '/nonexistent',
    },
    ...more,
  });

  const stop = new AbortController();
  const engineRun = engine.run(service.taskKinds ?? [], stop.signal);

  async function ask(line: string, { as = 'member', body, headers = {} }: Ask = {}): Promise<Answer> {
    const [method = 'GET', url = '/'] = line.split(' ');
    const isBytes = Buffer.isBuffer(body) || body instanceof Readable;
    const answer = await service.app.inject({
      method: method as 'GET',
      url,
      headers: {
        ...(as === null ? {} : { 'x-auth-token': as }),
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': isBytes ? 'application/octet-stream' : 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { payload: isBytes || typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const isJson = answer.body !== '' && String(answer.headers['content-type']).startsWith('application/json');
    return {
      status: answer.statusCode,
      headers: answer.headers,
      body: isJson ? answer.json() : undefined,
      text: answer.body,
      bytes: answer.rawPayload,
    };
  }

  async function create(attributes: Record<string, unknown> = {}, as: Caller = 'member'): Promise<string> {
    const answer = await ask('POST /v2/images', { as, body: { name: 'an image', ...RAW, ...attributes } });
    if (answer.status !== 201) throw new Error(`create: ${answer.status} ${answer.text}`);
    return String(answer.body.id);
  }

  return {
    service,
    db,
    clock,
    dataDir,
    ask,
    create,
    async createActive(data = Buffer.from('some data'), attributes = {}, as = 'member') {
      const id = await create(attributes, as);
      const answer = await ask(`PUT /v2/images/${id}/file`, { as, body: data });
      if (answer.status !== 204) throw new Error(`upload: ${answer.status} ${answer.text}`);
      return id;
    },
    async files() {
      const entries = await readdir(dataDir, { recursive: true, withFileTypes: true });
      return entries
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(dataDir.length));
    },
    async settle() {
      await vi.waitFor(() => expect(engine.running).toBe(0), { timeout: 10_000, interval: 5 });
    },
    async close() {
      stop.abort();
      await engineRun;
      await service.app.close();
      await db.destroy();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
