import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inTransaction } from '#kernel/db/transaction.ts';
import { type ComputeUnderTest, OTHER_PROJECT, PROJECT, startCompute } from '#tests/api/compute.ts';
import { insertServers } from '#tests/api/compute-rows.ts';
import { checkServerQuota } from './check.ts';

let compute: ComputeUnderTest;
beforeEach(async () => {
  compute = await startCompute();
});
afterEach(() => compute.close());

const MEMBER = 'b'.repeat(32);
const put = (set: object, query = '') =>
  compute.ask(`PUT /v2.1/os-quota-sets/${PROJECT}${query}`, { as: 'admin', body: { quota_set: set } });
const show = async (path = '', as: 'admin' | 'member' | 'reader' = 'member') =>
  (await compute.ask(`GET /v2.1/os-quota-sets/${PROJECT}${path}`, { as })).body.quota_set;

describe('quota sets', () => {
  it('have the defaults where nothing is set', async () => {
    expect(await show()).toEqual({
      id: PROJECT,
      instances: 10,
      cores: 20,
      ram: 51_200,
      metadata_items: 128,
      key_pairs: 100,
      server_groups: 10,
      server_group_members: 10,
    });
    const old = await compute.ask(`GET /v2.1/os-quota-sets/${PROJECT}`, { as: 'member', version: '2.1' });
    expect(old.body.quota_set).toMatchObject({ fixed_ips: -1, security_groups: -1, injected_files: 5 });
  });

  it('are shown to their project and changed by administrators', async () => {
    const asStranger = await compute.ask(`GET /v2.1/os-quota-sets/${PROJECT}`, { as: 'stranger' });
    expect(asStranger.status).toBe(403);
    const asMember = await compute.ask(`PUT /v2.1/os-quota-sets/${PROJECT}`, {
      as: 'member',
      body: { quota_set: { cores: 1 } },
    });
    expect(asMember.status).toBe(403);
    const changed = await put({ cores: '30', instances: -1 });
    expect([changed.status, changed.body.quota_set.cores, changed.body.quota_set.id]).toEqual([200, 30, undefined]);
    expect(await show()).toMatchObject({ cores: 30, instances: -1, ram: 51_200 });
    expect((await compute.ask(`DELETE /v2.1/os-quota-sets/${PROJECT}`, { as: 'admin' })).status).toBe(202);
    expect(await show()).toMatchObject({ cores: 20, instances: 10 });
  });

  it('count what is in use whenever they are asked', async () => {
    await insertServers(compute.db, 2, { project_id: PROJECT, vcpus: 2, memory_mib: 512 });
    await insertServers(compute.db, 1, { project_id: PROJECT, vcpus: 2, memory_mib: 512, deleted_at: 1 });
    await insertServers(compute.db, 1, { project_id: OTHER_PROJECT, vcpus: 2, memory_mib: 512 });
    expect(await show('/detail')).toMatchObject({
      instances: { limit: 10, in_use: 2, reserved: 0 },
      cores: { limit: 20, in_use: 4, reserved: 0 },
      ram: { limit: 51_200, in_use: 1024, reserved: 0 },
    });
    const limits = await compute.ask('GET /v2.1/limits', { as: 'member' });
    expect(limits.body.limits).toMatchObject({
      rate: [],
      absolute: { maxTotalCores: 20, totalCoresUsed: 4, totalInstancesUsed: 2, totalRAMUsed: 1024 },
    });
  });

  it('are not set below what is in use, unless forced', async () => {
    await insertServers(compute.db, 2, { project_id: PROJECT, vcpus: 2, memory_mib: 512 });
    const { status, body } = await put({ cores: 3 });
    expect([status, body.badRequest.message]).toEqual([
      400,
      'Quota limit 3 for cores must be greater than or equal to already used and reserved 4.',
    ]);
    expect((await put({ cores: 3, force: true })).status).toBe(200);
  });

  it('of users are within those of the project', async () => {
    const tooMuch = await put({ cores: 21 }, `?user_id=${MEMBER}`);
    expect([tooMuch.status, tooMuch.body.badRequest.message]).toEqual([
      400,
      'Quota limit 21 for cores must be less than or equal to 20.',
    ]);
    expect((await put({ cores: 15 }, `?user_id=${MEMBER}`)).status).toBe(200);
    expect((await put({ cores: 6 }, '?user_id=another')).status).toBe(400);
    expect((await put({ cores: 5 }, '?user_id=another')).status).toBe(200);
    expect(await show(`?user_id=${MEMBER}`)).toMatchObject({ cores: 15 });
    expect(await show()).toMatchObject({ cores: 20 });
    expect((await put({ cores: 19 })).status).toBe(400);
  });

  it('of classes stand in for the defaults', async () => {
    const changed = await compute.ask('PUT /v2.1/os-quota-class-sets/default', {
      as: 'admin',
      body: { quota_class_set: { instances: 3 } },
    });
    expect([changed.status, changed.body.quota_class_set.instances]).toEqual([200, 3]);
    expect(await show()).toMatchObject({ instances: 3 });
    expect((await show('/defaults')).instances).toBe(3);
    const old = await compute.ask('GET /v2.1/os-quota-class-sets/default', { as: 'admin', version: '2.49' });
    expect(old.body.quota_class_set).toMatchObject({ id: 'default', fixed_ips: -1 });
    expect(old.body.quota_class_set.server_groups).toBeUndefined();
  });

  it('of projects that are not there are refused', async () => {
    const { status, body } = await compute.ask('GET /v2.1/os-quota-sets/nothere', { as: 'admin' });
    expect([status, body.badRequest.message]).toEqual([400, 'Project ID nothere is not a valid project.']);
  });

  it.each([
    [{ cores: -2 }],
    [{ cores: 'many' }],
    [{ cores: 2_147_483_648 }],
    [{ cores: '2147483648' }],
    [{ cores: 1.5 }],
    [{ fixed_ips: 1 }],
    [{ injected_files: 1 }],
    [{ pencils: 1 }],
    [{ force: 'perhaps' }],
  ])('with a bad limit change nothing: %j', async (set) => {
    expect((await put(set)).status).toBe(400);
    expect(await compute.db.selectFrom('quota_limits').selectAll().execute()).toEqual([]);
  });
});

describe('the check of servers', () => {
  const check = (wanted: { min: number; max: number; vcpus?: number; memoryMib?: number }) =>
    inTransaction(compute.db, (tx) =>
      checkServerQuota(tx, { projectId: PROJECT, userId: MEMBER }, { vcpus: 1, memoryMib: 512, ...wanted }),
    );

  it('says in nova’s words what is exceeded', async () => {
    await insertServers(compute.db, 10, { project_id: PROJECT, vcpus: 2, memory_mib: 512 });
    await expect(check({ min: 1, max: 1 })).rejects.toThrow(
      'Quota exceeded for cores, instances: Requested 1, 1, but already used 20, 10 of 20, 10 cores, instances',
    );
    await expect(check({ min: 1, max: 3 })).rejects.toThrow('Requested 3, 1-3, but already used');
  });

  it('gives as many as there is room for', async () => {
    await insertServers(compute.db, 8, { project_id: PROJECT, vcpus: 1, memory_mib: 512 });
    expect(await check({ min: 1, max: 5 })).toBe(2);
    await expect(check({ min: 3, max: 5 })).rejects.toThrow('Quota exceeded for instances');
    expect(await check({ min: 2, max: 2 })).toBe(2);
  });

  it('counts processors and memory alone for a resize', async () => {
    await insertServers(compute.db, 10, { project_id: PROJECT, vcpus: 1, memory_mib: 512 });
    expect(await check({ min: 0, max: 0, vcpus: 10 })).toBe(0);
    await expect(check({ min: 0, max: 0, vcpus: 11 })).rejects.toThrow(
      'Quota exceeded for cores: Requested 11, but already used 10 of 20 cores',
    );
    expect(await check({ min: 0, max: 0, vcpus: -1, memoryMib: -1 })).toBe(0);
  });

  it('holds a user to limits of their own', async () => {
    await put({ instances: 1 }, `?user_id=${MEMBER}`);
    await insertServers(compute.db, 1, { project_id: PROJECT, user_id: MEMBER, vcpus: 1, memory_mib: 512 });
    await expect(check({ min: 1, max: 1 })).rejects.toThrow('but already used 1 of 1 instances');
  });

  it('lets exactly as many through as fit when many ask at once', async () => {
    const take = async () =>
      inTransaction(compute.db, async (tx) => {
        const owner = { projectId: PROJECT, userId: MEMBER };
        await checkServerQuota(tx, owner, { min: 1, max: 1, vcpus: 1, memoryMib: 512 });
        await insertServers(tx, 1, { project_id: PROJECT, user_id: MEMBER, vcpus: 1, memory_mib: 512 });
      });
    const results = await Promise.allSettled(Array.from({ length: 30 }, take));
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(10);
  });
});
