import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { applyMapping } from '#services/identity/federation/mapping.ts';
import { type Answer, type Cloud, startCloud } from './cloud.ts';

const ISSUER = 'https://sso.example.org';
const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

let cloud: Cloud;
let admin: string;
const as = (token: string, method: string, path: string, body?: unknown): Promise<Answer> =>
  cloud.ask(method, path, { token, ...(body === undefined ? {} : { body }) });

function jwt(claims: object, key: KeyObject = privateKey, header: object = { alg: 'RS256' }): string {
  const text = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${text}.${sign('sha256', Buffer.from(text), key).toString('base64url')}`;
}
const claims = (more: object = {}) => ({
  iss: ISSUER,
  aud: 'pileus',
  sub: 'u-1',
  preferred_username: 'ann',
  groups: ['staff', 'other'],
  exp: cloud.clock.now().getTime() / 1000 + 600,
  ...more,
});
const AUTH = '/v3/OS-FEDERATION/identity_providers/sso/protocols/openid/auth';
const logIn = (bearer: string) => cloud.ask('GET', AUTH, { headers: { authorization: `Bearer ${bearer}` } });

const RULES = [
  {
    local: [{ user: { name: '{0}' } }, { groups: '{1}', domain: { id: 'default' } }],
    remote: [{ type: 'OIDC-preferred_username' }, { type: 'OIDC-groups', whitelist: ['staff'] }],
  },
];

beforeEach(async () => {
  const keys = [publicKey.export({ format: 'jwk' })];
  cloud = await startCloud({ trustedIssuers: { [ISSUER]: { keys, audience: 'pileus' } } });
  admin = await cloud.admin();
  const at = '/v3/OS-FEDERATION';
  const provider = { identity_provider: { enabled: true, remote_ids: [ISSUER] } };
  expect((await as(admin, 'PUT', `${at}/identity_providers/sso`, provider)).status).toBe(201);
  expect((await as(admin, 'PUT', `${at}/mappings/m`, { mapping: { rules: RULES } })).status).toBe(201);
  const protocol = { protocol: { mapping_id: 'm' } };
  expect((await as(admin, 'PUT', `${at}/identity_providers/sso/protocols/openid`, protocol)).status).toBe(201);
});
afterEach(() => cloud.close());

describe('federation', () => {
  it('lets in whom a provider vouches for, with the roles of the groups that the mapping gives', async () => {
    const group = (await as(admin, 'POST', '/v3/groups', { group: { name: 'staff' } })).body.group.id;
    const project = (await as(admin, 'GET', '/v3/projects?name=admin')).body.projects[0].id;
    const member = (await as(admin, 'GET', '/v3/roles?name=member')).body.roles[0].id;
    await as(admin, 'PUT', `/v3/projects/${project}/groups/${group}/roles/${member}`);
    const first = await logIn(jwt(claims()));
    expect([first.status, first.body.token?.user.name, first.body.token?.methods]).toEqual([201, 'ann', ['openid']]);
    expect(first.body.token.user['OS-FEDERATION']).toEqual({
      groups: [{ id: group }],
      identity_provider: { id: 'sso' },
      protocol: { id: 'openid' },
    });
    const token = first.headers['x-subject-token'] ?? '';
    expect((await as(token, 'GET', '/v3/OS-FEDERATION/projects')).body.projects).toHaveLength(1);
    const scoped = await cloud.ask('POST', '/v3/auth/tokens', {
      body: { auth: { identity: { methods: ['token'], token: { id: token } }, scope: { project: { id: project } } } },
    });
    expect(scoped.body.token.roles.map((r: { name: string }) => r.name).toSorted()).toEqual(['member', 'reader']);
    const again = await logIn(jwt(claims()));
    expect(again.body.token.user.id).toBe(first.body.token.user.id);
    await as(admin, 'PATCH', '/v3/OS-FEDERATION/identity_providers/sso', { identity_provider: { enabled: false } });
    expect((await as(scoped.headers['x-subject-token'] ?? '', 'GET', '/v3/auth/projects')).status).toBe(401);
  });

  it('keeps out whoever shows anything else', async () => {
    const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const text = [{ alg: 'HS256' }, claims()]
      .map((p) => Buffer.from(JSON.stringify(p)).toString('base64url'))
      .join('.');
    const pem = publicKey.export({ format: 'pem', type: 'spki' });
    const confused = `${text}.${createHmac('sha256', pem).update(text).digest('base64url')}`;
    const none = `${[{ alg: 'none' }, claims()].map((p) => Buffer.from(JSON.stringify(p)).toString('base64url')).join('.')}.`;
    const tokens = [
      jwt(claims(), other),
      jwt(claims({ iss: 'https://evil.example.org' })),
      jwt(claims({ aud: 'somebody else' })),
      jwt(claims({ exp: 1 })),
      jwt(claims({ exp: undefined })),
      jwt(claims({ nbf: claims().exp })),
      confused,
      none,
      'x.y.z',
      '',
    ];
    for (const token of tokens) expect([token, (await logIn(token)).status]).toEqual([token, 401]);
    expect((await logIn(jwt(claims({ preferred_username: undefined, groups: undefined })))).status).toBe(401);
  });

  it('has a door only where a provider has one', async () => {
    const bearer = { authorization: `Bearer ${jwt(claims())}` };
    for (const path of [AUTH.replace('sso', 'none'), AUTH.replace('openid', 'saml2')])
      expect((await cloud.ask('POST', path, { headers: bearer })).status).toBe(401);
    expect((await as(admin, 'DELETE', '/v3/OS-FEDERATION/identity_providers/sso')).status).toBe(204);
    expect((await logIn(jwt(claims()))).status).toBe(401);
  });

  it('knows a user whom an administrator made beforehand', async () => {
    const link = (unique_id: string) => [{ idp_id: 'sso', protocols: [{ protocol_id: 'openid', unique_id }] }];
    const make = (name: string, federated: object) => as(admin, 'POST', '/v3/users', { user: { name, federated } });
    const made = await make('prepared', link('ann'));
    expect([made.status, made.body.user?.federated]).toEqual([201, link('ann')]);
    expect((await logIn(jwt(claims()))).body.token.user.id).toBe(made.body.user.id);
    expect((await as(admin, 'GET', '/v3/users?unique_id=ann&idp_id=sso')).body.users).toHaveLength(1);
    expect((await make('second', link('ann'))).status).toBe(409);
    expect((await make('third', [{ idp_id: 'none', protocols: [{ protocol_id: 'x', unique_id: 'y' }] }])).status).toBe(
      400,
    );
    expect((await as(admin, 'GET', '/v3/users?name=third')).body.users).toEqual([]);
  });

  it('keeps service providers', async () => {
    const path = '/v3/OS-FEDERATION/service_providers/other';
    const given = { auth_url: 'https://a.example/v3', sp_url: 'https://a.example/sp' };
    expect((await as(admin, 'PUT', path, { service_provider: given })).body.service_provider.enabled).toBe(false);
    expect((await as(admin, 'PUT', path, { service_provider: given })).status).toBe(409);
    expect((await as(admin, 'PATCH', path, { service_provider: { enabled: true } })).status).toBe(200);
    expect(
      (await as(admin, 'GET', '/v3/OS-FEDERATION/service_providers?enabled=True')).body.service_providers,
    ).toHaveLength(1);
    expect((await as(admin, 'DELETE', path)).status).toBe(204);
  });
});

describe('a mapping', () => {
  const map = (remote: object, local: object, assertion: Record<string, string>) =>
    applyMapping([{ remote: [{ type: 'name' }, remote], local: [local] }] as never, assertion);

  it.each([
    [{ type: 'org', any_one_of: ['a', 'b'] }, 'b', true],
    [{ type: 'org', any_one_of: ['a', 'b'] }, 'c', false],
    [{ type: 'org', any_one_of: ['^a.*z$'], regex: true }, 'abcz', true],
    [{ type: 'org', any_one_of: ['^a.*z$'] }, 'abcz', false],
    [{ type: 'org', not_any_of: ['a'] }, 'a;b', false],
    [{ type: 'org', not_any_of: ['a'] }, 'b', true],
    [{ type: 'absent' }, 'a', false],
  ])('with %j lets %s in: %s', (remote, org, fits) => {
    const attempt = () => map(remote, { user: { name: '{0}' } }, { name: 'ann', org });
    if (fits) expect(attempt().user).toEqual({ name: 'ann' });
    else expect(attempt).toThrow('Could not map');
  });

  it.each([
    [{ type: 'groups', whitelist: ['a', 'c'] }, ['a', 'c']],
    [{ type: 'groups', blacklist: ['a'] }, ['b', 'c']],
    [{ type: 'groups' }, ['a', 'b', 'c']],
  ])('%j hands on %j', (remote, names) => {
    const local = { groups: '{1}', domain: { name: 'd' } };
    const found = map(remote, local, { name: 'ann', groups: 'a;b;c' });
    expect(found.groupNames.map(({ name }) => name)).toEqual(names);
  });
});
