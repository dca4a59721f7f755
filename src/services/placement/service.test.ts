import { afterEach, describe, expect, it } from 'vitest';
import { systemContext } from '#kernel/auth/context.ts';
import { ManualClock } from '#kernel/clock.ts';
import type { Db } from '#kernel/db/database.ts';
import { createRevisions, revisionMigrations } from '#kernel/events/revisions.ts';
import { createMetrics } from '#kernel/http/metrics.ts';
import { newUuid } from '#kernel/ids.ts';
import { silentLog } from '#kernel/log.ts';
import { seededRandom } from '#kernel/random.ts';
import { createTaskEngine } from '#kernel/tasks/engine.ts';
import { taskMigrations } from '#kernel/tasks/tables.ts';
import { openTestDatabase } from '#tests/support/database.ts';
import { createPlacementService, type PlacementService, placementMigrations } from './index.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function start(): Promise<{ placement: PlacementService; db: Db; call: Call }> {
  const db = await openTestDatabase({ ...revisionMigrations, ...taskMigrations, ...placementMigrations });
  const clock = new ManualClock();
  const placement = createPlacementService({
    db,
    clock,
    random: seededRandom(1),
    log: silentLog,
    metrics: createMetrics(),
    authenticator: { authenticate: async () => ({ ...systemContext('p'), userId: 'u' }) },
    tasks: createTaskEngine({ db, clock, log: silentLog, owner: { id: 'test', incarnation: 1 } }),
    revisions: createRevisions(db as never, clock),
    settings: { region: 'RegionOne', publicUrls: {}, dataDir: '/nonexistent', configDir: '/nonexistent' },
  });
  closing.push(async () => {
    await placement.app.close();
    await db.destroy();
  });
  const call: Call = async (method, url, body, version = '1.39') => {
    const answer = await placement.app.inject({
      method,
      url,
      headers: {
        'x-auth-token': 't',
        'openstack-api-version': `placement ${version}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
    });
    return {
      status: answer.statusCode,
      body: answer.body === '' ? undefined : JSON.parse(answer.body),
      headers: answer.headers,
    };
  };
  return { placement, db, call };
}

type Call = (
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  url: string,
  body?: unknown,
  version?: string,
) => Promise<{ status: number; body: any; headers: Record<string, unknown> }>;

const HOST = '11111111-1111-4111-8111-111111111111';

async function withHost(vcpus = 4): Promise<Awaited<ReturnType<typeof start>>> {
  const cloud = await start();
  await cloud.placement.ensureProvider(cloud.db, { id: HOST, name: 'h1' });
  await cloud.placement.setInventories(cloud.db, HOST, {
    VCPU: { total: vcpus, allocation_ratio: 1 },
    MEMORY_MB: { total: 4096, reserved: 512 },
  });
  return cloud;
}

const claimOf = (consumerId: string, vcpus: number) => ({
  consumerId,
  projectId: 'p',
  userId: 'u',
  providerId: HOST,
  resources: { VCPU: vcpus, MEMORY_MB: 64 },
});

describe('claims', () => {
  it('never give out more than there is, however many claim at once', async () => {
    const { placement, db } = await withHost(10);
    const won = await Promise.all(Array.from({ length: 40 }, () => placement.claim(db, claimOf(newUuid(), 1))));
    expect(won.filter(Boolean)).toHaveLength(10);
    expect(await placement.usageOf(db, HOST)).toEqual({ VCPU: 10, MEMORY_MB: 640 });
  });

  it('change nothing when refused', async () => {
    const { placement, db } = await withHost(4);
    expect(await placement.claim(db, { ...claimOf('c', 4), resources: { VCPU: 4, MEMORY_MB: 4000 } })).toBe(false);
    expect(await placement.usageOf(db, HOST)).toEqual({ VCPU: 0, MEMORY_MB: 0 });
  });

  it('change nothing when repeated, and give everything back once released twice', async () => {
    const { placement, db } = await withHost(4);
    for (let i = 0; i < 2; i++) expect(await placement.claim(db, claimOf('c', 3))).toBe(true);
    expect(await placement.usageOf(db, HOST)).toEqual({ VCPU: 3, MEMORY_MB: 64 });
    for (let i = 0; i < 2; i++) await placement.release(db, 'c');
    expect(await placement.usageOf(db, HOST)).toEqual({ VCPU: 0, MEMORY_MB: 0 });
  });

  it('keep every inventory equal to the sum of its allocations under random claims and releases', async () => {
    const { placement, db, call } = await withHost(16);
    const random = seededRandom(7);
    const held = new Map<string, number>();
    for (let i = 0; i < 300; i++) {
      const id = `00000000-0000-4000-8000-00000000000${random.below(8)}`;
      const amount = 1 + random.below(6);
      if (random.below(3) === 0) {
        await placement.release(db, id);
        held.delete(id);
      } else if (await placement.claim(db, claimOf(id, amount))) held.set(id, amount);
      const sum = [...held.values()].reduce((a, b) => a + b, 0);
      expect((await placement.usageOf(db, HOST))['VCPU']).toBe(sum);
      expect(sum).toBeLessThanOrEqual(16);
    }
    const { body } = await call('GET', `/resource_providers/${HOST}/allocations`);
    expect(Object.keys(body.allocations)).toHaveLength(held.size);
  });

  it('say what each host lacks', async () => {
    const { placement, db } = await withHost(2);
    const [candidate] = await placement.listCandidates(db, {
      resources: { VCPU: 3, MEMORY_MB: 64 },
      requiredTraits: ['HW_CPU_X86_AVX2'],
    });
    expect(candidate?.lacking).toEqual([
      { kind: 'resource', resourceClass: 'VCPU', asked: 3, free: 2 },
      { kind: 'missing trait', trait: 'HW_CPU_X86_AVX2' },
    ]);
  });
});

describe('the placement API', () => {
  it('refuses inventories written for an older generation', async () => {
    const { call } = await withHost();
    const { body } = await call('GET', `/resource_providers/${HOST}/inventories`);
    const inventories = { VCPU: { total: 8 } };
    const put = { inventories, resource_provider_generation: body.resource_provider_generation };
    expect((await call('PUT', `/resource_providers/${HOST}/inventories`, put)).status).toBe(200);
    const again = await call('PUT', `/resource_providers/${HOST}/inventories`, put);
    expect(again.status).toBe(409);
    expect(again.body.errors[0]).toMatchObject({
      status: 409,
      title: 'Conflict',
      code: 'placement.concurrent_update',
      detail: 'There was a conflict when trying to complete your request.\n\n resource provider generation conflict  ',
    });
  });

  it('has error codes from 1.23 on only', async () => {
    const { call } = await start();
    expect((await call('GET', `/resource_providers/${HOST}`, undefined, '1.22')).body.errors[0].code).toBeUndefined();
    expect((await call('GET', `/resource_providers/${HOST}`, undefined, '1.23')).body.errors[0].code).toBe(
      'placement.undefined_code',
    );
  });

  it('writes and gives back allocations under the consumer generation', async () => {
    const { call } = await withHost();
    const consumer = newUuid();
    const put = (generation: number | null, vcpus: number) =>
      call('PUT', `/allocations/${consumer}`, {
        allocations: { [HOST]: { resources: { VCPU: vcpus } } },
        project_id: 'p',
        user_id: 'u',
        consumer_generation: generation,
        consumer_type: 'INSTANCE',
      });
    expect((await put(null, 2)).status).toBe(204);
    expect((await put(null, 2)).status).toBe(409);
    expect((await put(1, 99)).status).toBe(409);
    const { body } = await call('GET', `/allocations/${consumer}`);
    expect(body).toMatchObject({ consumer_generation: 1, consumer_type: 'INSTANCE', project_id: 'p' });
    expect((await call('GET', '/usages?project_id=p')).body).toEqual({
      usages: { INSTANCE: { VCPU: 2, consumer_count: 1 } },
    });
    expect((await call('DELETE', `/resource_providers/${HOST}`)).status).toBe(409);
    expect((await call('DELETE', `/allocations/${consumer}`)).status).toBe(204);
    expect((await call('DELETE', `/allocations/${consumer}`)).status).toBe(404);
    expect((await call('DELETE', `/resource_providers/${HOST}`)).status).toBe(204);
  });

  it('lists candidates over a tree of providers', async () => {
    const { call } = await withHost();
    const child = newUuid();
    await call('POST', '/resource_providers', { name: 'child', uuid: child, parent_provider_uuid: HOST });
    await call('PUT', `/resource_providers/${child}/inventories`, {
      inventories: { VGPU: { total: 2 } },
      resource_provider_generation: 0,
    });
    const { body } = await call('GET', '/allocation_candidates?resources=VCPU:1&resources_GPU=VGPU:1');
    expect(body.allocation_requests).toEqual([
      {
        allocations: { [HOST]: { resources: { VCPU: 1 } }, [child]: { resources: { VGPU: 1 } } },
        mappings: { '': [HOST], _GPU: [child] },
      },
    ]);
    expect(Object.keys(body.provider_summaries).toSorted()).toEqual([HOST, child].toSorted());
    expect((await call('GET', '/allocation_candidates?resources=VCPU:99')).body.allocation_requests).toEqual([]);
  });

  it('answers bad input with 4xx and changes nothing', async () => {
    const { call, db } = await withHost();
    const before = JSON.stringify(await (db as Db<any>).selectFrom('placement_inventories').selectAll().execute());
    const bad: ['GET' | 'POST' | 'PUT' | 'DELETE', string, unknown?][] = [
      ['POST', '/resource_providers', {}],
      ['POST', '/resource_providers', { name: 5 }],
      ['POST', '/resource_providers', { name: 'h1' }],
      ['POST', '/resource_providers', { name: 'x', parent_provider_uuid: newUuid() }],
      [
        'PUT',
        `/resource_providers/${HOST}/inventories`,
        { inventories: { vcpu: { total: 1 } }, resource_provider_generation: 1 },
      ],
      [
        'PUT',
        `/resource_providers/${HOST}/inventories`,
        { inventories: { CUSTOM_X: { total: 1 } }, resource_provider_generation: 1 },
      ],
      [
        'PUT',
        `/resource_providers/${HOST}/inventories`,
        { inventories: { VCPU: { total: 2 ** 40 } }, resource_provider_generation: 1 },
      ],
      [
        'PUT',
        `/resource_providers/${HOST}/inventories/VCPU`,
        { total: 1, reserved: 2, resource_provider_generation: 1 },
      ],
      ['PUT', `/resource_providers/${HOST}/traits`, { traits: ['NOPE'], resource_provider_generation: 1 }],
      ['PUT', '/traits/nope'],
      ['PUT', '/resource_classes/nope'],
      ['GET', '/allocation_candidates'],
      ['GET', '/allocation_candidates?resources=VCPU'],
      ['GET', '/allocation_candidates?resources=VCPU:x'],
      ['GET', '/allocation_candidates?resources=VCPU:1&resources1=VCPU:1&resources2=VCPU:1'],
      ['GET', '/allocation_candidates?resources=VCPU:1&required=NOPE'],
      ['GET', '/allocation_candidates?resources=VCPU:1&limit=0'],
      ['GET', '/resource_providers?member_of=nope'],
      [
        'PUT',
        '/allocations/nope',
        { allocations: {}, project_id: 'p', user_id: 'u', consumer_generation: null, consumer_type: 'X' },
      ],
    ];
    for (const [method, url, body] of bad) {
      const answer = await call(method, url, body);
      expect([url, answer.status >= 400 && answer.status < 500]).toEqual([url, true]);
      expect(answer.body.errors).toHaveLength(1);
    }
    expect(JSON.stringify(await (db as Db<any>).selectFrom('placement_inventories').selectAll().execute())).toBe(
      before,
    );
  });
});

describe('the reshaper', () => {
  it('moves inventory with what is allocated of it, or nothing', async () => {
    const { call, placement, db } = await withHost(4);
    const consumer = newUuid();
    const child = newUuid();
    await placement.claim(db, claimOf(consumer, 2));
    await call('POST', '/resource_providers', { name: 'child', uuid: child, parent_provider_uuid: HOST });
    const { body } = await call('GET', `/resource_providers/${HOST}/inventories`);
    const shape = (vcpus: number) => ({
      inventories: {
        [HOST]: {
          resource_provider_generation: body.resource_provider_generation,
          inventories: { MEMORY_MB: { total: 4096 } },
        },
        [child]: { resource_provider_generation: 0, inventories: { VCPU: { total: 4 } } },
      },
      allocations: {
        [consumer]: {
          allocations: {
            [HOST]: { resources: { MEMORY_MB: 64 } },
            [child]: { resources: { VCPU: vcpus } },
          },
          project_id: 'p',
          user_id: 'u',
          consumer_generation: 1,
          consumer_type: 'INSTANCE',
        },
      },
    });
    expect((await call('POST', '/reshaper', shape(9))).status).toBe(409);
    expect(await placement.usageOf(db, HOST)).toEqual({ VCPU: 2, MEMORY_MB: 64 });
    expect((await call('POST', '/reshaper', shape(2))).status).toBe(204);
    expect(await placement.usageOf(db, HOST)).toEqual({ MEMORY_MB: 64 });
    expect(await placement.usageOf(db, child)).toEqual({ VCPU: 2 });
  });
});
