/** Whatever is sent, nothing breaks: no answer is a 500, and a refused request changes nothing. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Db } from '#kernel/db/database.ts';
import { dumpTable } from '../../support/dump.ts';
import { ADMIN, ADMIN_PASSWORD, type Answer, type Cloud, passwordAuth, SYSTEM, startCloud } from './cloud.ts';

let cloud: Cloud;
let admin: string;
let ids: string[];

beforeAll(async () => {
  cloud = await startCloud({ tokenLifetimeMs: 1_000_000_000 });
  admin = await cloud.token(passwordAuth(ADMIN, ADMIN_PASSWORD, SYSTEM));
  const user = await cloud.ask('GET', '/v3/users', { token: admin });
  const project = await cloud.ask('GET', '/v3/projects', { token: admin });
  const role = await cloud.ask('GET', '/v3/roles', { token: admin });
  ids = [user.body.users[0].id, project.body.projects[0].id, role.body.roles[0].id, 'default', 'RegionOne'];
});
afterAll(() => cloud.close());

/** Every table's rows, to see that nothing has changed. */
async function snapshot(): Promise<string> {
  const db = cloud.db as Db<Record<string, Record<string, unknown>>>;
  const tables = (await db.introspection.getTables()).map((table) => table.name).toSorted();
  const rows = await Promise.all(tables.map((table) => dumpTable(db as Db, table)));
  return JSON.stringify(rows);
}

const hostileText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(
    '',
    ' ',
    '\0',
    "'; drop table users; --",
    '../../etc/passwd',
    '%s%s%s%n',
    '$(reboot)',
    '__proto__',
    'constructor',
    '\u202e\ud800',
    'a'.repeat(300),
    '9'.repeat(400),
    '2026-13-45T99:99:99Z',
    '{"a":1}',
  ),
);
const hostileValue = fc.oneof(
  { weight: 3, arbitrary: hostileText },
  fc.constantFrom(null, true, false, 0, -1, 1e308, Number.MAX_SAFE_INTEGER, [], {}, [[]], [null], { id: null }),
  fc.jsonValue({ maxDepth: 3 }),
);

const FIELDS = [
  'id',
  'name',
  'domain_id',
  'parent_id',
  'project_id',
  'enabled',
  'options',
  'description',
  'password',
  'tags',
  'is_domain',
  'default_project_id',
  'type',
  'url',
  'interface',
  'service_id',
  'region',
  'region_id',
  'blob',
  'user_id',
  'expires_at',
  'roles',
  'access_rules',
  'secret',
  'trustor_user_id',
  'trustee_user_id',
  'impersonation',
  'filters',
  'remaining_uses',
  'parent_region_id',
  'federated',
  'extra',
  'resource_name',
  'default_limit',
  'resource_limit',
  'explicit_domain_id',
  'original_password',
  'links',
  'rules',
  'mapping_id',
  'remote_ids',
  'auth_url',
  'sp_url',
];
const WRAPPERS = [
  'user',
  'project',
  'domain',
  'group',
  'role',
  'service',
  'endpoint',
  'region',
  'credential',
  'policy',
  'trust',
  'application_credential',
  'endpoint_group',
  'registered_limits',
  'registered_limit',
  'limits',
  'limit',
  'config',
  'consumer',
  'auth',
  'tags',
  'mapping',
  'identity_provider',
  'protocol',
  'service_provider',
  'credentials',
  'tenant_id',
];
const inner = fc.dictionary(fc.constantFrom(...FIELDS), hostileValue, { maxKeys: 6 });
/** The word that a path's body begins with: bodies that fit reach further in. */
const WORDS: Readonly<Record<string, string>> = {
  users: 'user',
  projects: 'project',
  domains: 'domain',
  groups: 'group',
  roles: 'role',
  services: 'service',
  endpoints: 'endpoint',
  regions: 'region',
  credentials: 'credential',
  policies: 'policy',
  application_credentials: 'application_credential',
  trusts: 'trust',
  endpoint_groups: 'endpoint_group',
  consumers: 'consumer',
  identity_providers: 'identity_provider',
  protocols: 'protocol',
  mappings: 'mapping',
  service_providers: 'service_provider',
};
const wordFor = (url: string): string =>
  url
    .split(/[/?]/)
    .map((part) => WORDS[part])
    .findLast((word) => word !== undefined) ?? 'user';
const FITTING = '"the fitting word"';
/** A body that is right but for two fields at most. */
const few = fc
  .tuple(fc.uuid(), fc.dictionary(fc.constantFrom(...FIELDS), hostileValue, { maxKeys: 2 }))
  .map(([name, fields]) => ({ name, type: 'x', blob: 'x', filters: { interface: 'public' }, ...fields }));

const body = fc.oneof(
  { weight: 4, arbitrary: few.map((value) => `{${FITTING}:${JSON.stringify(value)}}`) },
  fc
    .tuple(fc.constantFrom(...WRAPPERS), fc.oneof(inner, fc.array(inner, { maxLength: 2 }), hostileValue))
    .map(([key, value]) => JSON.stringify({ [key]: value })),
  hostileText,
  fc.constantFrom('[', '{"a":', 'null', '[]', '"x"', '{"user":{"__proto__":{"enabled":true}}}'),
);

const PATHS = [
  'users',
  'users/:id',
  'users/:id/password',
  'users/:id/projects',
  'users/:id/groups',
  'projects',
  'projects/:id',
  'projects/:id/tags',
  'projects/:id/tags/:id',
  'domains',
  'domains/:id',
  'domains/:id/config',
  'domains/:id/config/:id/:id',
  'groups',
  'groups/:id',
  'groups/:id/users/:id',
  'roles',
  'roles/:id',
  'roles/:id/implies/:id',
  'role_assignments',
  'projects/:id/users/:id/roles/:id',
  'domains/:id/groups/:id/roles',
  'system/users/:id/roles/:id',
  'services',
  'services/:id',
  'endpoints',
  'endpoints/:id',
  'regions',
  'regions/:id',
  'credentials',
  'credentials/:id',
  'users/:id/credentials/OS-EC2',
  'users/:id/credentials/OS-EC2/:id',
  'users/:id/application_credentials',
  'users/:id/application_credentials/:id',
  'users/:id/access_rules/:id',
  'OS-TRUST/trusts',
  'OS-TRUST/trusts/:id',
  'policies',
  'policies/:id',
  'policies/:id/OS-ENDPOINT-POLICY/services/:id/regions/:id',
  'OS-EP-FILTER/endpoint_groups',
  'OS-EP-FILTER/endpoint_groups/:id/projects/:id',
  'OS-EP-FILTER/projects/:id/endpoints/:id',
  'registered_limits',
  'registered_limits/:id',
  'limits',
  'limits/:id',
  'OS-FEDERATION/identity_providers/:id',
  'OS-FEDERATION/identity_providers/:id/protocols/:id',
  'OS-FEDERATION/identity_providers/:id/protocols/:id/auth',
  'OS-FEDERATION/mappings/:id',
  'OS-FEDERATION/service_providers/:id',
  'OS-REVOKE/events',
  'OS-OAUTH1/consumers',
  'OS-OAUTH1/consumers/:id',
  'OS-OAUTH1/request_token',
  'OS-OAUTH1/access_token',
  'OS-OAUTH1/authorize/:id',
  'auth/tokens',
  'auth/catalog',
  'ec2tokens',
  's3tokens',
  'OS-INHERIT/projects/:id/users/:id/roles/:id/inherited_to_projects',
];
const identifier = fc.oneof(
  fc.constantFrom(0, 1, 2, 3, 4).map((i) => ({ known: i })),
  hostileText,
);
const path = fc.tuple(fc.constantFrom(...PATHS), fc.array(identifier, { minLength: 3, maxLength: 3 }));
const query = fc.dictionary(
  fc.oneof(
    fc.constantFrom(
      'name',
      'name__contains',
      'enabled',
      'limit',
      'domain_id',
      'password_expires_at',
      'tags',
      'since',
      'effective',
      'include_names',
      'include_subtree',
      'scope.project.id',
      'user.id',
      'subtree_as_list',
      'is_domain',
    ),
    hostileText,
  ),
  hostileText,
  { maxKeys: 3 },
);

const encode = (text: string): string => encodeURIComponent(text.toWellFormed());
const urlOf = ([pattern, values]: [string, (string | { known: number })[]], given: Record<string, string>): string => {
  let at = 0;
  const filled = pattern.replaceAll(':id', () => {
    const value = values[at++] ?? '';
    return encode(typeof value === 'string' ? value : (ids[value.known] ?? ''));
  });
  const search = Object.entries(given).map(([key, value]) => `${encode(key)}=${encode(value)}`);
  return `/v3/${filled}?${search.join('&')}`;
};

describe('hostile requests', () => {
  it('never break the service, and change nothing when they are refused', async () => {
    let before = await snapshot();
    let taken = 0;
    const check = async (method: string, url: string, payload: string): Promise<void> => {
      const sent = payload.replace(FITTING, JSON.stringify(wordFor(url)));
      const withBody = method === 'GET' ? {} : { body: sent };
      const answer: Answer = await cloud.ask(method, url, { token: admin, ...withBody });
      expect([method, url, payload, answer.status >= 500]).toEqual([method, url, payload, false]);
      const after = await snapshot();
      if (answer.status >= 400)
        expect([method, url, payload, answer.status, after === before]).toEqual([
          method,
          url,
          payload,
          answer.status,
          true,
        ]);
      before = after;
      taken += answer.status < 300 && method !== 'GET' ? 1 : 0;
    };
    // No DELETE with known ids: the administrator may delete what the rest of the test stands on.
    const methods = fc.constantFrom('GET', 'POST', 'POST', 'PUT', 'PATCH');
    await fc.assert(
      fc.asyncProperty(methods, path, query, body, (method, at, given, payload) =>
        check(method, urlOf(at, given), payload),
      ),
      { numRuns: 1_500, seed: 20260101, endOnFailure: true },
    );
    // Some fit, or the test would see no more than the outermost checks.
    expect(taken).toBeGreaterThan(10);
  });

  it('for a token give one to nobody and are never a 500', async () => {
    const auth = fc.record(
      {
        identity: fc.record(
          {
            methods: fc.oneof(
              fc.array(
                fc.constantFrom('password', 'token', 'totp', 'application_credential', 'oauth1', 'mapped', 'x'),
                { maxLength: 3 },
              ),
              hostileValue,
            ),
            password: fc.oneof(fc.record({ user: fc.oneof(inner, hostileValue) }), hostileValue),
            token: fc.oneof(fc.record({ id: hostileValue }), hostileValue),
            totp: fc.oneof(fc.record({ user: inner }), hostileValue),
            application_credential: fc.oneof(inner, hostileValue),
            oauth1: hostileValue,
          },
          { requiredKeys: [] },
        ),
        scope: fc.oneof(
          hostileValue,
          fc.record({ project: inner }),
          fc.record({ 'OS-TRUST:trust': inner }),
          fc.record({ domain: inner }),
        ),
      },
      { requiredKeys: ['identity'] },
    );
    await fc.assert(
      fc.asyncProperty(auth, async (given) => {
        const answer = await cloud.ask('POST', '/v3/auth/tokens', { body: { auth: given } });
        expect([JSON.stringify(given), answer.status]).toEqual([
          JSON.stringify(given),
          expect.toSatisfy((status: number) => status >= 400 && status < 500),
        ]);
      }),
      { numRuns: 400, seed: 20260102, endOnFailure: true },
    );
  });

  it('with a made-up token are a 401', async () => {
    const good = admin;
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string({ maxLength: 300 }),
          fc.nat(good.length - 1).map((i) => good.slice(0, i) + (good[i] === 'A' ? 'B' : 'A') + good.slice(i + 1)),
          fc.nat(good.length - 1).map((i) => good.slice(0, i)),
        ),
        async (token) => {
          // The last character of unpadded base64 has bits that mean nothing.
          fc.pre(Buffer.from(token, 'base64url').compare(Buffer.from(good, 'base64url')) !== 0);
          expect(await cloud.identity.authenticator.authenticate(token)).toBeUndefined();
        },
      ),
      { numRuns: 400, seed: 20260103 },
    );
  });
});
