/** OpenID over real HTTP: a provider with keys of its own, and the unmodified client where the machine has it. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TrustedIssuer } from '#services/identity/federation/issuer-keys.ts';
import { type CloudUnderTest, startCloud as startWholeCloud } from '../../support/cloud.ts';
import { type Answer, type Cloud, startCloud } from './cloud.ts';
import { CLIENT, type OpenIdProvider, startOpenIdProvider } from './openid-provider.ts';

const FEDERATION = '/v3/OS-FEDERATION';
const LOG_IN = `${FEDERATION}/identity_providers/sso/protocols/openid/auth`;
const ANN = { sub: 'u-1', preferred_username: 'ann', email: 'ann@example.org', groups: ['staff', 'other'] };
const RULES = [
  {
    local: [
      { user: { name: '{0}' } },
      { groups: '{1}', domain: { id: 'default' } },
      { projects: [{ name: 'Home of {0}', roles: [{ name: 'member' }] }] },
    ],
    remote: [{ type: 'OIDC-preferred_username' }, { type: 'OIDC-groups', whitelist: ['staff', 'robots'] }],
  },
];

/** Registers a provider with its mapping. @param put sends a body as the administrator. */
async function register(
  issuer: string,
  rules: object,
  put: (path: string, body: object) => Promise<{ readonly status: number }>,
): Promise<void> {
  const provider = { identity_provider: { enabled: true, remote_ids: [issuer], domain_id: 'default' } };
  expect((await put(`${FEDERATION}/identity_providers/sso`, provider)).status).toBe(201);
  expect((await put(`${FEDERATION}/mappings/m`, { mapping: { rules } })).status).toBe(201);
  const protocol = { protocol: { mapping_id: 'm' } };
  expect((await put(`${FEDERATION}/identity_providers/sso/protocols/openid`, protocol)).status).toBe(201);
}

describe('a provider’s published keys', () => {
  let provider: OpenIdProvider;
  let cloud: Cloud;
  let admin: string;
  const as = (method: string, path: string, body?: unknown): Promise<Answer> =>
    cloud.ask(method, path, { token: admin, ...(body === undefined ? {} : { body }) });
  const logIn = (claims: object = ANN): Promise<Answer> =>
    cloud.ask('POST', LOG_IN, { headers: { authorization: `Bearer ${provider.tokenFor(claims)}` } });

  beforeEach(async () => {
    provider = await startOpenIdProvider({}, () => cloud.clock.now().getTime());
    const { issuer, jwksUri } = provider;
    cloud = await startCloud({ trustedIssuers: { [issuer]: { jwks_uri: jwksUri, audience: 'pileus' } } });
    admin = await cloud.admin();
    await register(issuer, RULES, (path, body) => as('PUT', path, body));
  });
  afterEach(async () => {
    await cloud.close();
    await provider.stop();
  });

  it('are fetched once for many log-ins, and again for a key that is new', async () => {
    const statuses = (await Promise.all([logIn(), logIn(), logIn()])).map(({ status }) => status);
    expect([statuses, provider.keyRequests()]).toEqual([[201, 201, 201], 1]);
    const before = provider.tokenFor(ANN);
    provider.rotate();
    // A moment after the last look they are not fetched again: made-up key ids would cost a request each.
    expect([(await logIn()).status, provider.keyRequests()]).toEqual([401, 1]);
    await cloud.clock.advance(30_000);
    expect([(await logIn()).status, provider.keyRequests()]).toEqual([201, 2]);
    const withdrawn = await cloud.ask('POST', LOG_IN, { headers: { authorization: `Bearer ${before}` } });
    expect(withdrawn.status).toBe(401);
  });

  it('go on counting while the provider cannot be reached', async () => {
    expect((await logIn()).status).toBe(201);
    await provider.stop();
    await cloud.clock.advance(3_600_001);
    admin = await cloud.admin();
    expect((await logIn()).status).toBe(201);
  });

  it.each([
    ['no https:', { jwks_uri: 'http://sso.example.org/keys', audience: 'pileus' }, 'must begin with https:'],
    ['no audience', { jwks_uri: 'https://sso.example.org/keys' }, 'needs an audience'],
    ['no keys', { audience: 'pileus' }, 'needs a jwks_uri'],
  ])('are wanted properly: an issuer with %s keeps the cloud from starting', async (_, issuer, why) => {
    await expect(startCloud({ trustedIssuers: { x: issuer as TrustedIssuer } })).rejects.toThrow(why);
  });

  it('let a user in with projects of its own, once and the same each time', async () => {
    const [first, second] = [await logIn(), await logIn()];
    expect(second.body.token.user.id).toBe(first.body.token.user.id);
    const projects = await cloud.ask('GET', '/v3/auth/projects', { token: first.headers['x-subject-token'] ?? '' });
    expect(projects.body.projects.map((p: { name: string }) => p.name)).toEqual(['Home of ann']);
  });

  it.each([
    ['a role that is not there', [{ projects: [{ name: 'p', roles: [{ name: 'nobody' }] }] }]],
    ['no name for the user', []],
  ])('let nobody in by a mapping with %s, and nothing is made', async (_, more) => {
    const local = [...(more.length === 0 ? [] : [{ user: { name: '{0}' } }]), ...more];
    const rules = [{ local, remote: [{ type: 'OIDC-preferred_username' }] }];
    await as('PATCH', `${FEDERATION}/mappings/m`, { mapping: { rules } });
    const { sub: _sub, ...claims } = ANN;
    expect((await logIn(claims)).status).toBe(401);
    expect((await as('GET', '/v3/projects?name=p')).body.projects).toEqual([]);
  });

  it('let in as a local user only one that is there', async () => {
    const rules = (name: string) => [
      { local: [{ user: { name, type: 'local', domain: { id: 'default' } } }], remote: [{ type: 'OIDC-email' }] },
    ];
    const made = (await as('POST', '/v3/users', { user: { name: 'ann@example.org' } })).body.user.id;
    await as('PATCH', `${FEDERATION}/mappings/m`, { mapping: { rules: rules('{0}') } });
    const answer = await logIn();
    expect([answer.status, answer.body.token.user.id]).toEqual([201, made]);
    expect(answer.body.token.user).not.toHaveProperty('OS-FEDERATION');
    await as('PATCH', `${FEDERATION}/mappings/m`, { mapping: { rules: rules('nobody') } });
    expect((await logIn()).status).toBe(401);
  });
});

const CLIENT_PROGRAM = '/usr/bin/openstack';

describe.skipIf(!existsSync(CLIENT_PROGRAM))('the unmodified openstack client', () => {
  let provider: OpenIdProvider;
  let cloud: CloudUnderTest;
  beforeEach(async () => {
    provider = await startOpenIdProvider({ ann: { password: 'open sesame', claims: ANN } });
    const { issuer, jwksUri } = provider;
    cloud = await startWholeCloud({
      config: {
        identity: { bcryptRounds: 4, trustedIssuers: { [issuer]: { jwks_uri: jwksUri, audience: 'pileus' } } },
      },
    });
    await register(issuer, RULES, (path, body) => cloud.ask('identity', `PUT ${path}`, { body }));
  });
  afterEach(async () => {
    await cloud.stop();
    await provider.stop();
  });

  /** Runs the client with options for its log-in; answers what it prints as JSON. */
  async function openstack(options: Record<string, string>, command: string): Promise<any> {
    const all = {
      auth_url: `${cloud.urls['identity']}/v3`,
      identity_provider: 'sso',
      protocol: 'openid',
      ...options,
    };
    const given = Object.entries(all).flatMap(([name, value]) => [`--os-${name.replaceAll('_', '-')}`, value]);
    const { stdout } = await promisify(execFile)(CLIENT_PROGRAM, [...given, ...command.split(' '), '-f', 'json'], {
      env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent' },
      timeout: 30_000,
    });
    return JSON.parse(stdout);
  }
  const client = () => ({
    client_id: CLIENT.id,
    client_secret: CLIENT.secret,
    discovery_endpoint: `${provider.issuer}/.well-known/openid-configuration`,
  });
  const home = (name: string) => ({ project_name: `Home of ${name}`, project_domain_id: 'default' });

  it('logs in with a password, with its own secret, and with a token that it has', { timeout: 120_000 }, async () => {
    const byPassword = { auth_type: 'v3oidcpassword', ...client(), username: 'ann', password: 'open sesame' };
    const token = await openstack({ ...byPassword, ...home('ann') }, 'token issue');
    expect(token).toMatchObject({
      id: expect.any(String),
      project_id: expect.any(String),
      user_id: expect.any(String),
    });
    await expect(openstack({ ...byPassword, password: 'guess', ...home('ann') }, 'token issue')).rejects.toThrow();

    const bySecret = { auth_type: 'v3oidcclientcredentials', ...client() };
    const machine = await openstack({ ...bySecret, ...home('a machine') }, 'token issue');
    expect(machine.user_id).not.toBe(token.user_id);

    const byToken = { auth_type: 'v3oidcaccesstoken', access_token: provider.tokenFor(ANN) };
    const again = await openstack({ ...byToken, ...home('ann') }, 'token issue');
    expect([again.user_id, again.project_id]).toEqual([token.user_id, token.project_id]);
    expect(await openstack({ ...byToken, ...home('ann') }, 'server list')).toEqual([]);
  });
});
