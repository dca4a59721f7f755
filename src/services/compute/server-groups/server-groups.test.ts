import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ComputeUnderTest, PROJECT, startCompute } from '#tests/api/compute.ts';
import { insertServers } from '#tests/api/compute-rows.ts';
import { findGroupOfServer, insertGroupMembers } from './store.ts';

let compute: ComputeUnderTest;
beforeEach(async () => {
  compute = await startCompute();
});
afterEach(() => compute.close());

const create = (group: object, version = 'latest') =>
  compute.ask('POST /v2.1/os-server-groups', { as: 'member', version, body: { server_group: group } });

describe('server groups', () => {
  it('have one policy by name from 2.64 on, and a list of one before', async () => {
    const fresh = await create({ name: 'g', policy: 'anti-affinity', rules: { max_server_per_host: '3' } });
    expect([fresh.status, fresh.body.server_group]).toMatchObject([
      200,
      { name: 'g', policy: 'anti-affinity', rules: { max_server_per_host: 3 }, members: [], project_id: PROJECT },
    ]);
    const old = await create({ name: 'g', policies: ['affinity'] }, '2.1');
    expect(old.body.server_group).toEqual({
      id: old.body.server_group.id,
      name: 'g',
      policies: ['affinity'],
      metadata: {},
      members: [],
    });
    expect((await create({ name: 'g', policies: ['soft-affinity'] }, '2.14')).status).toBe(400);
    expect((await create({ name: 'g', policies: ['soft-affinity'] }, '2.15')).status).toBe(200);
  });

  it.each([
    [{ name: 'g', policy: 'nearby' }],
    [{ name: 'g', policy: 'affinity', rules: { max_server_per_host: 2 } }],
    [{ name: 'g', policy: 'anti-affinity', rules: { max_server_per_host: 0 } }],
    [{ name: '', policy: 'affinity' }],
    [{ name: 'g' }],
    [{ name: 'g', policies: ['affinity'] }],
  ])('with bad data are refused: %j', async (group) => {
    expect((await create(group)).status).toBe(400);
    expect((await compute.ask('GET /v2.1/os-server-groups', { as: 'member' })).body.server_groups).toEqual([]);
  });

  it('show those members that are not deleted', async () => {
    const { id } = (await create({ name: 'g', policy: 'affinity' })).body.server_group;
    const there = await insertServers(compute.db, 2, { project_id: PROJECT });
    const gone = await insertServers(compute.db, 1, { project_id: PROJECT, deleted_at: 1 });
    await insertGroupMembers(compute.db, id, [...there, ...gone]);
    const shown = await compute.ask(`GET /v2.1/os-server-groups/${id}`, { as: 'reader' });
    expect(shown.body.server_group.members.toSorted()).toEqual(there.toSorted());
    expect((await findGroupOfServer(compute.db, there[0] ?? ''))?.id).toBe(id);
  });

  it('are there for their project and for administrators', async () => {
    const { id } = (await create({ name: 'g', policy: 'affinity' })).body.server_group;
    expect((await compute.ask(`GET /v2.1/os-server-groups/${id}`, { as: 'stranger' })).status).toBe(403);
    expect((await compute.ask(`DELETE /v2.1/os-server-groups/${id}`, { as: 'stranger' })).status).toBe(403);
    const count = async (as: 'stranger' | 'admin', query = '') =>
      (await compute.ask(`GET /v2.1/os-server-groups${query}`, { as })).body.server_groups.length;
    expect([await count('stranger', '?all_projects'), await count('admin', '?all_projects')]).toEqual([0, 1]);
    expect((await compute.ask(`DELETE /v2.1/os-server-groups/${id}`, { as: 'reader' })).status).toBe(403);
    expect((await compute.ask(`DELETE /v2.1/os-server-groups/${id}`, { as: 'member' })).status).toBe(204);
    expect((await compute.ask(`GET /v2.1/os-server-groups/${id}`, { as: 'member' })).status).toBe(404);
  });

  it('are refused beyond the quota', async () => {
    for (let i = 0; i < 10; i++) expect((await create({ name: `g${i}`, policy: 'affinity' })).status).toBe(200);
    const { status, body } = await create({ name: 'one more', policy: 'affinity' });
    expect([status, body.forbidden.message]).toEqual([403, 'Quota exceeded, too many server groups.']);
  });
});
