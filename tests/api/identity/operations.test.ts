/** Every usual operation once through its life: what a body shows, not merely that there is an answer. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ADMIN, ADMIN_PASSWORD, type Cloud, passwordAuth, SYSTEM, startCloud, URL } from './cloud.ts';
import { idOf, type Life, live, type Step, stepsOf } from './steps.ts';

let cloud: Cloud;
let step: Step;
beforeEach(async () => {
  cloud = await startCloud();
  step = stepsOf(cloud, await cloud.admin());
});
afterEach(() => cloud.close());

const make = async (many: string, body: Record<string, object>): Promise<string> => {
  const [one = ''] = Object.keys(body);
  return (await step(`POST /v3/${many}`, 201, undefined, body)).body[one].id;
};
const makeUser = (name = 'ann') => make('users', { user: { name, password: 'x' } });
const makeGroup = (name = 'staff') => make('groups', { group: { name } });
const makeRole = (name = 'auditor') => make('roles', { role: { name } });
const makeProject = (name = 'lab', more: object = {}) => make('projects', { project: { name, ...more } });
const makeDomain = (name = 'acme') => make('domains', { domain: { name } });
const makeService = (type = 'volume') => make('services', { service: { type, name: type } });
const makeEndpoint = (service_id: string) =>
  make('endpoints', { endpoint: { service_id, interface: 'public', url: 'http://v.example', region_id: 'RegionOne' } });

const lives: Life[] = [
  {
    path: '/v3/groups',
    one: 'group',
    many: 'groups',
    kind: 'group',
    make: { name: 'staff', description: 'all', domain_id: 'default' },
    change: { name: 'crew', description: '' },
  },
  {
    path: '/v3/projects',
    one: 'project',
    many: 'projects',
    kind: 'project',
    make: { name: 'lab', description: 'd', tags: ['a'], colour: 'blue' },
    shows: { domain_id: 'default', parent_id: 'default', enabled: true, is_domain: false, options: {} },
    change: { name: 'lab2', enabled: false, colour: 'red' },
  },
  {
    path: '/v3/users',
    one: 'user',
    many: 'users',
    kind: 'user',
    make: { name: 'ann', description: 'd', email: 'ann@example.org' },
    shows: { domain_id: 'default', enabled: true, password_expires_at: null, options: {} },
    change: { enabled: false, email: 'a@example.org' },
  },
  {
    path: '/v3/roles',
    one: 'role',
    many: 'roles',
    kind: 'role',
    make: { name: 'auditor', description: 'd' },
    shows: { domain_id: null, options: {} },
    change: { name: 'inspector' },
  },
  {
    path: '/v3/regions',
    one: 'region',
    many: 'regions',
    kind: 'region',
    make: { id: 'north', description: 'd' },
    shows: { parent_region_id: null },
    change: { description: 'e' },
  },
  {
    path: '/v3/services',
    one: 'service',
    many: 'services',
    kind: 'service',
    make: { name: 'cinder', type: 'volume', description: 'd' },
    shows: { enabled: true },
    change: { type: 'volumev3', enabled: false },
  },
  {
    path: '/v3/policies',
    one: 'policy',
    many: 'policies',
    kind: 'policy',
    make: { type: 'application/json', blob: '{}' },
    change: { blob: '{"a":"b"}' },
  },
  {
    path: '/v3/OS-EP-FILTER/endpoint_groups',
    one: 'endpoint_group',
    many: 'endpoint_groups',
    kind: 'Endpoint Group',
    make: { name: 'public', description: 'd', filters: { interface: 'public' } },
    change: { filters: { interface: 'admin' } },
  },
];

describe('identity keeps', () => {
  it.each(lives)('$many from their making to their end', async (life) => {
    await live(step, life);
  });

  it('consumers, whose secret is shown once', async () => {
    const made = await step('POST /v3/OS-OAUTH1/consumers', 201, undefined, { consumer: { description: 'a tool' } });
    const { id, secret } = made.body.consumer;
    expect(secret).toMatch(/^[0-9a-f]{32}$/);
    const path = `/v3/OS-OAUTH1/consumers/${id}`;
    const shown = await step(`GET ${path}`, 200, { consumer: { id, description: 'a tool' } });
    expect(shown.body.consumer).not.toHaveProperty('secret');
    const listed = await step('GET /v3/OS-OAUTH1/consumers', 200, { consumers: [{ id }] });
    expect(JSON.stringify(listed.body)).not.toContain(secret);
    await step(`PATCH ${path}`, 200, { consumer: { description: 'b' } }, { consumer: { description: 'b' } });
    await step(`PATCH ${path}`, 400, undefined, { consumer: { secret: 'mine' } });
    await step(`DELETE ${path}`, 204, null);
    await step(`GET ${path}`, 404);
  });

  it('endpoints', async () => {
    const serviceId = await makeService();
    const made = { service_id: serviceId, interface: 'public', url: 'http://v.example/$(project_id)s', enabled: true };
    await live(step, {
      path: '/v3/endpoints',
      one: 'endpoint',
      many: 'endpoints',
      kind: 'endpoint',
      make: { ...made, region_id: 'RegionOne' },
      shows: { region: 'RegionOne' },
      change: { interface: 'internal', enabled: false },
    });
  });

  it('domains, which end only once they are disabled', async () => {
    const id = await makeDomain();
    await step(`GET /v3/domains/${id}`, 200, { domain: { id, name: 'acme', enabled: true, options: {}, tags: [] } });
    const listed = await step('GET /v3/domains?name=acme', 200);
    expect(listed.body.domains.map((d: { id: string }) => d.id)).toEqual([id]);
    await step(`DELETE /v3/domains/${id}`, 403, { error: { title: 'Forbidden' } });
    await step(`PATCH /v3/domains/${id}`, 200, { domain: { enabled: false } }, { domain: { enabled: false } });
    await step(`DELETE /v3/domains/${id}`, 204, null);
    await step(`GET /v3/domains/${id}`, 404, { error: { message: `Could not find domain: ${id}.` } });
  });

  it('limits and registered limits', async () => {
    const service_id = await makeService();
    const project_id = await makeProject();
    step = stepsOf(cloud, await cloud.token(passwordAuth(ADMIN, ADMIN_PASSWORD, SYSTEM)));
    const registered = { service_id, resource_name: 'snapshot', default_limit: 5, description: null };
    const made = await step('POST /v3/registered_limits', 201, undefined, { registered_limits: [registered] });
    const { id } = made.body.registered_limits[0];
    await step(`GET /v3/registered_limits/${id}`, 200, { registered_limit: { ...registered, id, region_id: null } });
    await step('GET /v3/registered_limits', 200, { registered_limits: [{ id }] });
    await step('GET /v3/registered_limits?resource_name=other', 200, { registered_limits: [] });
    const change = { registered_limit: { default_limit: 7 } };
    await step(`PATCH /v3/registered_limits/${id}`, 200, change, change);
    const limit = { project_id, service_id, resource_name: 'snapshot', resource_limit: 3 };
    const limits = await step('POST /v3/limits', 201, { limits: [limit] }, { limits: [limit] });
    const limitId = limits.body.limits[0].id;
    await step(`GET /v3/limits/${limitId}`, 200, { limit: { ...limit, id: limitId, domain_id: null } });
    await step(`PATCH /v3/limits/${limitId}`, 200, { limit: { resource_limit: 4 } }, { limit: { resource_limit: 4 } });
    await step(`DELETE /v3/registered_limits/${id}`, 403);
    await step(`DELETE /v3/limits/${limitId}`, 204, null);
    await step(`GET /v3/limits/${limitId}`, 404, { error: { message: `Could not find limit for ${limitId}.` } });
    await step(`DELETE /v3/registered_limits/${id}`, 204, null);
    await step(`GET /v3/registered_limits/${id}`, 404, {
      error: { message: `Could not find registered limit for ${id}.` },
    });
  });

  it('credentials', async () => {
    const user_id = await makeUser();
    await live(step, {
      path: '/v3/credentials',
      one: 'credential',
      many: 'credentials',
      kind: 'credential',
      make: { user_id, type: 'cert', blob: 'PEM' },
      shows: { project_id: null },
      change: { blob: 'PEM 2' },
    });
  });

  it('tags of a project', async () => {
    const tags = `/v3/projects/${await makeProject()}/tags`;
    await step(`PUT ${tags}`, 200, { tags: ['a', 'b'] }, { tags: ['a', 'b'] });
    await step(`GET ${tags}/a`, 204, null);
    await step(`GET ${tags}/c`, 404);
    await step(`DELETE ${tags}/a`, 204, null);
    await step(`GET ${tags}`, 200, { tags: ['b'] });
    await step(`DELETE ${tags}`, 204, null);
    await step(`GET ${tags}`, 200, { tags: [] });
    await step(`PUT ${tags}`, 400, undefined, { tags: ['a/b'] });
  });
});

describe('groups', () => {
  it('have members, who are found from both sides', async () => {
    const [group, user] = [await makeGroup(), await makeUser()];
    const member = `/v3/groups/${group}/users/${user}`;
    await step(`HEAD ${member}`, 404);
    await step(`PUT ${member}`, 204, null);
    await step(`HEAD ${member}`, 204, null);
    await step(`GET /v3/groups/${group}/users`, 200, { users: [{ id: user, name: 'ann', enabled: true }] });
    await step(`GET /v3/users/${user}/groups`, 200, { groups: [{ id: group, name: 'staff' }] });
    await step(`DELETE ${member}`, 204, null);
    await step(`GET /v3/groups/${group}/users`, 200, { users: [] });
    await step(`DELETE ${member}`, 404);
  });
});

describe('a role', () => {
  const targets = async (): Promise<Record<string, string>> => ({
    domains: await makeDomain(),
    projects: await makeProject(),
  });

  it.each([
    ['domains', 'users'],
    ['domains', 'groups'],
    ['projects', 'users'],
    ['projects', 'groups'],
  ])('on %s is given to %s, checked, listed and taken back', async (where, who) => {
    const target = (await targets())[where];
    const actor = who === 'users' ? await makeUser() : await makeGroup();
    const role = await makeRole();
    for (const [roles, one] of [
      [`/v3/${where}/${target}/${who}/${actor}/roles`, (base: string) => `${base}/${role}`],
      [
        `/v3/OS-INHERIT/${where}/${target}/${who}/${actor}/roles`,
        (base: string) => `${base}/${role}/inherited_to_projects`,
      ],
    ] as const) {
      await step(`HEAD ${one(roles)}`, 404);
      await step(`PUT ${one(roles)}`, 204, null);
      await step(`HEAD ${one(roles)}`, 204, null);
      await step(`GET ${one(roles)}`, 204, null);
      if (!roles.includes('INHERIT')) await step(`GET ${roles}`, 200, { roles: [{ id: role, name: 'auditor' }] });
      else if (where === 'domains')
        await step(`GET ${roles}/inherited_to_projects`, 200, { roles: [{ id: role, name: 'auditor' }] });
      const assigned = await step(`GET /v3/role_assignments?role.id=${role}`, 200);
      expect(assigned.body.role_assignments).toMatchObject([
        { [who.slice(0, -1)]: { id: actor }, scope: { [where.slice(0, -1)]: { id: target } } },
      ]);
      expect('OS-INHERIT:inherited_to' in assigned.body.role_assignments[0].scope).toBe(roles.includes('INHERIT'));
      await step(`DELETE ${one(roles)}`, 204, null);
      await step(`HEAD ${one(roles)}`, 404);
      await step(`DELETE ${one(roles)}`, 404);
    }
  });

  it.each(['users', 'groups'])('on the system is given to %s, checked, listed and taken back', async (who) => {
    const actor = who === 'users' ? await makeUser() : await makeGroup();
    const role = await makeRole();
    const one = `/v3/system/${who}/${actor}/roles/${role}`;
    await step(`PUT ${one}`, 204, null);
    await step(`HEAD ${one}`, 204, null);
    await step(`GET ${one}`, 204, null);
    await step(`GET /v3/system/${who}/${actor}/roles`, 200, { roles: [{ id: role, name: 'auditor' }] });
    await step(`GET /v3/role_assignments?role.id=${role}`, 200, {
      role_assignments: [{ scope: { system: { all: true } }, [who.slice(0, -1)]: { id: actor } }],
    });
    await step(`DELETE ${one}`, 204, null);
    await step(`GET ${one}`, 404);
    await step(`GET /v3/system/${who}/${actor}/roles`, 200, { roles: [] });
  });

  it('implies another', async () => {
    const [prior, implied] = [await makeRole('prior'), await makeRole('implied')];
    const one = `/v3/roles/${prior}/implies/${implied}`;
    const inference = { prior_role: { id: prior, name: 'prior' }, implies: { id: implied, name: 'implied' } };
    await step(`PUT ${one}`, 201, { role_inference: inference });
    await step(`GET ${one}`, 200, { role_inference: inference });
    await step(`HEAD ${one}`, 204, null);
    await step(`GET /v3/roles/${prior}/implies`, 200, {
      role_inference: { prior_role: { id: prior }, implies: [{ id: implied, name: 'implied' }] },
    });
    await step(`DELETE ${one}`, 204, null);
    await step(`GET ${one}`, 404);
  });

  it('that belongs to a domain is given there alone', async () => {
    const domain_id = await makeDomain();
    const role = await make('roles', { role: { name: 'local', domain_id } });
    await step(`GET /v3/roles?domain_id=${domain_id}`, 200, { roles: [{ id: role, domain_id }] });
    expect((await step('GET /v3/roles', 200)).body.roles.map((r: { id: string }) => r.id)).not.toContain(role);
    const user = await makeUser();
    const elsewhere = await makeProject();
    const here = await makeProject('in', { domain_id });
    await step(`PUT /v3/projects/${elsewhere}/users/${user}/roles/${role}`, 403);
    await step(`PUT /v3/projects/${here}/users/${user}/roles/${role}`, 204, null);
    // It gives nothing by itself, only what it implies.
    const reader = await idOf(step, 'roles', 'reader');
    await step(`PUT /v3/roles/${role}/implies/${reader}`, 201);
    const token = await cloud.ask('POST', '/v3/auth/tokens', {
      body: { auth: passwordAuth({ id: user }, 'x', { project: { id: here } }) },
    });
    expect(token.body.token.roles.map((r: { name: string }) => r.name)).toEqual(['reader']);
  });
});

describe('a user', () => {
  it('sees the projects it has a role on', async () => {
    const [user, project] = [await makeUser(), await makeProject()];
    await step(`GET /v3/users/${user}/projects`, 200, { projects: [] });
    await step(`PUT /v3/projects/${project}/users/${user}/roles/${await idOf(step, 'roles', 'member')}`, 204);
    await step(`GET /v3/users/${user}/projects`, 200, { projects: [{ id: project, name: 'lab' }] });
    const own = stepsOf(cloud, await cloud.token(passwordAuth({ id: user }, 'x')));
    await own(`GET /v3/users/${user}/projects`, 200, { projects: [{ id: project }] });
    await own('GET /v3/auth/projects', 200, { projects: [{ id: project }] });
    await own('GET /v3/auth/domains', 200, { domains: [] });
    await own('GET /v3/OS-FEDERATION/domains', 200, { domains: [] });
    await own('GET /v3/auth/system', 200, { system: [] });
    await step('GET /v3/auth/system', 200, { system: [{ all: true }] });
  });

  it('lists its application credentials and access rules', async () => {
    const me = (await step(`GET /v3/users?name=admin`, 200)).body.users[0].id;
    const rule = { service: 'compute', method: 'GET', path: '/v2.1/servers' };
    const given = { application_credential: { name: 'ci', access_rules: [rule], description: 'd' } };
    const made = await step(`POST /v3/users/${me}/application_credentials`, 201, given, given);
    const { id, access_rules } = made.body.application_credential;
    const listed = await step(`GET /v3/users/${me}/application_credentials`, 200, {
      application_credentials: [{ id, name: 'ci', unrestricted: false, access_rules: [rule] }],
    });
    expect(JSON.stringify(listed.body)).not.toContain(made.body.application_credential.secret);
    await step(`GET /v3/users/${me}/application_credentials?name=other`, 200, { application_credentials: [] });
    const ruleId = access_rules[0].id;
    await step(`GET /v3/users/${me}/access_rules`, 200, { access_rules: [{ ...rule, id: ruleId }] });
    await step(`GET /v3/users/${me}/access_rules/${ruleId}`, 200, { access_rule: { ...rule, id: ruleId } });
    await step(`DELETE /v3/users/${me}/access_rules/${ruleId}`, 403);
    await step(`DELETE /v3/users/${me}/application_credentials/${id}`, 204, null);
    await step(`DELETE /v3/users/${me}/access_rules/${ruleId}`, 204, null);
    await step(`GET /v3/users/${me}/access_rules/${ruleId}`, 404);
  });

  it('lists its EC2 credentials', async () => {
    const [user, project] = [await makeUser(), await makeProject()];
    const base = `/v3/users/${user}/credentials/OS-EC2`;
    const made = await step(
      `POST ${base}`,
      201,
      { credential: { user_id: user, tenant_id: project, trust_id: null } },
      {
        tenant_id: project,
      },
    );
    const { access, secret } = made.body.credential;
    expect(made.body.credential.links.self).toBe(`${URL}${base}/${access}`);
    await step(`GET ${base}`, 200, { credentials: [{ access, secret }] });
    await step(`GET ${base}/${access}`, 200, { credential: { access, secret } });
    await step(`DELETE ${base}/${access}`, 204, null);
    await step(`GET ${base}/${access}`, 404, { error: { message: `Could not find credential: ${access}.` } });
  });
});

describe('a trust', () => {
  it('is listed, shown with its roles, and ends', async () => {
    const user = await makeUser();
    const me = await idOf(step, 'users', 'admin');
    const [project, reader] = [await idOf(step, 'projects', 'admin'), await idOf(step, 'roles', 'reader')];
    const given = {
      trustor_user_id: me,
      trustee_user_id: user,
      project_id: project,
      impersonation: false,
      roles: [{ name: 'reader' }],
      expires_at: '2099-01-01T00:00:00.000000Z',
      remaining_uses: 3,
    };
    const shows = { ...given, roles: [{ id: reader, name: 'reader' }], redelegation_count: 0, deleted_at: null };
    const made = await step('POST /v3/OS-TRUST/trusts', 201, { trust: shows }, { trust: given });
    const { id } = made.body.trust;
    const { roles, ...rest } = shows;
    const listed = await step(`GET /v3/OS-TRUST/trusts?trustor_user_id=${me}`, 200, { trusts: [{ ...rest, id }] });
    expect(roles).toHaveLength(1);
    expect(listed.body.trusts).toHaveLength(1);
    const own = stepsOf(cloud, await cloud.token(passwordAuth({ id: user }, 'x')));
    await own(`GET /v3/OS-TRUST/trusts?trustee_user_id=${user}`, 200, { trusts: [{ id }] });
    await own('GET /v3/OS-TRUST/trusts', 403);
    await step(`GET /v3/OS-TRUST/trusts/${id}`, 200, { trust: { ...shows, id } });
    await step(`GET /v3/OS-TRUST/trusts/${id}/roles`, 200, { roles: [{ id: reader, name: 'reader' }] });
    await step(`GET /v3/OS-TRUST/trusts/${id}/roles/${reader}`, 200, { role: { id: reader, name: 'reader' } });
    await step(`HEAD /v3/OS-TRUST/trusts/${id}/roles/${reader}`, 200, null);
    await step(`GET /v3/OS-TRUST/trusts/${id}/roles/${await idOf(step, 'roles', 'member')}`, 404);
    await step(`DELETE /v3/OS-TRUST/trusts/${id}`, 204, null);
    await step(`GET /v3/OS-TRUST/trusts/${id}`, 404, { error: { message: `Could not find trust: ${id}.` } });
  });
});

describe('a domain’s configuration', () => {
  it('is kept, changed and taken back whole, by group and by option', async () => {
    const base = `/v3/domains/${await makeDomain()}/config`;
    const config = { identity: { driver: 'ldap' }, ldap: { url: 'ldap://a', user_tree_dn: 'ou=u' } };
    await step(`GET ${base}`, 404);
    await step(`PUT ${base}`, 201, { config }, { config });
    await step(`GET ${base}`, 200, { config });
    await step(`GET ${base}/ldap`, 200, { config: { ldap: config.ldap } });
    await step(`GET ${base}/ldap/url`, 200, { config: { url: 'ldap://a' } });
    const whole = { config: { ldap: { url: 'ldap://b' } } };
    await step(`PATCH ${base}`, 200, { config: { ...config, ldap: { ...config.ldap, url: 'ldap://b' } } }, whole);
    await step(
      `PATCH ${base}/ldap`,
      200,
      { config: { ldap: { url: 'ldap://c' } } },
      { config: { ldap: { url: 'ldap://c' } } },
    );
    await step(`DELETE ${base}/ldap/url`, 204, null);
    await step(`GET ${base}/ldap/url`, 404);
    await step(`DELETE ${base}/ldap`, 204, null);
    await step(`GET ${base}`, 200, { config: { identity: { driver: 'ldap' } } });
    await step(`DELETE ${base}`, 204, null);
    await step(`GET ${base}`, 404);
    await step('GET /v3/domains/config/default', 200, { config: { identity: { driver: 'sql' }, ldap: {} } });
    await step('GET /v3/domains/config/ldap/default', 200, { config: { ldap: { url: 'ldap://localhost' } } });
    await step('GET /v3/domains/config/ldap/url/default', 200, { config: { url: 'ldap://localhost' } });
  });
});

describe('endpoint filters', () => {
  it('tie endpoints and groups of them to projects', async () => {
    const [project, service] = [await makeProject(), await makeService()];
    const endpoint = await makeEndpoint(service);
    const tie = `/v3/OS-EP-FILTER/projects/${project}/endpoints/${endpoint}`;
    await step(`HEAD ${tie}`, 404);
    await step(`PUT ${tie}`, 204, null);
    await step(`HEAD ${tie}`, 204, null);
    await step(`GET ${tie}`, 204, null);
    await step(`GET /v3/OS-EP-FILTER/projects/${project}/endpoints`, 200, { endpoints: [{ id: endpoint }] });
    await step(`GET /v3/OS-EP-FILTER/endpoints/${endpoint}/projects`, 200, { projects: [{ id: project }] });
    await step(`DELETE ${tie}`, 204, null);
    await step(`GET /v3/OS-EP-FILTER/projects/${project}/endpoints`, 200, { endpoints: [] });

    const group = await make('OS-EP-FILTER/endpoint_groups', {
      endpoint_group: { name: 'volumes', filters: { service_id: service } },
    });
    const base = `/v3/OS-EP-FILTER/endpoint_groups/${group}`;
    await step(`HEAD ${base}`, 200, null);
    await step(`GET ${base}/endpoints`, 200, { endpoints: [{ id: endpoint, service_id: service }] });
    await step(`PUT ${base}/projects/${project}`, 204, null);
    await step(`HEAD ${base}/projects/${project}`, 200, null);
    await step(`GET ${base}/projects/${project}`, 200, {
      project_endpoint_group: { endpoint_group_id: group, project_id: project },
    });
    await step(`GET ${base}/projects`, 200, { projects: [{ id: project }] });
    await step(`GET /v3/OS-EP-FILTER/projects/${project}/endpoint_groups`, 200, { endpoint_groups: [{ id: group }] });
    await step(`DELETE ${base}/projects/${project}`, 204, null);
    await step(`GET ${base}/projects/${project}`, 404);
  });
});

describe('policies', () => {
  it('are tied to endpoints, to services, and to services in a region', async () => {
    const service = await makeService();
    const endpoint = await makeEndpoint(service);
    const policy = await make('policies', { policy: { type: 'application/json', blob: '{}' } });
    const base = `/v3/policies/${policy}/OS-ENDPOINT-POLICY`;
    for (const one of [
      `${base}/endpoints/${endpoint}`,
      `${base}/services/${service}`,
      `${base}/services/${service}/regions/RegionOne`,
    ]) {
      await step(`GET ${one}`, 404);
      await step(`PUT ${one}`, 204, null);
      await step(`GET ${one}`, 204, null);
      await step(`HEAD ${one}`, 204, null);
      await step(`GET ${base}/endpoints`, 200, { endpoints: [{ id: endpoint }] });
      await step(`GET /v3/endpoints/${endpoint}/OS-ENDPOINT-POLICY/policy`, 200, { policy: { id: policy } });
      await step(`DELETE ${one}`, 204, null);
      await step(`GET /v3/endpoints/${endpoint}/OS-ENDPOINT-POLICY/policy`, 404);
    }
  });
});

describe('federation keeps', () => {
  const at = '/v3/OS-FEDERATION';
  const rules = [{ local: [{ user: { name: '{0}' } }], remote: [{ type: 'OIDC-sub' }] }];

  it('providers with their protocols and mappings', async () => {
    const provider = { enabled: true, description: 'sso', remote_ids: ['https://sso.example.org'] };
    await step(
      `PUT ${at}/identity_providers/sso`,
      201,
      { identity_provider: { ...provider, id: 'sso' } },
      {
        identity_provider: provider,
      },
    );
    await step(`GET ${at}/identity_providers/sso`, 200, {
      identity_provider: { ...provider, authorization_ttl: null },
    });
    await step(`GET ${at}/identity_providers`, 200, { identity_providers: [{ id: 'sso', enabled: true }] });
    await step(`PUT ${at}/mappings/m`, 201, { mapping: { id: 'm', rules } }, { mapping: { rules } });
    await step(`PUT ${at}/mappings/n`, 201, undefined, { mapping: { rules } });
    await step(`GET ${at}/mappings/m`, 200, { mapping: { id: 'm', rules } });
    await step(`GET ${at}/mappings`, 200, { mappings: [{ id: 'm', rules }, { id: 'n' }] });
    const other = [{ local: [{ user: { name: '{0}' } }], remote: [{ type: 'OIDC-email' }] }];
    await step(`PATCH ${at}/mappings/m`, 200, { mapping: { rules: other } }, { mapping: { rules: other } });
    const protocol = `${at}/identity_providers/sso/protocols/openid`;
    await step(
      `PUT ${protocol}`,
      201,
      { protocol: { id: 'openid', mapping_id: 'm' } },
      { protocol: { mapping_id: 'm' } },
    );
    await step(`GET ${protocol}`, 200, { protocol: { id: 'openid', mapping_id: 'm' } });
    await step(`GET ${at}/identity_providers/sso/protocols`, 200, { protocols: [{ id: 'openid' }] });
    await step(`PATCH ${protocol}`, 200, { protocol: { mapping_id: 'n' } }, { protocol: { mapping_id: 'n' } });
    await step(`DELETE ${protocol}`, 204, null);
    await step(`GET ${protocol}`, 404);
    await step(`DELETE ${at}/mappings/m`, 204, null);
    await step(`GET ${at}/mappings/m`, 404, { error: { message: 'Could not find mapping: m.' } });
    await step(`DELETE ${at}/identity_providers/sso`, 204, null);
    await step(`GET ${at}/identity_providers/sso`, 404);
  });

  it('service providers', async () => {
    const given = { auth_url: 'https://a.example/v3', sp_url: 'https://a.example/sp', enabled: true, description: 'd' };
    const shown = { service_provider: { ...given, id: 'other', relay_state_prefix: 'ss:mem:' } };
    await step(`PUT ${at}/service_providers/other`, 201, shown, { service_provider: given });
    await step(`GET ${at}/service_providers/other`, 200, shown);
  });
});

describe('what PKI tokens needed', () => {
  it('is gone', async () => {
    await step('GET /v3/auth/tokens/OS-PKI/revoked', 403);
    await step('GET /v3/OS-SIMPLE-CERT/ca', 410);
    await step('GET /v3/OS-SIMPLE-CERT/certificates', 410);
  });
});
