import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Db } from '#kernel/db/database.ts';
import type { CredentialTables } from '#services/identity/credentials/tables.ts';
import { type Answer, type Cloud, passwordAuth, startCloud } from './cloud.ts';

let cloud: Cloud;
let admin: string;
/** A user with the role `member` on a project. */
let ann: { id: string; projectId: string; token: string; memberId: string };

const as = (token: string, method: string, path: string, body?: unknown): Promise<Answer> =>
  cloud.ask(method, path, { token, ...(body === undefined ? {} : { body }) });

async function makeUser(name: string): Promise<string> {
  return (await as(admin, 'POST', '/v3/users', { user: { name, password: name } })).body.user.id;
}

beforeEach(async () => {
  cloud = await startCloud();
  admin = await cloud.admin();
  const id = await makeUser('ann');
  const projectId = (await as(admin, 'POST', '/v3/projects', { project: { name: 'p' } })).body.project.id;
  const memberId = (await as(admin, 'GET', '/v3/roles?name=member')).body.roles[0].id;
  await as(admin, 'PUT', `/v3/projects/${projectId}/users/${id}/roles/${memberId}`);
  const token = await cloud.token(passwordAuth({ id }, 'ann', { project: { id: projectId } }));
  ann = { id, projectId, token, memberId };
});
afterEach(() => cloud.close());

const credentialAuth = (id: string, secret: string) => ({
  identity: { methods: ['application_credential'], application_credential: { id, secret } },
});

describe('application credentials', () => {
  const path = () => `/v3/users/${ann.id}/application_credentials`;
  const make = async (body: object = {}) =>
    (await as(ann.token, 'POST', path(), { application_credential: { name: 'c', ...body } })).body
      .application_credential;

  it('give a token of their own project and show their secret once', async () => {
    const made = await make();
    expect(made.secret).toMatch(/^[\w-]{86}$/);
    const shown = await as(ann.token, 'GET', `${path()}/${made.id}`);
    expect(shown.body.application_credential.secret).toBeUndefined();
    const answer = await cloud.ask('POST', '/v3/auth/tokens', { body: { auth: credentialAuth(made.id, made.secret) } });
    expect(answer.body.token).toMatchObject({
      project: { id: ann.projectId },
      application_credential: { id: made.id, restricted: true },
      methods: ['application_credential'],
    });
    const byName = {
      identity: {
        methods: ['application_credential'],
        application_credential: { name: 'c', secret: made.secret, user: { name: 'ann', domain: { id: 'default' } } },
      },
    };
    expect(await cloud.token(byName)).toMatch(/^gAAAA/);
    await expect(cloud.token(credentialAuth(made.id, 'wrong'))).rejects.toThrow('401');
  });

  it('cannot ask for a scope', async () => {
    const made = await make();
    const auth = { ...credentialAuth(made.id, made.secret), scope: { project: { id: ann.projectId } } };
    const answer = await cloud.ask('POST', '/v3/auth/tokens', { body: { auth } });
    expect([answer.status, answer.body.error.message]).toEqual([
      401,
      'Error authenticating with application credential: Application credentials cannot request a scope.',
    ]);
  });

  it('cannot make more of themselves, trusts or credentials unless they are unrestricted', async () => {
    const made = await make();
    const token = await cloud.token(credentialAuth(made.id, made.secret));
    const again = await as(token, 'POST', path(), { application_credential: { name: 'd' } });
    const trust = await as(token, 'POST', '/v3/OS-TRUST/trusts', {
      trust: {
        trustor_user_id: ann.id,
        trustee_user_id: ann.id,
        impersonation: true,
        project_id: ann.projectId,
        roles: [{ id: ann.memberId }],
      },
    });
    const ec2 = await as(token, 'POST', `/v3/users/${ann.id}/credentials/OS-EC2`, { tenant_id: ann.projectId });
    expect([again.status, trust.status, ec2.status]).toEqual([403, 403, 403]);
    const free = await make({ name: 'free', unrestricted: true });
    const freeToken = await cloud.token(credentialAuth(free.id, free.secret));
    expect((await as(freeToken, 'POST', path(), { application_credential: { name: 'd' } })).status).toBe(201);
  });

  it('do only what their access rules say', async () => {
    const made = await make({
      access_rules: [{ service: 'identity', method: 'GET', path: `/v3/users/${ann.id}` }],
    });
    const token = await cloud.token(credentialAuth(made.id, made.secret));
    expect((await as(token, 'GET', `/v3/users/${ann.id}`)).status).toBe(200);
    expect((await as(token, 'GET', `/v3/users/${ann.id}/projects`)).status).toBe(401);
    expect((await as(token, 'GET', '/v3/regions')).status).toBe(401);
    const rule = made.access_rules[0];
    const inUse = await as(ann.token, 'DELETE', `/v3/users/${ann.id}/access_rules/${rule.id}`);
    expect([inUse.status, inUse.body.error.message]).toEqual([403, 'May not delete access rule in use']);
    await as(ann.token, 'DELETE', `${path()}/${made.id}`);
    expect((await as(ann.token, 'DELETE', `/v3/users/${ann.id}/access_rules/${rule.id}`)).status).toBe(204);
  });

  it('end when their user loses the role, and with their own end', async () => {
    const made = await make({ expires_at: '2026-01-01T00:30:00.123456' });
    expect(made.expires_at).toBe('2026-01-01T00:30:00.123456');
    const answer = await cloud.ask('POST', '/v3/auth/tokens', { body: { auth: credentialAuth(made.id, made.secret) } });
    expect(answer.body.token.expires_at).toBe('2026-01-01T00:30:00.123000Z');
    const token = answer.headers['x-subject-token'] ?? '';
    await as(admin, 'DELETE', `/v3/projects/${ann.projectId}/users/${ann.id}/roles/${ann.memberId}`);
    expect((await as(token, 'GET', `/v3/users/${ann.id}`)).status).toBe(401);
    await expect(cloud.token(credentialAuth(made.id, made.secret))).rejects.toThrow('401');
  });
});

describe('trusts', () => {
  const make = (body: object = {}, token = ann.token, trustee?: string) =>
    as(token, 'POST', '/v3/OS-TRUST/trusts', {
      trust: {
        trustor_user_id: ann.id,
        trustee_user_id: trustee,
        impersonation: false,
        project_id: ann.projectId,
        roles: [{ name: 'member' }],
        ...body,
      },
    });
  const use = (name: string, id: string, trustId: string) =>
    cloud.ask('POST', '/v3/auth/tokens', {
      body: { auth: passwordAuth({ id }, name, { 'OS-TRUST:trust': { id: trustId } }) },
    });

  it('let the trustee act on the project, as itself or as the trustor', async () => {
    const bob = await makeUser('bob');
    const plain = await make({}, ann.token, bob);
    expect(plain.status).toBe(201);
    const asBob = await use('bob', bob, plain.body.trust.id);
    expect(asBob.body.token.user.id).toBe(bob);
    expect(asBob.body.token.roles.map((r: { name: string }) => r.name).toSorted()).toEqual(['member', 'reader']);
    const acting = await make({ impersonation: true }, ann.token, bob);
    const asAnn = await use('bob', bob, acting.body.trust.id);
    expect(asAnn.body.token.user.id).toBe(ann.id);
    expect(asAnn.body.token['OS-TRUST:trust'].trustee_user.id).toBe(bob);
  });

  it('serve nobody else, run out of uses, and end with the role or the trust', async () => {
    const [bob, eve] = [await makeUser('bob'), await makeUser('eve')];
    const trust = (await make({ remaining_uses: 1 }, ann.token, bob)).body.trust;
    expect((await use('eve', eve, trust.id)).status).toBe(403);
    const token = (await use('bob', bob, trust.id)).headers['x-subject-token'] ?? '';
    expect((await use('bob', bob, trust.id)).status).toBe(401);
    expect((await as(token, 'GET', `/v3/users/${bob}`)).status).toBe(200);
    const other = (await make({}, ann.token, bob)).body.trust;
    const otherToken = (await use('bob', bob, other.id)).headers['x-subject-token'] ?? '';
    await as(ann.token, 'DELETE', `/v3/OS-TRUST/trusts/${other.id}`);
    expect((await as(otherToken, 'GET', `/v3/users/${bob}`)).status).toBe(401);
    await as(admin, 'DELETE', `/v3/projects/${ann.projectId}/users/${ann.id}/roles/${ann.memberId}`);
    expect((await as(token, 'GET', `/v3/users/${bob}`)).status).toBe(401);
  });

  it('pass on no more than their trustor has', async () => {
    const bob = await makeUser('bob');
    expect((await make({ roles: [{ name: 'admin' }] }, ann.token, bob)).status).toBe(404);
    expect((await make({ trustor_user_id: bob }, ann.token, bob)).status).toBe(403);
    const trust = (await make({}, ann.token, bob)).body.trust;
    const token = (await use('bob', bob, trust.id)).headers['x-subject-token'] ?? '';
    const passedOn = await make({ trustor_user_id: bob }, token, ann.id);
    expect(passedOn.status).toBe(403);
    const rescoped = await cloud.ask('POST', '/v3/auth/tokens', {
      body: {
        auth: { identity: { methods: ['token'], token: { id: token } }, scope: { project: { id: ann.projectId } } },
      },
    });
    expect(rescoped.status).toBe(403);
  });

  it('are passed on where that is allowed, one step less each time', async () => {
    const [bob, eve] = [await makeUser('bob'), await makeUser('eve')];
    const first = (await make({ allow_redelegation: true, redelegation_count: 1, impersonation: true }, ann.token, bob))
      .body.trust;
    const token = (await use('bob', bob, first.id)).headers['x-subject-token'] ?? '';
    const second = await make({ impersonation: true }, token, eve);
    expect([second.status, second.body.trust?.redelegated_trust_id, second.body.trust?.redelegation_count]).toEqual([
      201,
      first.id,
      0,
    ]);
    expect((await use('eve', eve, second.body.trust.id)).status).toBe(201);
    await as(ann.token, 'DELETE', `/v3/OS-TRUST/trusts/${first.id}`);
    expect((await use('eve', eve, second.body.trust.id)).status).toBe(401);
  });
});

describe('EC2 credentials', () => {
  const sign = (secret: string, access: string, at: Date) => {
    const params: Record<string, string> = {
      AWSAccessKeyId: access,
      Action: 'DescribeInstances',
      SignatureMethod: 'HmacSHA256',
      SignatureVersion: '2',
      Timestamp: at.toISOString(),
    };
    const query = Object.keys(params)
      .toSorted()
      .map((name) => `${name}=${encodeURIComponent(params[name] ?? '')}`)
      .join('&');
    const signature = createHmac('sha256', secret).update(`GET\nec2.example\n/\n${query}`).digest('base64');
    return { credentials: { access, signature, params, host: 'ec2.example', verb: 'GET', path: '/' } };
  };

  it('turn a fresh signed request into a token, for services alone', async () => {
    const made = await as(ann.token, 'POST', `/v3/users/${ann.id}/credentials/OS-EC2`, { tenant_id: ann.projectId });
    const { access, secret } = made.body.credential;
    const body = sign(secret, access, cloud.clock.now());
    expect((await cloud.ask('POST', '/v3/ec2tokens', { body })).status).toBe(401);
    expect((await as(ann.token, 'POST', '/v3/ec2tokens', body)).status).toBe(403);
    const answer = await as(admin, 'POST', '/v3/ec2tokens', body);
    expect([answer.status, answer.body.token.project.id, answer.body.token.user.id]).toEqual([
      200,
      ann.projectId,
      ann.id,
    ]);
    const wrong = sign('guess', access, cloud.clock.now());
    expect((await as(admin, 'POST', '/v3/ec2tokens', wrong)).status).toBe(401);
    await cloud.clock.advance(900_001);
    expect((await as(admin, 'POST', '/v3/ec2tokens', body)).status).toBe(401);
  });

  it('are sealed in the database', async () => {
    const made = await as(ann.token, 'POST', `/v3/users/${ann.id}/credentials/OS-EC2`, { tenant_id: ann.projectId });
    const rows = await (cloud.db as Db<CredentialTables>).selectFrom('credentials').selectAll().execute();
    expect(rows).toHaveLength(1);
    expect(JSON.stringify(rows)).not.toContain(made.body.credential.secret);
  });
});
