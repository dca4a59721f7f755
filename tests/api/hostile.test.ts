/**
 * Every operation of every service, asked in bad faith. Whatever comes, the answer is never a 5xx of our making, and a refused
 * request leaves the database as it was.
 *
 * PILEUS_SEED=… repeats what a failure prints; PILEUS_HOSTILE_RUNS=… sends more to each operation.
 */
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Microversion, parseMicroversion } from '#kernel/api/microversion.ts';
import type { Route } from '#kernel/api/route.ts';
import { breakpoints } from '#kernel/api/schema.ts';
import { factsOf } from '#kernel/http/service-app.ts';
import { ADMIN_PASSWORD, type CloudUnderTest, passwordAuth, startCloud, until } from '../support/cloud.ts';
import { type HostileRequest, hostileRequest } from '../support/hostile.ts';
import { type TableWatch, watchTables } from '../support/table-watch.ts';

const SEED = Number(process.env['PILEUS_SEED'] ?? 20_221_005);
/** Enough to reach each schema's corners over some days of runs with other seeds; each takes about a millisecond. */
const RUNS = Number(process.env['PILEUS_HOSTILE_RUNS'] ?? 6);
/** No refusal takes long: one that does is a way to keep a controller busy. */
const ANSWER_MS = 5_000;
/** Ids that the generator may use, the newest of each collection. */
const KEPT_IDS = 5;
const RANGES: Readonly<Record<string, readonly [min: string, max: string]>> = {
  compute: ['2.1', '2.93'],
  placement: ['1.0', '1.39'],
};
/** What the cloud is, and what it does by itself, is not what a refused request changed. */
const OWN_BUSINESS = new Set(['tasks', 'revisions', 'hosts', 'services', 'compute_hosts']);
const SERVICES = ['identity', 'image', 'placement', 'compute', 'network'];

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: IncomingHttpHeaders;
}

let cloud: CloudUnderTest;
let watch: TableWatch;
let token = '';
const connection = new Agent({ keepAlive: true, maxSockets: 1 });
const made = new Map<string, string[]>();

beforeAll(async () => {
  cloud = await startCloud();
  watch = watchTables(cloud.databaseFile);
  await logIn();
});
afterAll(async () => {
  connection.destroy();
  watch.close();
  await cloud.stop();
});

/** Over a socket, not `fetch`, which would mend paths and headers. */
function send(service: string, asked: HostileRequest): Promise<Answer> {
  const { hostname, port } = new URL(cloud.urls[service] ?? '');
  const { method, path, body } = asked;
  const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
  const headers = { 'x-auth-token': token, ...asked.headers, ...length };
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, method, path, headers, agent: connection, timeout: ANSWER_MS }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString(), headers: answer.headers }),
      );
    });
    sent.on('timeout', () => sent.destroy(new Error(`no answer within ${ANSWER_MS} ms`)));
    sent.on('error', reject);
    sent.end(body);
  });
}

async function logIn(): Promise<void> {
  const answer = await send('identity', {
    route: 'issueToken',
    method: 'POST',
    path: '/v3/auth/tokens',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(passwordAuth('admin', ADMIN_PASSWORD, 'admin')),
  });
  expect(answer.status).toBe(201);
  token = String(answer.headers['x-subject-token']);
}

function routesOf(service: string): readonly Route[] {
  const app = cloud.controller.services.find(({ type }) => type === service)?.app;
  const byName = new Map<string, Route>();
  for (const route of app === undefined ? [] : factsOf(app).routes) {
    // compute's operations stand at two roots, and are the same at both
    if (!byName.has(route.name)) byName.set(route.name, route);
  }
  return [...byName.values()];
}

function versionsOf(service: string, route: Route): Microversion[] {
  const range = RANGES[service];
  if (range === undefined) return [];
  const changes = [route.body, route.query].flatMap((schema) => (schema === undefined ? [] : breakpoints(schema)));
  return [...new Set([...range.map(parseMicroversion), ...changes])];
}

function known(collection: string): readonly string[] {
  return collection === '' ? [...made.values()].flat() : (made.get(collection) ?? []);
}

/** Remembers what a request has made, so that later ones find it. */
function remember(route: Route, asked: HostileRequest, answer: Answer): void {
  const id = /"(?:id|uuid)": ?"([^"]+)"/.exec(answer.text)?.[1];
  if (asked.method !== 'POST' || id === undefined) return;
  const collection = route.path.split('/').at(-1) ?? '';
  made.set(collection, [...(made.get(collection) ?? []).slice(1 - KEPT_IDS), id]);
}

/** Which tables a request changes that is refused; waits for what the cloud does by itself, and tries again where it is in doubt. */
async function tablesChangedBy(service: string, asked: HostileRequest): Promise<string[]> {
  await until('idle tasks', () => watch.count('tasks', "state = 'pending' and lease_owner is not null") === 0);
  const before = watch.tables();
  const { status } = await send(service, asked);
  if (status < 400) return [];
  const after = watch.tables();
  return [...after]
    .filter(([name, hash]) => before.get(name) !== hash && !OWN_BUSINESS.has(name))
    .map(([name]) => name);
}

/** What is wrong with the answer to one hostile request; undefined when nothing is. */
async function troubleWith(service: string, route: Route, asked: HostileRequest): Promise<string | undefined> {
  const version = watch.version();
  const answer = await send(service, asked);
  if (answer.status < 300) remember(route, asked, answer);
  const hasOwnToken = asked.headers['x-auth-token'] !== undefined;
  if (answer.status === 401 && !hasOwnToken) await logIn();
  if (answer.status >= 500 && answer.status !== 501) return `${answer.status} ${answer.text}`;
  if (answer.status < 400 || watch.version() === version) return undefined;
  const changed = await tablesChangedBy(service, asked);
  return changed.length === 0 ? undefined : `${answer.status}, but it changed ${changed.join(', ')}`;
}

describe('no hostile request does harm to', () => {
  it.each(SERVICES)(
    '%s',
    async (service) => {
      const trouble: string[] = [];
      for (const [index, route] of routesOf(service).entries()) {
        const requests = hostileRequest(route, known, { type: service, versions: versionsOf(service, route) });
        for (const [run, asked] of fc.sample(requests, { numRuns: RUNS, seed: SEED + index }).entries()) {
          const found = await troubleWith(service, route, asked).catch((error: unknown) => String(error));
          if (found !== undefined)
            trouble.push(
              `seed ${SEED} run ${run}: ${JSON.stringify(asked).slice(0, 1_500)}\n  -> ${found.slice(0, 500)}`,
            );
        }
      }
      expect(trouble.join('\n')).toBe('');
    },
    120_000,
  );

  it('the process: nothing was logged as a bug', async () => {
    expect((await cloud.complaints()).filter((line) => line.includes('failed by a bug'))).toEqual([]);
  });
});
