/** Who may do what by default: keystone's own rules, by the scope of the token and the role in it. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ADMIN, ADMIN_PASSWORD, type Cloud, passwordAuth, SYSTEM, startCloud } from './cloud.ts';
import { idOf, type Step, stepsOf } from './steps.ts';

const PERSONAS = [
  'system admin',
  'system reader',
  'domain admin',
  'domain reader',
  'project admin',
  'project member',
] as const;
type Persona = (typeof PERSONAS)[number];

let cloud: Cloud;
let tokens: Record<Persona, string>;
/** The ids that the operations speak of: all below the domain `acme` but for `other`. */
let ids: Record<'domain' | 'project' | 'user' | 'group' | 'role' | 'other' | 'service', string>;

beforeEach(async () => {
  cloud = await startCloud();
  const step = stepsOf(cloud, await cloud.admin());
  const make = async (many: string, one: string, body: object): Promise<string> =>
    (await step(`POST /v3/${many}`, 201, undefined, { [one]: body })).body[one].id;
  const domain = await make('domains', 'domain', { name: 'acme' });
  const project = await make('projects', 'project', { name: 'lab', domain_id: domain });
  const role = (name: string) => idOf(step, 'roles', name);
  const person = async (name: string, where: string, roleName: string, scope: object): Promise<string> => {
    const user = await make('users', 'user', { name, password: 'x', domain_id: domain });
    const on = where === 'system' ? `system/users/${user}` : `${where}/users/${user}`;
    await step(`PUT /v3/${on}/roles/${await role(roleName)}`, 204);
    return cloud.token(passwordAuth({ id: user }, 'x', scope));
  };
  tokens = {
    'system admin': await cloud.token(passwordAuth(ADMIN, ADMIN_PASSWORD, SYSTEM)),
    'system reader': await person('sr', 'system', 'reader', SYSTEM),
    'domain admin': await person('da', `domains/${domain}`, 'admin', { domain: { id: domain } }),
    'domain reader': await person('dr', `domains/${domain}`, 'reader', { domain: { id: domain } }),
    'project admin': await person('pa', `projects/${project}`, 'admin', { project: { id: project } }),
    'project member': await person('pm', `projects/${project}`, 'member', { project: { id: project } }),
  };
  ids = {
    domain,
    project,
    user: await make('users', 'user', { name: 'ann', domain_id: domain }),
    group: await make('groups', 'group', { name: 'staff', domain_id: domain }),
    role: await make('roles', 'role', { name: 'auditor' }),
    other: await make('users', 'user', { name: 'elsewhere' }),
    service: (await step('GET /v3/services?type=identity', 200)).body.services[0].id,
  };
});
afterEach(() => cloud.close());

const ALL = PERSONAS;
const READERS: readonly Persona[] = ['system admin', 'system reader', 'domain admin', 'domain reader', 'project admin'];
/** Who has the role admin anywhere: the rules of before, which still hold beside the new ones. */
const ADMINS: readonly Persona[] = ['system admin', 'domain admin', 'project admin'];
const SYSTEM_READERS: readonly Persona[] = ['system admin', 'system reader', 'domain admin', 'project admin'];
const SYSTEM_ADMIN: readonly Persona[] = ['system admin'];

type Case = [line: string, who: readonly Persona[], body?: (name: string) => object];

const CASES: Case[] = [
  ['GET /v3/users', READERS],
  ['GET /v3/users/{user}', READERS],
  ['GET /v3/users/{other}', SYSTEM_READERS],
  ['POST /v3/users', ADMINS, (name) => ({ user: { name, domain_id: '{domain}' } })],
  ['PATCH /v3/users/{user}', ADMINS, (name) => ({ user: { description: name } })],
  ['GET /v3/projects', READERS],
  ['GET /v3/projects/{project}', ALL],
  ['POST /v3/projects', ADMINS, (name) => ({ project: { name, domain_id: '{domain}' } })],
  ['GET /v3/groups', READERS],
  ['POST /v3/groups', ADMINS, (name) => ({ group: { name, domain_id: '{domain}' } })],
  ['GET /v3/roles', SYSTEM_READERS],
  ['POST /v3/roles', ADMINS, (name) => ({ role: { name } })],
  ['GET /v3/role_assignments', READERS],
  ['GET /v3/services', SYSTEM_READERS],
  ['POST /v3/services', ADMINS, (name) => ({ service: { type: name } })],
  ['GET /v3/regions', ALL],
  ['POST /v3/domains', ADMINS, (name) => ({ domain: { name } })],
  ['GET /v3/credentials', ALL],
  ['GET /v3/limits', ALL],
  ['GET /v3/registered_limits', ALL],
  [
    'POST /v3/registered_limits',
    SYSTEM_ADMIN,
    (name) => ({ registered_limits: [{ service_id: '{service}', resource_name: name, default_limit: 1 }] }),
  ],
  ['GET /v3/OS-FEDERATION/identity_providers', SYSTEM_READERS],
  ['GET /v3/policies', SYSTEM_READERS],
  ['GET /v3/auth/projects', ALL],
];

function fill(text: string): string {
  return text.replace(/\{(\w+)\}/g, (_, name: keyof typeof ids) => ids[name] ?? '');
}

describe('by default', () => {
  it.each(CASES)('%s is for %j', async (line, who, body) => {
    const [method = '', path = ''] = fill(line).split(' ');
    const admitted: Persona[] = [];
    for (const persona of PERSONAS) {
      const given = body === undefined ? {} : { body: fill(JSON.stringify(body(`by ${persona}`))) };
      const answer = await cloud.ask(method, path, { token: tokens[persona], ...given });
      expect([persona, [200, 201, 403]]).toEqual([persona, expect.arrayContaining([answer.status])]);
      if (answer.status < 400) admitted.push(persona);
    }
    expect(admitted).toEqual(who);
  });
});

describe('policy.yaml', () => {
  it('changes who may do what while the cloud runs', async () => {
    const member: Step = stepsOf(cloud, tokens['project member']);
    await member('GET /v3/users', 403, {
      error: { message: 'You are not authorized to perform the requested action: identity:list_users.' },
    });
    await mkdir(join(cloud.configDir, 'identity'), { recursive: true });
    await writeFile(join(cloud.configDir, 'identity', 'policy.yaml'), '"identity:list_users": "role:member"\n');
    await cloud.clock.advance(10_000);
    await member('GET /v3/users', 200);
    await stepsOf(cloud, tokens['domain reader'])('GET /v3/users', 403);
  });
});
