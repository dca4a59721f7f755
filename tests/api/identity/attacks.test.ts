/** Attacks that worked on OpenStack, each by its advisory, failing here. */
import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ADMIN, ADMIN_PASSWORD, ADMIN_PROJECT, type Answer, type Cloud, passwordAuth, startCloud } from './cloud.ts';

let cloud: Cloud;
let admin: string;
let ann: { id: string; projectId: string; token: string; memberId: string };

const as = (token: string, method: string, path: string, body?: unknown): Promise<Answer> =>
  cloud.ask(method, path, { token, ...(body === undefined ? {} : { body }) });
const isGood = async (token: string, at: Cloud = cloud): Promise<boolean> =>
  (await at.identity.authenticator.authenticate(token)) !== undefined;
const makeUser = async (name: string): Promise<string> =>
  (await as(admin, 'POST', '/v3/users', { user: { name, password: name } })).body.user.id;
const annAuth = () => passwordAuth({ id: ann.id }, 'ann', { project: { id: ann.projectId } });

async function start(config: Parameters<typeof startCloud>[0] = {}): Promise<void> {
  cloud = await startCloud(config);
  admin = await cloud.admin();
  const id = await makeUser('ann');
  const projectId = (await as(admin, 'POST', '/v3/projects', { project: { name: 'p' } })).body.project.id;
  const memberId = (await as(admin, 'GET', '/v3/roles?name=member')).body.roles[0].id;
  await as(admin, 'PUT', `/v3/projects/${projectId}/users/${id}/roles/${memberId}`);
  ann = { id, projectId, memberId, token: '' };
  ann.token = await cloud.token(annAuth());
}
beforeEach(() => start());
afterEach(() => cloud.close());

describe('OSSA-2012-014, 2013-011, 2013-025, 2016-005, 2016-008, OSSN-0056: an old token', () => {
  it.each([
    [
      'the role is taken',
      () => as(admin, 'DELETE', `/v3/projects/${ann.projectId}/users/${ann.id}/roles/${ann.memberId}`),
    ],
    ['the user is deleted', () => as(admin, 'DELETE', `/v3/users/${ann.id}`)],
    ['the user is disabled', () => as(admin, 'PATCH', `/v3/users/${ann.id}`, { user: { enabled: false } })],
    ['the password is set', () => as(admin, 'PATCH', `/v3/users/${ann.id}`, { user: { password: 'new' } })],
    [
      'the project is disabled',
      () => as(admin, 'PATCH', `/v3/projects/${ann.projectId}`, { project: { enabled: false } }),
    ],
    ['the project is deleted', () => as(admin, 'DELETE', `/v3/projects/${ann.projectId}`)],
  ])('is void at every controller, and after a restart, once %s', async (_, change) => {
    const other = await cloud.second();
    expect([await isGood(ann.token), await isGood(ann.token, other)]).toEqual([true, true]);
    expect((await change()).status).toBeLessThan(300);
    expect(await isGood(ann.token)).toBe(false);
    await cloud.clock.advance(1_000);
    expect(await isGood(ann.token, other)).toBe(false);
    const restarted = await cloud.second();
    expect(await isGood(ann.token, restarted)).toBe(false);
    await Promise.all([other.close(), restarted.close()]);
  });

  it('stays void when the user is enabled again', async () => {
    await as(admin, 'PATCH', `/v3/users/${ann.id}`, { user: { enabled: false } });
    await as(admin, 'PATCH', `/v3/users/${ann.id}`, { user: { enabled: true } });
    expect(await isGood(ann.token)).toBe(false);
  });
});

describe('CVE-2012-3426, CVE-2012-5563: a token from a token from a token', () => {
  it('never ends later than the first', async () => {
    let token = ann.token;
    let end = '';
    for (let i = 0; i < 5; i++) {
      await cloud.clock.advance(600_000);
      const answer = await cloud.ask('POST', '/v3/auth/tokens', {
        body: {
          auth: { identity: { methods: ['token'], token: { id: token } }, scope: { project: { id: ann.projectId } } },
        },
      });
      token = answer.headers['x-subject-token'] ?? '';
      end = answer.body.token.expires_at;
    }
    expect(end).toBe('2026-01-01T01:00:00.000000Z');
    await cloud.clock.advance(600_000);
    expect(await isGood(token)).toBe(false);
  });
});

describe('OSSA-2012-016, OSSN-0032: a disabled domain', () => {
  it('lets nobody in and voids what was given', async () => {
    const domain = (await as(admin, 'POST', '/v3/domains', { domain: { name: 'd' } })).body.domain.id;
    const user = (await as(admin, 'POST', '/v3/users', { user: { name: 'u', password: 'u', domain_id: domain } })).body
      .user.id;
    const token = await cloud.token(passwordAuth({ id: user }, 'u'));
    await as(admin, 'PATCH', `/v3/domains/${domain}`, { domain: { enabled: false } });
    expect(await isGood(token)).toBe(false);
    await expect(cloud.token(passwordAuth({ id: user }, 'u'))).rejects.toThrow('401');
    await expect(cloud.token(passwordAuth({ name: 'u', domain: { name: 'd' } }, 'u'))).rejects.toThrow('401');
  });
});

describe('CVE-2014-2828, OSSA-2012-002, 2013-003: requests that cost much', () => {
  it('are refused when they name a method thousands of times', async () => {
    const auth = passwordAuth(ADMIN, ADMIN_PASSWORD) as { identity: { methods: string[] } };
    auth.identity.methods = Array.from({ length: 10_000 }, () => 'password');
    const answer = await cloud.ask('POST', '/v3/auth/tokens', { body: { auth } });
    expect(answer.status).toBe(400);
  });

  it('are refused when the password or the token is huge', async () => {
    const big = 'x'.repeat(1_000_000);
    const answer = await cloud.ask('POST', '/v3/auth/tokens', { body: { auth: passwordAuth(ADMIN, big) } });
    expect(answer.status).toBe(413);
    const long = await cloud.ask('POST', '/v3/auth/tokens', {
      body: { auth: passwordAuth(ADMIN, 'x'.repeat(100_000)) },
    });
    expect(long.status).toBe(401);
    expect(await isGood(big)).toBe(false);
  });

  it('count every byte of a long password', async () => {
    const long = 'x'.repeat(100);
    await as(admin, 'PATCH', `/v3/users/${ann.id}`, { user: { password: `${long}a` } });
    await expect(cloud.token(passwordAuth({ id: ann.id }, `${long}b`))).rejects.toThrow('401');
    await cloud.clock.advance(1);
    expect(await cloud.token(passwordAuth({ id: ann.id }, `${long}a`))).toMatch(/^gAAAA/);
  });
});

describe('CVE-2019-19687, CVE-2020-12691, CVE-2020-12689, CVE-2026-33551: credentials', () => {
  const make = (token: string, userId: string, body: object = {}) =>
    as(token, 'POST', '/v3/credentials', {
      credential: { user_id: userId, type: 'cert', blob: 'b', ...body },
    });

  it('are listed to their own user alone', async () => {
    const bob = await makeUser('bob');
    await make(admin, bob);
    await make(ann.token, ann.id);
    const listed = await as(ann.token, 'GET', '/v3/credentials');
    expect(listed.body.credentials.map((c: { user_id: string }) => c.user_id)).toEqual([ann.id]);
    const asked = await as(ann.token, 'GET', `/v3/credentials?user_id=${bob}`);
    expect(asked.body.credentials ?? []).toEqual([]);
  });

  it('cannot be given to another user, nor made for one', async () => {
    const bob = await makeUser('bob');
    const own = (await make(ann.token, ann.id)).body.credential.id;
    expect((await as(ann.token, 'PATCH', `/v3/credentials/${own}`, { credential: { user_id: bob } })).status).toBe(403);
    expect((await make(ann.token, bob)).status).toBe(403);
    expect((await as(admin, 'GET', `/v3/credentials/${own}`)).body.credential.user_id).toBe(ann.id);
  });

  it('of another project give no token for it', async () => {
    const other = (await as(admin, 'POST', '/v3/projects', { project: { name: 'other' } })).body.project.id;
    const blob = JSON.stringify({ access: 'a', secret: 's' });
    const made = await make(ann.token, ann.id, { type: 'ec2', blob, project_id: ann.projectId });
    const moved = await as(ann.token, 'PATCH', `/v3/credentials/${made.body.credential.id}`, {
      credential: { project_id: other, type: 'ec2' },
    });
    expect(moved.status).toBe(200);
    const params = { SignatureVersion: '2', SignatureMethod: 'HmacSHA256', Timestamp: cloud.clock.now().toISOString() };
    const query = `SignatureMethod=HmacSHA256&SignatureVersion=2&Timestamp=${encodeURIComponent(params.Timestamp)}`;
    const signature = createHmac('sha256', 's').update(`GET\nh\n/\n${query}`).digest('base64');
    const credentials = { access: 'a', signature, params, host: 'h', verb: 'GET', path: '/' };
    expect((await as(admin, 'POST', '/v3/ec2tokens', { credentials })).status).toBe(401);
  });

  it('made with a trust or an application credential stay bound to it', async () => {
    const made = await as(ann.token, 'POST', `/v3/users/${ann.id}/application_credentials`, {
      application_credential: { name: 'c', roles: [{ name: 'reader' }], unrestricted: true },
    });
    const { id, secret } = made.body.application_credential;
    const identity = { methods: ['application_credential'], application_credential: { id, secret } };
    const token = await cloud.token({ identity });
    const ec2 = (await as(token, 'POST', `/v3/users/${ann.id}/credentials/OS-EC2`, { tenant_id: ann.projectId })).body
      .credential;
    const params = { SignatureVersion: '2', SignatureMethod: 'HmacSHA256', Timestamp: cloud.clock.now().toISOString() };
    const query = `SignatureMethod=HmacSHA256&SignatureVersion=2&Timestamp=${encodeURIComponent(params.Timestamp)}`;
    const signature = createHmac('sha256', ec2.secret).update(`GET\nh\n/\n${query}`).digest('base64');
    const credentials = { access: ec2.access, signature, params, host: 'h', verb: 'GET', path: '/' };
    const answer = await as(admin, 'POST', '/v3/ec2tokens', { credentials });
    expect(answer.body.token.roles.map((r: { name: string }) => r.name)).toEqual(['reader']);
    const listed = (await as(ann.token, 'GET', '/v3/credentials?type=ec2')).body.credentials[0];
    const unbound = JSON.stringify({ access: ec2.access, secret: ec2.secret });
    const freed = await as(ann.token, 'PATCH', `/v3/credentials/${listed.id}`, { credential: { blob: unbound } });
    expect(freed.status).toBe(400);
  });
});

describe('OSSN-0102: what belongs to another', () => {
  it('is not reached by its id below the path of the own account', async () => {
    const bob = await makeUser('bob');
    const member = (await as(admin, 'GET', '/v3/roles?name=member')).body.roles[0].id;
    await as(admin, 'PUT', `/v3/projects/${ann.projectId}/users/${bob}/roles/${member}`);
    const rule = { service: 'compute', method: 'GET', path: '/v2.1/servers' };
    const application_credential = { name: 'c', access_rules: [rule] };
    const own = (await as(ann.token, 'POST', `/v3/users/${ann.id}/application_credentials`, { application_credential }))
      .body.application_credential;
    const ec2 = (await as(ann.token, 'POST', `/v3/users/${ann.id}/credentials/OS-EC2`, { tenant_id: ann.projectId }))
      .body.credential;
    const token = await cloud.token(passwordAuth({ id: bob }, 'bob', { project: { id: ann.projectId } }));
    const children = [
      `application_credentials/${own.id}`,
      `access_rules/${own.access_rules[0].id}`,
      `credentials/OS-EC2/${ec2.access}`,
    ];
    for (const child of children) {
      const tries = [];
      for (const method of ['GET', 'DELETE'])
        for (const userId of [bob, ann.id]) tries.push(await as(token, method, `/v3/users/${userId}/${child}`));
      const reached = tries.filter(({ status }) => status !== 403 && status !== 404);
      expect([child, reached]).toEqual([child, []]);
      expect((await as(ann.token, 'GET', `/v3/users/${ann.id}/${child}`)).status).toBe(200);
    }
  });
});

describe('OSSA-2014-018, 2014-022: whoever acts by a trust', () => {
  it('makes nothing that outlives it, and sees no more than was entrusted', async () => {
    const bob = await makeUser('bob');
    const trust = await as(ann.token, 'POST', '/v3/OS-TRUST/trusts', {
      trust: {
        trustor_user_id: ann.id,
        trustee_user_id: bob,
        impersonation: true,
        project_id: ann.projectId,
        roles: [{ name: 'reader' }],
      },
    });
    const scope = { 'OS-TRUST:trust': { id: trust.body.trust.id } };
    const token = await cloud.token(passwordAuth({ id: bob }, 'bob', scope));
    const application_credential = { name: 'c' };
    const credential = { user_id: ann.id, type: 'totp', blob: 'GEZDGNBVGY3TQOJQ' };
    const again = { ...trust.body.trust, roles: [{ name: 'member' }] };
    const answers = [
      await as(token, 'POST', `/v3/users/${ann.id}/application_credentials`, { application_credential }),
      await as(token, 'POST', '/v3/credentials', { credential }),
      await as(token, 'POST', '/v3/OS-TRUST/trusts', { trust: again }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([403, 403, 403]);
    const shown = await as(token, 'GET', '/v3/auth/tokens', undefined);
    expect(shown.status).toBe(404);
    const own = await cloud.ask('GET', '/v3/auth/tokens', { token, headers: { 'x-subject-token': token } });
    expect(own.body.token.roles.map((r: { name: string }) => r.name)).toEqual(['reader']);
  });
});

describe('CVE-2020-12690: OAuth1', () => {
  it('gives the roles that the user authorized and no others', async () => {
    const consumer = (await as(admin, 'POST', '/v3/OS-OAUTH1/consumers', { consumer: {} })).body.consumer;
    const encode = encodeURIComponent;
    let nonce = 0;
    const call = (
      method: string,
      path: string,
      secret: string,
      oauth: Record<string, string>,
      extra = {},
      body?: unknown,
    ) => {
      const all: Record<string, string> = {
        oauth_consumer_key: consumer.id,
        oauth_signature_method: 'HMAC-SHA1',
        oauth_timestamp: String(Math.floor(cloud.clock.now().getTime() / 1000)),
        oauth_nonce: String(nonce++),
        oauth_version: '1.0',
        ...oauth,
      };
      const text = Object.keys(all)
        .map((k) => `${encode(k)}=${encode(all[k] ?? '')}`)
        .toSorted()
        .join('&');
      const base = `${method}&${encode(`http://cloud.example:5000${path}`)}&${encode(text)}`;
      const signature = createHmac('sha1', `${consumer.secret}&${secret}`).update(base).digest('base64');
      const header = [...Object.entries(all), ['oauth_signature', signature]]
        .map(([k, v]) => `${k}="${encode(String(v))}"`)
        .join(', ');
      return cloud.ask(method, path, {
        headers: { authorization: `OAuth ${header}`, ...extra },
        ...(body === undefined ? {} : { body }),
      });
    };
    const project = (await as(admin, 'GET', '/v3/projects?name=admin')).body.projects[0].id;
    const asked = await call(
      'POST',
      '/v3/OS-OAUTH1/request_token',
      '',
      { oauth_callback: 'oob' },
      { 'requested-project-id': project },
    );
    expect(asked.status).toBe(201);
    const request = new URLSearchParams(asked.body);
    const id = request.get('oauth_token') ?? '';
    const reader = (await as(admin, 'GET', '/v3/roles?name=reader')).body.roles[0].id;
    const authorized = await as(admin, 'PUT', `/v3/OS-OAUTH1/authorize/${id}`, { roles: [{ id: reader }] });
    const traded = await call('POST', '/v3/OS-OAUTH1/access_token', request.get('oauth_token_secret') ?? '', {
      oauth_token: id,
      oauth_verifier: authorized.body.token.oauth_verifier,
    });
    expect(traded.status).toBe(201);
    const access = new URLSearchParams(traded.body);
    const oauth = { oauth_token: access.get('oauth_token') ?? '' };
    const body = { auth: { identity: { methods: ['oauth1'], oauth1: {} } } };
    const answer = await call('POST', '/v3/auth/tokens', access.get('oauth_token_secret') ?? '', oauth, {}, body);
    expect(answer.body.token.roles.map((r: { name: string }) => r.name)).toEqual(['reader']);
    expect((await as(answer.headers['x-subject-token'] ?? '', 'GET', '/v3/users')).status).toBe(403);
    expect((await call('POST', '/v3/auth/tokens', 'guess', oauth, {}, body)).status).toBe(401);
    await expectAccessTokenListed(oauth.oauth_token, reader);
    expect(
      (await call('POST', '/v3/auth/tokens', access.get('oauth_token_secret') ?? '', oauth, {}, body)).status,
    ).toBe(401);
  });
});

/** The user sees what was authorized, without its secret, and takes it back. */
async function expectAccessTokenListed(id: string, reader: string): Promise<void> {
  const me = (await as(admin, 'GET', '/v3/users?name=admin')).body.users[0].id;
  const base = `/v3/users/${me}/OS-OAUTH1/access_tokens`;
  const listed = await as(admin, 'GET', base);
  expect(listed.body.access_tokens).toMatchObject([{ id, authorizing_user_id: me }]);
  expect(JSON.stringify(listed.body)).not.toContain('secret');
  expect((await as(admin, 'GET', `${base}/${id}`)).body.access_token).toMatchObject({ id, authorizing_user_id: me });
  expect((await as(admin, 'GET', `${base}/${id}/roles`)).body.roles).toMatchObject([{ id: reader, name: 'reader' }]);
  expect((await as(admin, 'GET', `${base}/${id}/roles/${reader}`)).body.role).toMatchObject({ id: reader });
  expect((await as(admin, 'DELETE', `${base}/${id}`)).status).toBe(204);
  expect((await as(admin, 'GET', `${base}/${id}`)).status).toBe(404);
}

describe('CVE-2021-38155: lockout', () => {
  beforeEach(async () => {
    await cloud.close();
    await start({ lockoutFailureAttempts: 2, lockoutDurationMs: 5_000 });
  });
  const tryIn = (auth: object) => cloud.ask('POST', '/v3/auth/tokens', { body: { auth } });

  it('answers a locked account, a wrong password and an unknown user alike', async () => {
    const answers = [await tryIn(passwordAuth({ name: 'nobody', domain: { id: 'default' } }, 'x'))];
    for (let i = 0; i < 3; i++) answers.push(await tryIn(passwordAuth({ id: ann.id }, 'wrong')));
    answers.push(await tryIn(passwordAuth({ id: ann.id }, 'ann')));
    const told = answers.map(({ status, body }) => JSON.stringify([status, body]));
    expect(new Set(told).size).toBe(1);
    expect(told[0]).not.toContain(ann.id);
  });

  it('opens again after its time, and a right password begins the count anew', async () => {
    await tryIn(passwordAuth({ id: ann.id }, 'wrong'));
    await tryIn(passwordAuth({ id: ann.id }, 'wrong'));
    expect((await tryIn(passwordAuth({ id: ann.id }, 'ann'))).status).toBe(401);
    await cloud.clock.advance(5_001);
    expect((await tryIn(passwordAuth({ id: ann.id }, 'wrong'))).status).toBe(401);
    expect((await tryIn(passwordAuth({ id: ann.id }, 'ann'))).status).toBe(201);
  });

  it('lets no guess through that was made while the lock was closing', async () => {
    const guesses = ['a', 'b', 'c', 'd', 'ann'].map((password) => tryIn(passwordAuth({ id: ann.id }, password)));
    const statuses = (await Promise.all(guesses)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 201).length).toBeLessThanOrEqual(1);
    expect((await tryIn(passwordAuth({ id: ann.id }, 'ann'))).status).toBe(401);
  });
});

describe('CVE-2026-22797, OSSA-2014-007: identity headers', () => {
  it('of the client mean nothing', async () => {
    const headers = {
      'x-roles': 'admin',
      'x-user-id': 'x',
      'x-is-admin-project': 'True',
      'x-identity-status': 'Confirmed',
    };
    expect((await cloud.ask('GET', '/v3/users', { headers })).status).toBe(401);
    expect((await cloud.ask('GET', '/v3/users', { token: ann.token, headers })).status).toBe(403);
  });

  it('nor does a busy moment mix up who asks', async () => {
    const tokens = [admin, ann.token];
    const asked = Array.from({ length: 100 }, (_, i) => as(tokens[i % 2] ?? '', 'GET', '/v3/users'));
    const statuses = (await Promise.all(asked)).map(({ status }) => status);
    expect(statuses).toEqual(Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? 200 : 403)));
  });
});

describe('CVE-2014-3621, OSSA-2026-007: what is put in', () => {
  it('as an endpoint’s URL shows nothing of the configuration', async () => {
    const service = (await as(admin, 'GET', '/v3/services')).body.services[0].id;
    for (const url of [
      'http://x/$(admin_token)s',
      'http://x/%(password)s',
      'http://x/$(user_id',
      'http://x/$(__proto__)s',
    ]) {
      const answer = await as(admin, 'POST', '/v3/endpoints', {
        endpoint: { interface: 'public', service_id: service, url },
      });
      expect([url, answer.status]).toEqual([url, 400]);
    }
  });

  it.each(['FALSE', 'false', 0, 1, null, [], {}])('as enabled %j is refused and changes nothing', async (enabled) => {
    const user = await as(admin, 'PATCH', `/v3/users/${ann.id}`, { user: { enabled } });
    const project = await as(admin, 'PATCH', `/v3/projects/${ann.projectId}`, { project: { enabled } });
    expect([user.status, project.status]).toEqual([400, 400]);
    expect(await isGood(ann.token)).toBe(true);
  });

  it('as an empty password lets nobody in', async () => {
    const nobody = (await as(admin, 'POST', '/v3/users', { user: { name: 'nopassword' } })).body.user.id;
    await expect(cloud.token(passwordAuth({ id: nobody }, ''))).rejects.toThrow('401');
    const without = { identity: { methods: ['password'], password: { user: { id: nobody } } } };
    await expect(cloud.token(without)).rejects.toThrow('401');
  });
});

describe('several factors', () => {
  it('are asked for by the user’s rules, with a receipt for what was shown', async () => {
    const secret = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';
    await as(admin, 'POST', '/v3/credentials', { credential: { user_id: ann.id, type: 'totp', blob: secret } });
    const rules = { multi_factor_auth_rules: [['password', 'totp']] };
    await as(admin, 'PATCH', `/v3/users/${ann.id}`, { user: { options: rules } });
    const first = await cloud.ask('POST', '/v3/auth/tokens', { body: { auth: annAuth() } });
    expect([first.status, first.body.required_auth_methods]).toEqual([401, [['password', 'totp']]]);
    const receipt = first.headers['openstack-auth-receipt'] ?? '';
    expect(await isGood(receipt)).toBe(false);
    // The code of 2026-01-01T00:00:00Z for this secret, by RFC 6238.
    const counter = Buffer.alloc(8);
    counter.writeBigUInt64BE(BigInt(Math.floor(cloud.clock.now().getTime() / 30_000)));
    const mac = createHmac('sha1', '12345678901234567890').update(counter).digest();
    const code = String((mac.readUInt32BE((mac.at(-1) ?? 0) & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0');
    const totp = (passcode: string) => ({ identity: { methods: ['totp'], totp: { user: { id: ann.id, passcode } } } });
    const alone = await cloud.ask('POST', '/v3/auth/tokens', { body: { auth: totp(code) } });
    expect(alone.status).toBe(401);
    const headers = { 'openstack-auth-receipt': receipt };
    const wrong = await cloud.ask('POST', '/v3/auth/tokens', { body: { auth: totp('000000') }, headers });
    expect(wrong.status).toBe(401);
    const both = await cloud.ask('POST', '/v3/auth/tokens', { body: { auth: totp(code) }, headers });
    expect(both.status).toBe(201);
    expect(both.body.token.methods.toSorted()).toEqual(['password', 'totp']);
    await cloud.clock.advance(300_001);
    const late = await cloud.ask('POST', '/v3/auth/tokens', { body: { auth: totp(code) }, headers });
    expect(late.status).toBe(401);
  });
});

describe('a domain’s administrator', () => {
  it('sees and makes only what is in the domain', async () => {
    const domain = (await as(admin, 'POST', '/v3/domains', { domain: { name: 'd' } })).body.domain.id;
    const boss = (await as(admin, 'POST', '/v3/users', { user: { name: 'boss', password: 'b', domain_id: domain } }))
      .body.user.id;
    const reader = (await as(admin, 'GET', '/v3/roles?name=reader')).body.roles[0].id;
    await as(admin, 'PUT', `/v3/domains/${domain}/users/${boss}/roles/${reader}`);
    const token = await cloud.token(passwordAuth({ id: boss }, 'b', { domain: { id: domain } }));
    const users = await as(token, 'GET', '/v3/users');
    expect(users.body.users.map((u: { id: string }) => u.id)).toEqual([boss]);
    expect((await as(token, 'GET', '/v3/users?domain_id=default')).body.users).toEqual([]);
    expect((await as(token, 'GET', `/v3/users/${ann.id}`)).status).toBe(403);
    expect((await as(token, 'GET', '/v3/projects')).body.projects).toEqual([]);
    expect((await as(token, 'POST', '/v3/users', { user: { name: 'x', domain_id: domain } })).status).toBe(403);
    const scope = await cloud.ask('POST', '/v3/auth/tokens', {
      body: { auth: { identity: { methods: ['token'], token: { id: token } }, scope: ADMIN_PROJECT } },
    });
    expect(scope.status).toBe(401);
  });
});
