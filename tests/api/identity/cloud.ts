import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock } from '#kernel/clock.ts';
import type { Db } from '#kernel/db/database.ts';
import { createRevisions, type RevisionTables, revisionMigrations } from '#kernel/events/revisions.ts';
import { createMetrics } from '#kernel/http/metrics.ts';
import { silentLog } from '#kernel/log.ts';
import { systemRandom } from '#kernel/random.ts';
import {
  createIdentityService,
  type IdentityConfig,
  type IdentityService,
  identityMigrations,
} from '#services/identity/index.ts';
import { openTestDatabase } from '#tests/support/database.ts';

export const URL = 'http://cloud.example:5000';
export const ADMIN_PASSWORD = 'correct horse';

/** An answer, parsed. */
export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  // Tests look into answers of every shape.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any;
}

/** Identity alone, with a database in memory and a clock that stands still. */
export interface Cloud {
  readonly identity: IdentityService;
  readonly clock: ManualClock;
  readonly db: Db;
  /** Where `identity/policy.yaml` may be. */
  readonly configDir: string;
  /** Asks as the holder of a token. */
  ask(method: string, path: string, options?: { token?: string; body?: unknown; headers?: object }): Promise<Answer>;
  /** A token for `auth`; fails when there is none. */
  token(auth: object): Promise<string>;
  /** The administrator's token of project `admin`. */
  admin(): Promise<string>;
  /** Another controller over the same database and keys. */
  second(config?: Partial<IdentityConfig>): Promise<Cloud>;
  close(): Promise<void>;
}

export function passwordAuth(user: object, password: string, scope?: unknown): object {
  return {
    identity: { methods: ['password'], password: { user: { ...user, password } } },
    ...(scope === undefined ? {} : { scope }),
  };
}

export const ADMIN = { name: 'admin', domain: { id: 'default' } };
export const ADMIN_PROJECT = { project: { name: 'admin', domain: { id: 'default' } } };
export const SYSTEM = { system: { all: true } };

/** @param start when the cloud's clock begins. */
export async function startCloud(config: Partial<IdentityConfig> = {}, start?: Date): Promise<Cloud> {
  const folder = await mkdtemp(join(tmpdir(), 'pileus-identity-'));
  const db = await openTestDatabase({ ...revisionMigrations, ...identityMigrations });
  const clock = new ManualClock(start);
  const clear = async (): Promise<void> => {
    await db.destroy();
    await rm(folder, { recursive: true });
  };
  const started = await openCloud(db, folder, clock, config).catch(async (error: unknown) => {
    await clear();
    throw error;
  });
  await started.identity.bootstrap({
    adminPassword: ADMIN_PASSWORD,
    region: 'RegionOne',
    endpoints: [
      { type: 'identity', name: 'keystone', urls: { public: `${URL}/v3` } },
      { type: 'object-store', name: 'swift', urls: { public: 'http://cloud.example:8080/v1/AUTH_$(project_id)s' } },
    ],
  });
  return {
    ...started,
    async close() {
      await started.close();
      await clear();
    },
  };
}

async function openCloud(db: Db, folder: string, clock: ManualClock, config: Partial<IdentityConfig>): Promise<Cloud> {
  const identity = await createIdentityService({
    db,
    clock,
    random: systemRandom,
    log: silentLog,
    metrics: createMetrics(),
    revisions: createRevisions(db as Db<RevisionTables>, clock),
    settings: { region: 'RegionOne', publicUrls: { identity: URL }, dataDir: folder, configDir: folder },
    config: { bcryptRounds: 4, ...config },
  });

  const ask: Cloud['ask'] = async (method, path, { token, body, headers } = {}) => {
    const answer = await identity.app.inject({
      method: method as 'GET',
      url: path,
      headers: {
        ...(token === undefined ? {} : { 'x-auth-token': token }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const isJson = String(answer.headers['content-type'] ?? '').includes('json');
    return {
      status: answer.statusCode,
      headers: answer.headers as Record<string, string>,
      body: isJson && answer.body !== '' ? answer.json() : answer.body,
    };
  };
  const token = async (auth: object): Promise<string> => {
    const answer = await ask('POST', '/v3/auth/tokens', { body: { auth } });
    if (answer.status !== 201) throw new Error(`no token: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.headers['x-subject-token'] ?? '';
  };
  return {
    identity,
    clock,
    db,
    configDir: folder,
    ask,
    token,
    admin: () => token(passwordAuth(ADMIN, ADMIN_PASSWORD, ADMIN_PROJECT)),
    second: (more = {}) => openCloud(db, folder, clock, { ...config, ...more }),
    close: () => identity.app.close(),
  };
}
