import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ImageUnderTest, PROJECT, startImage } from '#tests/api/image.ts';

let cloud: ImageUnderTest;
beforeEach(async () => {
  cloud = await startImage();
});
afterEach(() => cloud.close());

const NS = '/v2/metadefs/namespaces';
const admin = (line: string, body?: unknown) =>
  cloud.ask(line, { as: 'admin', ...(body === undefined ? {} : { body }) });
const PROPERTY = { name: 'cores', title: 'Cores', type: 'integer', minimum: 1 };

describe('metadata definitions', () => {
  it('begin with those that the cloud itself looks at', async () => {
    const { namespaces } = (await cloud.ask(`GET ${NS}?limit=100`)).body;
    expect(namespaces.map((row: { namespace: string }) => row.namespace)).toContain('OS::Compute::LibvirtImage');
    const shown = (await cloud.ask(`GET ${NS}/OS::Compute::VirtCPUTopology?resource_type=OS::Nova::Flavor`)).body;
    expect(Object.keys(shown.properties)).toContain('hw:cpu_cores');
    expect((await admin(`DELETE ${NS}/OS::Compute::VirtCPUTopology`)).status).toBe(403);
    expect(
      (await cloud.ask('GET /v2/metadefs/resource_types')).body.resource_types.map((row: { name: string }) => row.name),
    ).toContain('OS::Glance::Image');
  });

  it('begin with those that clouds usually have, objects among them, all valid by their own schema documents', async () => {
    const { namespaces } = (await cloud.ask(`GET ${NS}?limit=100`)).body;
    expect(namespaces.length).toBe(33);
    for (const { namespace } of namespaces) {
      const { properties = {}, objects = [], ...shown } = (await cloud.ask(`GET ${NS}/${namespace}`)).body;
      const again = {
        namespace: `Copy::${namespace}`,
        display_name: shown.display_name,
        properties,
        objects: objects.map(({ name, properties: members }: Record<string, unknown>) => ({
          name,
          properties: members,
        })),
      };
      const made = await admin(`POST ${NS}`, again);
      expect([namespace, made.status, made.status === 201 ? '' : made.text]).toEqual([namespace, 201, '']);
    }
    const mysql = (await cloud.ask(`GET ${NS}/OS::Software::DBMS/objects/MySQL`)).body;
    expect(Object.keys(mysql.properties).length).toBeGreaterThan(0);
  });

  it('are made whole, shown, changed and deleted', async () => {
    const body = {
      namespace: 'My::Space',
      display_name: 'Mine',
      description: 'd',
      visibility: 'public',
      resource_type_associations: [{ name: 'OS::Glance::Image', prefix: 'my_' }],
      properties: { cores: { title: 'Cores', type: 'integer' } },
      objects: [
        {
          name: 'box',
          description: 'b',
          required: ['cores'],
          properties: { cores: { title: 'Cores', type: 'integer' } },
        },
      ],
      tags: [{ name: 'one' }],
    };
    const made = await admin(`POST ${NS}`, body);
    expect([made.status, made.headers['location']]).toEqual([201, `${NS}/My::Space`]);
    expect(made.body).toMatchObject({
      ...body,
      protected: false,
      owner: PROJECT,
      self: `${NS}/My::Space`,
      schema: '/v2/schemas/metadefs/namespace',
    });
    expect((await cloud.ask(`GET ${NS}/My::Space`)).body).toEqual(made.body);
    expect((await cloud.ask(`GET ${NS}/My::Space?resource_type=OS::Glance::Image`)).body.objects[0]).toMatchObject({
      required: ['my_cores'],
      properties: { my_cores: {} },
    });
    expect((await admin(`POST ${NS}`, body)).status).toBe(409);
    const renamed = await admin(`PUT ${NS}/My::Space`, { namespace: 'Your::Space', visibility: 'private' });
    expect([renamed.status, renamed.body.namespace, renamed.body.display_name]).toEqual([
      200,
      'Your::Space',
      undefined,
    ]);
    expect((await cloud.ask(`GET ${NS}/Your::Space`, { as: 'stranger' })).status).toBe(404);
    expect((await admin(`DELETE ${NS}/Your::Space`)).status).toBe(204);
    expect((await admin(`GET ${NS}/Your::Space`)).status).toBe(404);
  });

  it('are changed by administrators alone', async () => {
    expect((await cloud.ask(`POST ${NS}`, { body: { namespace: 'x' } })).status).toBe(403);
    expect((await cloud.ask(`POST ${NS}/OS::OperatingSystem/tags/t`)).status).toBe(403);
    expect((await cloud.ask(`DELETE ${NS}/OS::OperatingSystem/properties/os_distro`)).status).toBe(403);
  });

  it.each([
    ['objects', { name: 'a', description: 'x', properties: {} }],
    ['properties', { ...PROPERTY, name: 'a' }],
  ])('%s are made, listed, shown, renamed and deleted', async (folder, body) => {
    await admin(`POST ${NS}`, { namespace: 'n' });
    const made = await admin(`POST ${NS}/n/${folder}`, body);
    expect([made.status, made.body]).toEqual([201, expect.objectContaining(body)]);
    expect((await admin(`POST ${NS}/n/${folder}`, body)).status).toBe(409);
    expect((await admin(`GET ${NS}/n/${folder}/a`)).body).toEqual(made.body);
    expect((await admin(`PUT ${NS}/n/${folder}/a`, { ...body, name: 'b' })).body.name).toBe('b');
    expect((await admin(`GET ${NS}/n/${folder}/a`)).status).toBe(404);
    expect(JSON.stringify((await admin(`GET ${NS}/n/${folder}`)).body)).toContain('"b"');
    expect((await admin(`DELETE ${NS}/n/${folder}/b`)).status).toBe(204);
    expect((await admin(`DELETE ${NS}/n/${folder}/b`)).status).toBe(404);
    await admin(`POST ${NS}/n/${folder}`, body);
    expect((await admin(`DELETE ${NS}/n/${folder}`)).status).toBe(204);
    expect((await admin(`GET ${NS}/n/${folder}/a`)).status).toBe(404);
  });

  it('have tags, one by one, all at once, or more of them', async () => {
    await admin(`POST ${NS}`, { namespace: 'n' });
    const names = async () => (await admin(`GET ${NS}/n/tags`)).body.tags.map((tag: { name: string }) => tag.name);
    expect((await admin(`POST ${NS}/n/tags/a`)).status).toBe(201);
    expect((await admin(`POST ${NS}/n/tags/a`)).status).toBe(409);
    expect((await admin(`PUT ${NS}/n/tags/a`, { name: 'z' })).body.name).toBe('z');
    expect((await admin(`POST ${NS}/n/tags`, { tags: [{ name: 'b' }, { name: 'c' }] })).status).toBe(201);
    expect(await names()).toEqual(['b', 'c']);
    await cloud.ask(`POST ${NS}/n/tags`, {
      as: 'admin',
      body: { tags: [{ name: 'd' }] },
      headers: { 'x-openstack-append': 'True' },
    });
    expect(await names()).toEqual(['b', 'c', 'd']);
    expect((await admin(`DELETE ${NS}/n/tags/b`)).status).toBe(204);
    expect((await admin(`DELETE ${NS}/n/tags`)).status).toBe(204);
    expect(await names()).toEqual([]);
  });

  it('say for which resources they are', async () => {
    await admin(`POST ${NS}`, { namespace: 'n', properties: { cores: { title: 'Cores', type: 'integer' } } });
    expect((await admin(`POST ${NS}/n/resource_types`, { name: 'R', prefix: 'r:' })).status).toBe(201);
    expect((await admin(`POST ${NS}/n/resource_types`, { name: 'R' })).status).toBe(409);
    expect((await admin(`GET ${NS}/n/resource_types`)).body.resource_type_associations).toEqual([
      expect.objectContaining({ name: 'R', prefix: 'r:' }),
    ]);
    expect((await admin(`GET ${NS}/n/properties/r:cores?resource_type=R`)).body.name).toBe('cores');
    expect((await admin(`GET ${NS}/n/properties/cores?resource_type=R`)).status).toBe(404);
    expect((await admin(`GET ${NS}?resource_types=R`)).body.namespaces).toHaveLength(1);
    expect((await admin(`DELETE ${NS}/n/resource_types/R`)).status).toBe(204);
    expect((await admin(`DELETE ${NS}/n/resource_types/R`)).status).toBe(404);
  });

  it('go from page to page', async () => {
    const seen: string[] = [];
    for (let url: string | undefined = `${NS}?limit=2&sort_key=namespace&sort_dir=asc`; url !== undefined; ) {
      const { body } = await cloud.ask(`GET ${url}`);
      seen.push(...body.namespaces.map((row: { namespace: string }) => row.namespace));
      url = body.next;
    }
    expect(seen).toEqual([...new Set(seen)].toSorted());
    expect(seen.length).toBeGreaterThan(4);
  });

  it.each([
    [{}, 400],
    [[], 400],
    [{ namespace: '' }, 400],
    [{ namespace: 'x'.repeat(81) }, 400],
    [{ namespace: 'x', visibility: 'shared' }, 400],
    [{ namespace: 'x', more: 1 }, 400],
    [{ namespace: 'x', properties: { a: { type: 'integer' } } }, 400],
    [{ namespace: 'x', tags: [{}] }, 400],
    [{ namespace: 'x', objects: [{ name: 5 }] }, 400],
    [{ namespace: 'x', self: 'y' }, 403],
    [{ namespace: 'x', objects: [{ name: 'a' }, { name: 'a' }] }, 409],
  ])('%j is refused with %i and leaves nothing', async (body, status) => {
    expect((await admin(`POST ${NS}`, body)).status).toBe(status);
    expect((await admin(`GET ${NS}/x`)).status).toBe(404);
  });

  it.each(['limit=x', 'limit=-1', 'sort_dir=up', 'sort_key=x', 'visibility=shared'])(
    'a list with %s is refused with 400',
    async (query) => {
      expect((await cloud.ask(`GET ${NS}?${query}`)).status).toBe(400);
    },
  );

  it('have schema documents', async () => {
    for (const name of [
      'namespace',
      'resource_type',
      'property',
      'object',
      'tag',
      'namespaces',
      'resource_types',
      'properties',
      'objects',
      'tags',
    ]) {
      expect((await cloud.ask(`GET /v2/schemas/metadefs/${name}`)).body, name).toHaveProperty('properties');
    }
  });
});
