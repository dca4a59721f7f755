import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ADMIN, ADMIN_PASSWORD, ADMIN_PROJECT, type Cloud, passwordAuth, SYSTEM, startCloud, URL } from './cloud.ts';

let cloud: Cloud;
beforeEach(async () => {
  cloud = await startCloud();
});
afterEach(() => cloud.close());

describe('tokens', () => {
  it('are given for a password, with the catalog filled in for the project', async () => {
    const answer = await cloud.ask('POST', '/v3/auth/tokens', {
      body: { auth: passwordAuth(ADMIN, ADMIN_PASSWORD, ADMIN_PROJECT) },
    });
    expect(answer.status).toBe(201);
    const { token } = answer.body;
    expect(token.methods).toEqual(['password']);
    expect(token.project.domain).toEqual({ id: 'default', name: 'Default' });
    expect(token.roles.map((role: { name: string }) => role.name).toSorted()).toEqual([
      'admin',
      'manager',
      'member',
      'reader',
    ]);
    expect(token.expires_at).toBe('2026-01-01T01:00:00.000000Z');
    expect(token.audit_ids[0]).toMatch(/^[\w-]{22}$/);
    const urls = token.catalog.flatMap((s: { endpoints: { url: string }[] }) => s.endpoints.map((e) => e.url));
    expect(urls).toContain(`http://cloud.example:8080/v1/AUTH_${token.project.id}`);
    expect(answer.headers['x-subject-token']).toMatch(/^gAAAA/);
  });

  it('leave out endpoints that need a project where there is none', async () => {
    const answer = await cloud.ask('POST', '/v3/auth/tokens', {
      body: { auth: passwordAuth(ADMIN, ADMIN_PASSWORD, SYSTEM) },
    });
    expect(answer.body.token.system).toEqual({ all: true });
    const swift = answer.body.token.catalog.find((s: { type: string }) => s.type === 'object-store');
    expect(swift.endpoints).toEqual([]);
  });

  it('come without a catalog when it is not wanted, and without roles when there is no scope', async () => {
    const scoped = await cloud.ask('POST', '/v3/auth/tokens?nocatalog', {
      body: { auth: passwordAuth(ADMIN, ADMIN_PASSWORD, ADMIN_PROJECT) },
    });
    expect(scoped.body.token.catalog).toBeUndefined();
    const unscoped = await cloud.ask('POST', '/v3/auth/tokens', {
      body: { auth: passwordAuth(ADMIN, ADMIN_PASSWORD, 'unscoped') },
    });
    expect(unscoped.body.token.roles).toBeUndefined();
    expect(unscoped.body.token.catalog).toBeUndefined();
  });

  it.each([
    ['a wrong password', passwordAuth(ADMIN, 'wrong')],
    ['an unknown user', passwordAuth({ name: 'nobody', domain: { id: 'default' } }, 'x')],
    ['an unknown user id', passwordAuth({ id: '0123' }, 'x')],
    ['an unknown domain', passwordAuth({ name: 'admin', domain: { id: 'nowhere' } }, ADMIN_PASSWORD)],
    ['an unknown project', passwordAuth(ADMIN, ADMIN_PASSWORD, { project: { id: 'none' } })],
    ['a domain without a role', passwordAuth(ADMIN, ADMIN_PASSWORD, { domain: { id: 'default' } })],
    ['an unknown method', { identity: { methods: ['magic'], magic: {} } }],
  ])('are refused for %s in the same words', async (_, auth) => {
    const answer = await cloud.ask('POST', '/v3/auth/tokens', { body: { auth } });
    expect(answer.status).toBe(401);
    expect(answer.body).toEqual({
      error: { code: 401, message: 'The request you have made requires authentication.', title: 'Unauthorized' },
    });
    expect(answer.headers['www-authenticate']).toBe(`Keystone uri="${URL}"`);
  });

  it('end no later when they are made from another token, and name its chain', async () => {
    const first = await cloud.token(passwordAuth(ADMIN, ADMIN_PASSWORD, 'unscoped'));
    await cloud.clock.advance(600_000);
    const answer = await cloud.ask('POST', '/v3/auth/tokens', {
      body: { auth: { identity: { methods: ['token'], token: { id: first } }, scope: ADMIN_PROJECT } },
    });
    expect(answer.status).toBe(201);
    expect(answer.body.token.expires_at).toBe('2026-01-01T01:00:00.000000Z');
    expect(answer.body.token.methods.toSorted()).toEqual(['password', 'token']);
    expect(answer.body.token.audit_ids).toHaveLength(2);
  });

  it('for a project or a domain are turned into no others where that is switched off', async () => {
    await cloud.close();
    cloud = await startCloud({ allowRescopeScopedToken: false });
    const unscoped = await cloud.token(passwordAuth(ADMIN, ADMIN_PASSWORD, 'unscoped'));
    const turn = (id: string) =>
      cloud.ask('POST', '/v3/auth/tokens', {
        body: { auth: { identity: { methods: ['token'], token: { id } }, scope: ADMIN_PROJECT } },
      });
    const scoped = await turn(unscoped);
    expect(scoped.status).toBe(201);
    const again = await turn(scoped.headers['x-subject-token'] ?? '');
    expect([again.status, again.body.error.message]).toEqual([
      403,
      'You are not authorized to perform the requested action: rescope a scoped token.',
    ]);
  });

  it('are good until they end, and not a moment longer', async () => {
    const token = await cloud.admin();
    expect(await cloud.identity.authenticator.authenticate(token)).toMatchObject({ userName: 'admin' });
    await cloud.clock.advance(3_599_999);
    expect(await cloud.identity.authenticator.authenticate(token)).toBeDefined();
    await cloud.clock.advance(1);
    expect(await cloud.identity.authenticator.authenticate(token)).toBeUndefined();
  });

  it('show themselves, and are void once revoked, at every controller', async () => {
    const token = await cloud.admin();
    const other = await cloud.second();
    const shown = await cloud.ask('GET', '/v3/auth/tokens', { token, headers: { 'x-subject-token': token } });
    expect([shown.status, shown.headers['x-subject-token']]).toEqual([200, token]);
    expect((await cloud.ask('HEAD', '/v3/auth/tokens', { token, headers: { 'x-subject-token': token } })).status).toBe(
      200,
    );
    expect(await other.identity.authenticator.authenticate(token)).toBeDefined();
    const gone = await cloud.ask('DELETE', '/v3/auth/tokens', { token, headers: { 'x-subject-token': token } });
    expect(gone.status).toBe(204);
    expect(await cloud.identity.authenticator.authenticate(token)).toBeUndefined();
    await cloud.clock.advance(1_000);
    expect(await other.identity.authenticator.authenticate(token)).toBeUndefined();
    const again = await cloud.ask('GET', '/v3/auth/tokens', {
      token: await cloud.admin(),
      headers: { 'x-subject-token': token },
    });
    expect([again.status, again.body.error.title]).toEqual([404, 'Not Found']);
    await other.close();
  });

  it('are refused when a character is changed', async () => {
    const token = await cloud.admin();
    const changed = token.slice(0, 40) + (token[40] === 'A' ? 'B' : 'A') + token.slice(41);
    expect(await cloud.identity.authenticator.authenticate(changed)).toBeUndefined();
  });
});

describe('discovery', () => {
  it('answers 300 with the versions, and v3 by itself', async () => {
    const root = await cloud.ask('GET', '/');
    expect([root.status, root.body.versions.values[0].id]).toEqual([300, 'v3.14']);
    const v3 = await cloud.ask('GET', '/v3/');
    expect(v3.body.version.links).toEqual([{ rel: 'self', href: `${URL}/v3/` }]);
  });
});
