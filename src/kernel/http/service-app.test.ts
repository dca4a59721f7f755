import { connect } from 'node:net';
import { Type } from 'typebox';
import { afterEach, describe, expect, it } from 'vitest';
import type { ErrorStyle } from '../api/envelope.ts';
import { Reply, type Route, route } from '../api/route.ts';
import { since } from '../api/schema.ts';
import { systemContext } from '../auth/context.ts';
import { createPolicy } from '../auth/policy.ts';
import { systemClock } from '../clock.ts';
import { BadRequest, Conflict } from '../errors.ts';
import { type Log, silentLog } from '../log.ts';
import { createMetrics } from './metrics.ts';
import { createServiceApp } from './service-app.ts';

const style: ErrorStyle = {
  envelope: ({ status, message, code }) => ({
    contentType: 'application/json',
    body: JSON.stringify({ status, message, code }),
  }),
  invalid: (part, { path, message }) => new BadRequest('test.invalid', `${part} ${path}: ${message}`),
};

const routes: Route[] = [
  route({ method: 'GET', path: '/open', name: 'showOpen', auth: 'none', handler: () => ({ open: true }) }),
  route({
    method: 'GET',
    path: '/things/:id',
    name: 'showThing',
    handler: ({ params, ctx }) => ({ id: params['id'], user: ctx.userName }),
  }),
  route({ method: 'GET', path: '/admin', name: 'showAdmin', policy: 'never', handler: () => ({}) }),
  route({
    method: 'POST',
    path: '/things',
    name: 'createThing',
    status: 202,
    body: Type.Object(
      { name: Type.String({ minLength: 1 }), description: since('2.19', Type.Optional(Type.String())) },
      { additionalProperties: false },
    ),
    query: Type.Object(
      {
        limit: Type.Optional(Type.Integer({ minimum: 0 })),
        marker: since('2.35', Type.Optional(Type.String({ maxLength: 5 }))),
      },
      { additionalProperties: true },
    ),
    handler: ({ body, query }) => ({ body, query }),
  }),
  route({ method: 'GET', path: '/new', name: 'showNew', since: '2.50', handler: () => ({ new: true }) }),
  route({ method: 'GET', path: '/bug', name: 'showBug', handler: () => Promise.reject(new Error('secret detail')) }),
  route({
    method: 'GET',
    path: '/conflict',
    name: 'showConflict',
    handler: () => Promise.reject(new Conflict('thing.busy', 'The thing is busy; try again when it is not.')),
  }),
  route({ method: 'DELETE', path: '/things/:id', name: 'deleteThing', handler: () => new Reply({ status: 204 }) }),
];

const apps: ReturnType<typeof createServiceApp>[] = [];
function app(log: Log = silentLog): ReturnType<typeof createServiceApp> {
  const built = createServiceApp({
    type: 'compute',
    routes,
    style,
    policy: createPolicy({ rules: [{ name: 'never', check: '!' }], log: silentLog, monotonicMs: () => 0 }),
    microversions: { serviceType: 'compute', min: '2.1', max: '2.93', legacyHeader: 'X-OpenStack-Nova-API-Version' },
    authenticator: { authenticate: async (token) => (token === 'good' ? systemContext('p1') : undefined) },
    publicUrl: 'http://cloud.example:8774',
    identityUrl: 'http://cloud.example:5000',
    clock: systemClock,
    log,
    metrics: createMetrics(),
  });
  apps.push(built);
  return built;
}
afterEach(async () => {
  for (const built of apps.splice(0)) await built.close();
});

const auth = { 'x-auth-token': 'good' };

describe('the edge of a service', () => {
  it('answers 401 and names identity when the token is missing or wrong', async () => {
    for (const headers of [{}, { 'x-auth-token': 'bad' }]) {
      const answer = await app().inject({ url: '/things/1', headers });
      expect(answer.statusCode).toBe(401);
      expect(answer.headers['www-authenticate']).toBe('Keystone uri="http://cloud.example:5000"');
    }
  });

  it('does not believe identity headers of the client', async () => {
    const answer = await app().inject({ url: '/things/1', headers: { 'x-user-id': 'root', 'x-roles': 'admin' } });
    expect(answer.statusCode).toBe(401);
  });

  it('gives every answer its own request id, also a refusal, and takes none from the client', async () => {
    const given = 'req-00000000-0000-0000-0000-000000000000';
    const answer = await app().inject({ url: '/nowhere', headers: { 'x-openstack-request-id': given } });
    expect(answer.headers['x-openstack-request-id']).toMatch(/^req-[0-9a-f-]{36}$/);
    expect(answer.headers['x-openstack-request-id']).not.toBe(given);
  });

  it('shows a field only from its microversion on', async () => {
    const post = (version: string) =>
      app().inject({
        method: 'POST',
        url: '/things?limit=3',
        headers: { ...auth, 'openstack-api-version': `compute ${version}` },
        payload: { name: 'a', description: 'b' },
      });
    const old = await post('2.18');
    expect([old.statusCode, old.json<{ message: string }>().message]).toEqual([
      400,
      "body : Additional properties are not allowed ('description' was unexpected)",
    ]);
    const fresh = await post('latest');
    expect([fresh.statusCode, fresh.json()]).toEqual([
      202,
      { body: { name: 'a', description: 'b' }, query: { limit: 3 } },
    ]);
    expect(fresh.headers['openstack-api-version']).toBe('compute 2.93');
    expect(fresh.headers['x-openstack-nova-api-version']).toBe('2.93');
  });

  it('hides a route before its microversion', async () => {
    expect((await app().inject({ url: '/new', headers: auth })).statusCode).toBe(404);
    expect(
      (await app().inject({ url: '/new', headers: { ...auth, 'x-openstack-nova-api-version': '2.50' } })).statusCode,
    ).toBe(200);
  });

  it.each([
    ['2.94', 406],
    ['3.0', 406],
    ['2.x', 400],
    ['2', 400],
  ])('refuses microversion %s with %i', async (version, status) => {
    const answer = await app().inject({
      url: '/new',
      headers: { ...auth, 'openstack-api-version': `compute ${version}` },
    });
    expect(answer.statusCode).toBe(status);
  });

  it.each([
    ['{"name": "a"', 400],
    [`{"name": ${'['.repeat(100)}${']'.repeat(100)}}`, 400],
    ['{"name": "a", "__proto__": {"isAdmin": true}}', 400],
    [JSON.stringify({ name: 'x'.repeat(120_000) }), 413],
    ['', 400],
    ['null', 400],
    ['{"name": 3}', 400],
  ])('refuses the body %.30s with %i', async (payload, status) => {
    const answer = await app().inject({
      method: 'POST',
      url: '/things',
      headers: { ...auth, 'content-type': 'application/json' },
      payload,
    });
    expect(answer.statusCode).toBe(status);
  });

  it('refuses another content type with 415', async () => {
    const answer = await app().inject({
      method: 'POST',
      url: '/things',
      headers: { ...auth, 'content-type': 'text/xml' },
      payload: '<a/>',
    });
    expect(answer.statusCode).toBe(415);
  });

  it.each([
    ['2.34', { other: 'x' }],
    ['2.35', { marker: 'm', other: 'x' }],
  ])('at %s a query has %j', async (version, query) => {
    const answer = await app().inject({
      method: 'POST',
      url: '/things?marker=m&other=x',
      headers: { ...auth, 'openstack-api-version': `compute ${version}` },
      payload: { name: 'a' },
    });
    expect(answer.json().query).toEqual(query);
  });

  it('refuses a content type that is none with 415 and does not call it a bug', async () => {
    const errors: string[] = [];
    const log = { ...silentLog, error: (_: object, message: string) => void errors.push(message) } as Log;
    const answer = await app(log).inject({
      method: 'POST',
      url: '/things',
      headers: { ...auth, 'content-type': ';;;' },
      payload: '{}',
    });
    expect([answer.statusCode, answer.json().code, errors]).toEqual([415, 'http.refused', []]);
  });

  it('ends the connection of a request with too much of a head', async () => {
    const built = app();
    const { port } = new URL(await built.listen({ host: '127.0.0.1', port: 0 }));
    const socket = connect(Number(port), '127.0.0.1');
    socket.write(`HEAD /open?${'x'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`);
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).toString()).toMatch(
      /^HTTP\/1.1 431 .*\r\nContent-Length: 0\r\nConnection: close\r\n\r\n$/,
    );
  });

  it('answers 405 with the methods that a path has', async () => {
    const answer = await app().inject({ method: 'PUT', url: '/things/1', headers: auth });
    expect([answer.statusCode, answer.headers['allow']]).toEqual([405, 'GET, DELETE']);
  });

  it('holds the policy before the body is looked at', async () => {
    expect((await app().inject({ url: '/admin', headers: auth })).statusCode).toBe(403);
  });

  it('tells nothing of a bug but the request id', async () => {
    const answer = await app().inject({ url: '/bug', headers: auth });
    expect(answer.statusCode).toBe(500);
    expect(answer.body).not.toContain('secret');
  });

  it('answers the healthcheck without a token', async () => {
    expect((await app().inject({ url: '/healthcheck' })).body).toBe('OK');
    expect((await app().inject({ method: 'HEAD', url: '/healthcheck' })).statusCode).toBe(204);
    const asJson = await app().inject({ url: '/healthcheck', headers: { accept: 'application/json' } });
    expect(asJson.json()).toEqual({ detailed: false, reasons: ['OK'] });
  });
});
