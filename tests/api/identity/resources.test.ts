import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Answer, type Cloud, passwordAuth, startCloud } from './cloud.ts';

let cloud: Cloud;
let admin: string;
beforeEach(async () => {
  cloud = await startCloud();
  admin = await cloud.admin();
});
afterEach(() => cloud.close());

const as = (method: string, path: string, body?: unknown): Promise<Answer> =>
  cloud.ask(method, path, { token: admin, ...(body === undefined ? {} : { body }) });
const make = async (kind: string, body: object, path = `/v3/${kind}s`): Promise<Record<string, string>> => {
  const answer = await as('POST', path, { [kind]: body });
  expect([kind, answer.status, answer.body.error?.message]).toEqual([kind, 201, undefined]);
  return answer.body[kind];
};
const roleId = async (name: string): Promise<string> => (await as('GET', `/v3/roles?name=${name}`)).body.roles[0].id;

describe('users', () => {
  it('are made, found, changed and deleted, without ever showing a password', async () => {
    const user = await make('user', { name: ' ann ', password: 'secret', email: 'ann@example.org' });
    expect(user).toMatchObject({
      name: 'ann',
      domain_id: 'default',
      enabled: true,
      email: 'ann@example.org',
      options: {},
    });
    expect(JSON.stringify(user)).not.toContain('secret');
    const listed = await as('GET', '/v3/users?name=ann');
    expect(listed.body.users).toEqual([user]);
    expect((await as('GET', '/v3/users?name__icontains=AN')).body.users).toHaveLength(1);
    expect((await as('GET', '/v3/users?name__contains=AN')).body.users).toHaveLength(0);
    const changed = await as('PATCH', `/v3/users/${user['id']}`, { user: { description: 'd', email: 'a@b.c' } });
    expect(changed.body.user).toMatchObject({ name: 'ann', description: 'd', email: 'a@b.c' });
    expect((await as('DELETE', `/v3/users/${user['id']}`)).status).toBe(204);
    const gone = await as('GET', `/v3/users/${user['id']}`);
    expect([gone.status, gone.body.error.message]).toEqual([404, `Could not find user: ${user['id']}.`]);
  });

  it.each([
    ['name__startswith=Zo', ['Zo%ë']],
    ['name__startswith=zo', []],
    ['name__istartswith=ZO', ['Zo%ë']],
    ['name__endswith=%C3%AB', ['Zo%ë']],
    ['name__endswith=', ['Zo%ë', 'admin', 'ann']],
    ['name__iendswith=NN', ['ann']],
    ['name__endswith=xxxxxxxxxxann', []],
    ['name__contains=%25', ['Zo%ë']],
    ['name__contains=_', []],
    ['nonsense__contains=x', ['Zo%ë', 'admin', 'ann']],
    ['enabled=false', []],
  ])('are found by %s', async (query, names) => {
    await make('user', { name: 'ann' });
    await make('user', { name: 'Zo%ë' });
    const found = (await as('GET', `/v3/users?${query}`)).body.users.map((user: { name: string }) => user.name);
    expect(found.toSorted()).toEqual(names);
  });

  it('cannot share a name in one domain', async () => {
    await make('user', { name: 'ann' });
    const again = await as('POST', '/v3/users', { user: { name: 'ann' } });
    expect([again.status, again.body.error.message]).toEqual([
      409,
      'Conflict occurred attempting to store user - Duplicate entry found with name ann at domain ID default.',
    ]);
  });

  it.each([
    [{ name: 'b', enabled: 'FALSE' }, 400, "Invalid input for field 'enabled': 'FALSE' is not of type 'boolean'"],
    [{ name: '' }, 400, "Invalid input for field 'name': '' is too short"],
    [{ name: '  ' }, 400, "Invalid input for field 'name': '  ' does not match '\\S'"],
    [{}, 400, "'name' is a required property"],
    [{ name: 'b', domain_id: 'nowhere' }, 404, 'Could not find domain: nowhere.'],
  ])('are refused as %j with %i', async (user, status, message) => {
    const answer = await as('POST', '/v3/users', { user });
    expect([answer.status, answer.body.error.message]).toEqual([status, message]);
  });

  it('lose their tokens with a new password, and get new ones at once', async () => {
    const user = await make('user', { name: 'ann', password: 'one' });
    const auth = (password: string) => passwordAuth({ id: user['id'] }, password);
    const token = await cloud.token(auth('one'));
    await cloud.clock.advance(1);
    const changed = await cloud.ask('POST', `/v3/users/${user['id']}/password`, {
      body: { user: { original_password: 'one', password: 'two' } },
    });
    expect(changed.status).toBe(204);
    expect((await cloud.ask('GET', `/v3/users/${user['id']}`, { token })).status).toBe(401);
    await cloud.clock.advance(1);
    const fresh = await cloud.token(auth('two'));
    expect((await cloud.ask('GET', `/v3/users/${user['id']}`, { token: fresh })).status).toBe(200);
    await expect(cloud.token(auth('one'))).rejects.toThrow('401');
  });

  it('may look at themselves and at nobody else', async () => {
    const user = await make('user', { name: 'ann', password: 'one' });
    const other = await make('user', { name: 'bob' });
    const token = await cloud.token(passwordAuth({ id: user['id'] }, 'one'));
    expect((await cloud.ask('GET', `/v3/users/${user['id']}`, { token })).status).toBe(200);
    const refused = await cloud.ask('GET', `/v3/users/${other['id']}`, { token });
    expect([refused.status, refused.body.error.message]).toEqual([
      403,
      'You are not authorized to perform the requested action: identity:get_user.',
    ]);
    const list = await cloud.ask('GET', '/v3/users', { token });
    expect(list.body.error.message).toBe(
      'You are not authorized to perform the requested action: identity:list_users.',
    );
  });
});

describe('projects', () => {
  it('form trees that show their parents and children', async () => {
    const top = await make('project', { name: 'top' });
    const middle = await make('project', { name: 'middle', parent_id: top['id'] });
    const leaf = await make('project', { name: 'leaf', parent_id: middle['id'] });
    expect(top['parent_id']).toBe('default');
    const parents = await as('GET', `/v3/projects/${leaf['id']}?parents_as_ids`);
    expect(parents.body.project.parents).toEqual({ [middle['id'] ?? '']: { [top['id'] ?? '']: { default: null } } });
    const subtree = await as('GET', `/v3/projects/${top['id']}?subtree_as_ids`);
    expect(subtree.body.project.subtree).toEqual({ [middle['id'] ?? '']: { [leaf['id'] ?? '']: null } });
    const both = await as('GET', `/v3/projects/${top['id']}?subtree_as_ids&subtree_as_list`);
    expect(both.status).toBe(400);
    expect((await as('DELETE', `/v3/projects/${top['id']}`)).status).toBe(403);
    expect((await as('PATCH', `/v3/projects/${top['id']}`, { project: { enabled: false } })).status).toBe(403);
  });

  it('cannot nest deeper than the limit', async () => {
    let parent = 'default';
    for (let depth = 0; depth < 5; depth++)
      parent = (await make('project', { name: `p${depth}`, parent_id: parent }))['id'] ?? '';
    const answer = await as('POST', '/v3/projects', { project: { name: 'p5', parent_id: parent } });
    expect([answer.status, answer.body.error.message]).toEqual([
      403,
      `Max hierarchy depth reached for ${parent} branch.`,
    ]);
  });

  it('are found by their tags', async () => {
    const a = await make('project', { name: 'a', tags: ['red', 'blue'] });
    await make('project', { name: 'b', tags: ['red'] });
    const names = async (query: string) =>
      (await as('GET', `/v3/projects?${query}`)).body.projects.map((p: { name: string }) => p.name).toSorted();
    expect(await names('tags=red,blue')).toEqual(['a']);
    expect(await names('tags-any=red,blue')).toEqual(['a', 'b']);
    expect(await names('not-tags=red,blue')).toEqual(['admin', 'b']);
    expect(await names('not-tags-any=blue')).toEqual(['admin', 'b']);
    expect((await as('PUT', `/v3/projects/${a['id']}/tags/green`)).status).toBe(201);
    expect((await as('GET', `/v3/projects/${a['id']}/tags`)).body.tags).toEqual(['blue', 'green', 'red']);
    expect((await as('GET', `/v3/projects/${a['id']}/tags/none`)).status).toBe(404);
  });

  it('stand still once they are immutable', async () => {
    const project = await make('project', { name: 'a', options: { immutable: true } } as object);
    const renamed = await as('PATCH', `/v3/projects/${project['id']}`, { project: { name: 'b' } });
    expect([renamed.status, renamed.body.error.message]).toEqual([
      403,
      `Unable to update immutable project resource: \`${project['id']}. Set resource option "immutable" to false first.`,
    ]);
    expect((await as('DELETE', `/v3/projects/${project['id']}`)).status).toBe(403);
    const freed = await as('PATCH', `/v3/projects/${project['id']}`, { project: { options: { immutable: false } } });
    expect(freed.status).toBe(200);
    expect((await as('DELETE', `/v3/projects/${project['id']}`)).status).toBe(204);
  });
});

describe('domains', () => {
  it('are deleted with everything in them, once they are disabled', async () => {
    const domain = await make('domain', { name: 'd' });
    const id = domain['id'] ?? '';
    const user = await make('user', { name: 'u', domain_id: id });
    await make('project', { name: 'p', domain_id: id });
    await make('group', { name: 'g', domain_id: id });
    expect((await as('DELETE', `/v3/domains/${id}`)).body.error.message).toBe(
      'Cannot delete a domain that is enabled, please disable it first.',
    );
    await as('PATCH', `/v3/domains/${id}`, { domain: { enabled: false } });
    expect((await as('DELETE', `/v3/domains/${id}`)).status).toBe(204);
    expect((await as('GET', `/v3/users/${user['id']}`)).status).toBe(404);
    expect((await as('GET', `/v3/projects?domain_id=${id}`)).body.projects).toEqual([]);
  });
});

describe('roles', () => {
  it('reach a user directly, through groups, from above, and by implication', async () => {
    const user = await make('user', { name: 'ann', password: 'x' });
    const group = await make('group', { name: 'g' });
    const top = await make('project', { name: 'top' });
    const leaf = await make('project', { name: 'leaf', parent_id: top['id'] });
    await as('PUT', `/v3/groups/${group['id']}/users/${user['id']}`);
    const member = await roleId('member');
    const grant = `/v3/OS-INHERIT/projects/${top['id']}/groups/${group['id']}/roles/${member}/inherited_to_projects`;
    expect((await as('PUT', grant)).status).toBe(204);
    expect((await as('HEAD', grant)).status).toBe(204);
    const scope = { project: { id: leaf['id'] } };
    const token = await cloud.ask('POST', '/v3/auth/tokens', {
      body: { auth: passwordAuth({ id: user['id'] }, 'x', scope) },
    });
    expect(token.body.token.roles.map((r: { name: string }) => r.name).toSorted()).toEqual(['member', 'reader']);
    const onTop = passwordAuth({ id: user['id'] }, 'x', { project: { id: top['id'] } });
    await expect(cloud.token(onTop)).rejects.toThrow('401');
    const effective = await as('GET', `/v3/role_assignments?effective&user.id=${user['id']}&include_names`);
    expect(effective.body.role_assignments.map((a: { role: { name: string } }) => a.role.name).toSorted()).toEqual([
      'member',
      'reader',
    ]);
    expect(effective.body.role_assignments[0]).toMatchObject({
      scope: { project: { id: leaf['id'], name: 'leaf' }, 'OS-INHERIT:inherited_to': 'projects' },
      user: { name: 'ann', domain: { name: 'Default' } },
    });
    expect((await as('DELETE', grant)).status).toBe(204);
    expect((await as('DELETE', grant)).status).toBe(404);
    expect(
      (await cloud.ask('GET', '/v3/auth/projects', { token: token.headers['x-subject-token'] ?? '' })).status,
    ).toBe(401);
  });

  it('imply others by rules, but never admin', async () => {
    const prior = await make('role', { name: 'boss' });
    const reader = await roleId('reader');
    const rule = await as('PUT', `/v3/roles/${prior['id']}/implies/${reader}`);
    expect([rule.status, rule.body.role_inference.implies.name]).toEqual([201, 'reader']);
    expect((await as('HEAD', `/v3/roles/${prior['id']}/implies/${reader}`)).status).toBe(204);
    expect((await as('PUT', `/v3/roles/${prior['id']}/implies/${await roleId('admin')}`)).status).toBe(403);
    const all = await as('GET', '/v3/role_inferences');
    expect(all.body.role_inferences).toHaveLength(4);
    expect((await as('DELETE', `/v3/roles/${prior['id']}/implies/${reader}`)).status).toBe(204);
    expect((await as('GET', `/v3/roles/${prior['id']}/implies/${reader}`)).status).toBe(404);
  });

  it('on the system are listed and taken back', async () => {
    const user = await make('user', { name: 'ann' });
    const path = `/v3/system/users/${user['id']}/roles`;
    const reader = await roleId('reader');
    expect((await as('PUT', `${path}/${reader}`)).status).toBe(204);
    expect((await as('GET', path)).body.roles.map((r: { name: string }) => r.name)).toEqual(['reader']);
    const listed = await as('GET', '/v3/role_assignments?scope.system=all');
    expect(listed.body.role_assignments).toHaveLength(2);
    expect((await as('DELETE', `${path}/${reader}`)).status).toBe(204);
    expect((await as('GET', `${path}/${reader}`)).status).toBe(404);
  });
});

describe('the catalog', () => {
  it('takes services and endpoints, and none whose URL asks for a secret', async () => {
    const service = await make('service', { name: 'x', type: 'compute' });
    const body = { interface: 'public', service_id: service['id'], region: 'Elsewhere' };
    const endpoint = await make('endpoint', { ...body, url: 'http://c/v2.1/$(project_id)s' });
    expect(endpoint).toMatchObject({ region: 'Elsewhere', region_id: 'Elsewhere', enabled: true });
    const leak = await as('POST', '/v3/endpoints', { endpoint: { ...body, url: 'http://c/$(admin_token)s' } });
    expect([leak.status, leak.body.error.message]).toEqual([
      400,
      'Cannot create an endpoint with an invalid URL: http://c/$(admin_token)s.',
    ]);
    expect((await as('DELETE', '/v3/regions/Elsewhere')).status).toBe(403);
    expect((await as('DELETE', `/v3/services/${service['id']}`)).status).toBe(204);
    expect((await as('GET', `/v3/endpoints/${endpoint['id']}`)).status).toBe(404);
    expect((await as('DELETE', '/v3/regions/Elsewhere')).status).toBe(204);
  });

  it('keeps regions in a tree without circles', async () => {
    await make('region', { id: 'a' });
    await make('region', { id: 'b', parent_region_id: 'a' });
    const circle = await as('PATCH', '/v3/regions/a', { region: { parent_region_id: 'b' } });
    expect(circle.status).toBe(400);
    expect((await as('POST', '/v3/regions', { region: { id: 'a' } })).status).toBe(409);
  });
});
