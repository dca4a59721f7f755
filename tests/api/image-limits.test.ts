/** Limits that are registered in identity hold in image. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { IdentityConfig } from '#services/identity/index.ts';
import { ADMIN_PASSWORD, type Answer, type CloudUnderTest, startCloud } from '../support/cloud.ts';

const MIB = 1024 * 1024;

let cloud: CloudUnderTest;
let system: string;
let serviceId: string;
let projectId: string;

async function start(identity: Partial<IdentityConfig> = {}): Promise<void> {
  cloud = await startCloud({ hosts: 0, config: { identity: { bcryptRounds: 4, ...identity } } });
  const user = { name: 'admin', domain: { id: 'default' }, password: ADMIN_PASSWORD };
  const auth = { identity: { methods: ['password'], password: { user } }, scope: { system: { all: true } } };
  const given = await cloud.ask('identity', 'POST /v3/auth/tokens', { token: null, body: { auth } });
  system = given.headers.get('x-subject-token') ?? '';
  serviceId = (await cloud.get('identity', 'GET /v3/services?type=image')).body.services[0].id;
  projectId = (await cloud.get('identity', 'GET /v3/projects?name=admin')).body.projects[0].id;
}
afterEach(() => cloud.stop());

async function register(resource_name: string, default_limit: number, region_id?: string): Promise<void> {
  const limit = {
    service_id: serviceId,
    resource_name,
    default_limit,
    ...(region_id === undefined ? {} : { region_id }),
  };
  await cloud.get('identity', 'POST /v3/registered_limits', { token: system, body: { registered_limits: [limit] } });
}
async function limit(resource_name: string, resource_limit: number, owner: object = { project_id: projectId }) {
  const given = { service_id: serviceId, resource_name, resource_limit, ...owner };
  return cloud.ask('identity', 'POST /v3/limits', { token: system, body: { limits: [given] } });
}
const create = (): Promise<Answer> =>
  cloud.ask('image', 'POST /v2/images', { body: { name: 'i', disk_format: 'raw', container_format: 'bare' } });
const upload = (id: string, bytes: number, where = 'file'): Promise<Answer> =>
  cloud.ask('image', `PUT /v2/images/${id}/${where}`, {
    body: Buffer.alloc(bytes, 1),
    headers: { 'content-type': 'application/octet-stream' },
  });
const usage = async (): Promise<object> => (await cloud.get('image', 'GET /v2/info/usage')).body.usage;

describe('a limit of images', () => {
  beforeEach(() => start());

  it('is none until one is registered, then counts for every project, and a project’s own before it', async () => {
    expect([(await create()).status, await usage()]).toEqual([201, {}]);
    await register('image_count_total', 2);
    expect((await create()).status).toBe(201);
    const third = await create();
    expect([third.status, third.text]).toEqual([413, expect.stringContaining('image_count_total is over limit of 2')]);
    expect(await usage()).toEqual({ image_count_total: { usage: 2, limit: 2 } });
    expect((await limit('image_count_total', 3)).status).toBe(201);
    expect([(await create()).status, (await create()).status]).toEqual([201, 413]);
  });

  it('of bytes ends uploads and staging that go over it', async () => {
    await register('image_size_total', 1);
    await register('image_stage_total', 1);
    const ids: string[] = [];
    for (let i = 0; i < 4; i++) ids.push((await create()).body.id);
    expect((await upload(ids[0] ?? '', 2 * MIB)).status).toBe(413);
    expect((await upload(ids[1] ?? '', MIB)).status).toBe(204);
    expect((await upload(ids[2] ?? '', 1)).status).toBe(413);
    expect((await upload(ids[3] ?? '', 2 * MIB, 'stage')).status).toBe(413);
    expect(await usage()).toEqual({
      image_size_total: { usage: 1, limit: 1 },
      image_stage_total: { usage: 0, limit: 1 },
    });
  });

  it('of uploads at once is held', async () => {
    await register('image_count_uploading', 0);
    const { id } = (await create()).body;
    const answer = await upload(id, 10);
    expect([answer.status, answer.text]).toEqual([413, expect.stringContaining('image_count_uploading')]);
  });

  it('of this region counts before that of all, and that of another not at all', async () => {
    await cloud.get('identity', 'POST /v3/regions', { token: system, body: { region: { id: 'elsewhere' } } });
    await register('image_count_total', 0, 'elsewhere');
    expect((await create()).status).toBe(201);
    await register('image_count_total', 1);
    expect((await create()).status).toBe(413);
    const region = (await cloud.get('identity', 'GET /v3/endpoints')).body.endpoints[0].region_id;
    await register('image_count_total', 2, region);
    expect([(await create()).status, (await create()).status]).toEqual([201, 413]);
  });
});

describe('in the two-level model', () => {
  beforeEach(() => start({ limitModel: 'strict_two_level' }));

  it('a project has no more than its domain, whichever was set first', async () => {
    await register('image_count_total', 5);
    expect((await cloud.get('identity', 'GET /v3/limits/model')).body.model.name).toBe('strict_two_level');
    expect((await limit('image_count_total', 6)).status).toBe(403);
    expect((await limit('image_count_total', 1, { domain_id: 'default' })).status).toBe(201);
    expect((await limit('image_count_total', 2)).status).toBe(403);
    expect([(await create()).status, (await create()).status]).toEqual([201, 413]);
    expect(await usage()).toEqual({ image_count_total: { usage: 1, limit: 1 } });
  });
});
