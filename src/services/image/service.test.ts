import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  contextOf,
  type ImageUnderTest,
  JSON_PATCH,
  OTHER_PROJECT,
  PROJECT,
  RAW,
  startImage,
} from '#tests/api/image.ts';

let cloud: ImageUnderTest;
beforeEach(async () => {
  cloud = await startImage();
});
afterEach(() => cloud.close());

const patch = (id: string, changes: unknown, as: 'member' | 'admin' | 'stranger' | 'reader' = 'member') =>
  cloud.ask(`PATCH /v2/images/${id}`, { as, body: changes, headers: { 'content-type': JSON_PATCH } });

const namesOf = async (query: string, as: 'member' | 'admin' | 'stranger' = 'member'): Promise<string[]> => {
  const answer = await cloud.ask(`GET /v2/images${query}`, { as });
  expect(answer.status, answer.text).toBe(200);
  return answer.body.images.map((image: { name: string }) => image.name);
};

describe('an image', () => {
  it('is created queued, shared and owned by the caller, and shown the same', async () => {
    const made = await cloud.ask('POST /v2/images', {
      body: { name: 'cirros', ...RAW, os_distro: 'debian', tags: ['b', 'a', 'b'] },
    });
    expect(made.status).toBe(201);
    expect(made.headers).toMatchObject({
      location: `/v2/images/${made.body.id}`,
      'openstack-image-store-ids': 'local',
    });
    expect(made.body).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      name: 'cirros',
      status: 'queued',
      visibility: 'shared',
      owner: PROJECT,
      size: null,
      virtual_size: null,
      disk_format: 'raw',
      container_format: 'bare',
      checksum: null,
      os_hash_algo: null,
      os_hash_value: null,
      min_disk: 0,
      min_ram: 0,
      protected: false,
      os_hidden: false,
      os_distro: 'debian',
      tags: ['a', 'b'],
      created_at: '2026-01-01T00:00:00Z',
      updated_at: '2026-01-01T00:00:00Z',
      self: `/v2/images/${made.body.id}`,
      file: `/v2/images/${made.body.id}/file`,
      schema: '/v2/schemas/image',
    });
    expect((await cloud.ask(`GET /v2/images/${made.body.id}`)).body).toEqual(made.body);
  });

  it.each([
    [{ disk_format: 'wrong' }, 400],
    [{ container_format: 'wrong' }, 400],
    [{ id: 'not-a-uuid' }, 400],
    [{ min_disk: -1 }, 400],
    [{ min_ram: 2 ** 31 }, 400],
    [{ name: 'x'.repeat(256) }, 400],
    [{ some: 3 }, 400],
    [{ visibility: 'everybody' }, 400],
    [{ status: 'active' }, 403],
    [{ size: 5 }, 403],
    [{ self: '/x' }, 403],
    [{ deleted: 'yes' }, 403],
    [{ os_glance_import_task: 'x' }, 403],
    [{ locations: [{ url: 'file:///etc/passwd', metadata: {} }] }, 403],
    [{ owner: OTHER_PROJECT }, 403],
    [{ visibility: 'public' }, 403],
    [Object.fromEntries(Array.from({ length: 129 }, (_, i) => [`p${i}`, 'v'])), 413],
  ])('is refused with %j: %i', async (attributes, status) => {
    expect((await cloud.ask('POST /v2/images', { body: { ...RAW, ...attributes } })).status).toBe(status);
    expect((await cloud.ask('GET /v2/images')).body.images).toEqual([]);
  });

  it('keeps its id for ever: another of the same is refused with 409, also after it was deleted', async () => {
    const id = '8c0c1f47-3b1f-4f3c-9b3f-0d3a7e6f6c11';
    await cloud.create({ id });
    expect((await cloud.ask('POST /v2/images', { body: { id } })).body.message).toContain(
      `Image ID ${id} already exists!`,
    );
    expect((await cloud.ask(`DELETE /v2/images/${id}`)).status).toBe(204);
    expect((await cloud.ask('POST /v2/images', { body: { id } })).status).toBe(409);
    expect((await cloud.ask(`GET /v2/images/${id}`)).status).toBe(404);
  });

  it('that is protected is not deleted', async () => {
    const id = await cloud.create({ protected: true });
    const refused = await cloud.ask(`DELETE /v2/images/${id}`);
    expect([refused.status, refused.body.message]).toEqual([
      403,
      expect.stringContaining(`Image ${id} is protected and cannot be deleted.`),
    ]);
    await patch(id, [{ op: 'replace', path: '/protected', value: false }]);
    expect((await cloud.ask(`DELETE /v2/images/${id}`)).status).toBe(204);
    expect((await cloud.ask(`DELETE /v2/images/${id}`)).body.message).toContain(`Failed to find image ${id} to delete`);
  });

  it('of another project does not exist for a stranger', async () => {
    const id = await cloud.createActive();
    for (const line of [
      `GET /v2/images/${id}`,
      `GET /v2/images/${id}/file`,
      `DELETE /v2/images/${id}`,
      `POST /v2/images/${id}/actions/deactivate`,
    ]) {
      expect((await cloud.ask(line, { as: 'stranger' })).status, line).toBe(404);
    }
    expect((await patch(id, [{ op: 'add', path: '/x', value: 'y' }], 'stranger')).status).toBe(404);
  });

  it('that is public is seen by all and changed by its owner alone', async () => {
    const id = await cloud.createActive(Buffer.from('data'), { visibility: 'public' }, 'admin');
    expect((await cloud.ask(`GET /v2/images/${id}`, { as: 'stranger' })).status).toBe(200);
    expect((await cloud.ask(`GET /v2/images/${id}/file`, { as: 'stranger' })).text).toBe('data');
    expect((await patch(id, [{ op: 'add', path: '/x', value: 'y' }], 'stranger')).status).toBe(403);
    expect((await cloud.ask(`DELETE /v2/images/${id}`, { as: 'stranger' })).status).toBe(403);
  });

  it('is not made by a reader', async () => {
    expect((await cloud.ask('POST /v2/images', { as: 'reader', body: RAW })).status).toBe(403);
  });
});

describe('changing an image', () => {
  it('sets attributes and properties, adds and removes them', async () => {
    const id = await cloud.create({ a: '1' });
    const changed = await patch(id, [
      { op: 'replace', path: '/name', value: 'new' },
      { op: 'replace', path: '/min_ram', value: 64 },
      { op: 'replace', path: '/tags', value: ['x'] },
      { op: 'add', path: '/hw_disk_bus', value: 'virtio' },
      { op: 'add', path: '/os~1path~0', value: 'odd' },
      { op: 'remove', path: '/a' },
    ]);
    expect(changed.status).toBe(200);
    expect(changed.body).toMatchObject({
      name: 'new',
      min_ram: 64,
      tags: ['x'],
      hw_disk_bus: 'virtio',
      'os/path~': 'odd',
    });
    expect(changed.body).not.toHaveProperty('a');
    expect((await cloud.ask(`GET /v2/images/${id}`)).body).toEqual(changed.body);
  });

  it.each([
    [[{ op: 'remove', path: '/name' }], 403, 'Property name may not be removed.'],
    [[{ op: 'replace', path: '/nothing', value: 'x' }], 409, 'Property nothing does not exist.'],
    [[{ op: 'remove', path: '/nothing' }], 409, 'Property nothing does not exist.'],
    [[{ op: 'replace', path: '/status', value: 'active' }], 403, "Attribute 'status' is read-only."],
    [[{ op: 'replace', path: '/id', value: 'x' }], 403, "Attribute 'id' is read-only."],
    [[{ op: 'replace', path: '/checksum', value: 'x' }], 403, "Attribute 'checksum' is read-only."],
    [[{ op: 'add', path: '/os_glance_x', value: 'x' }], 403, "Attribute 'os_glance_x' is reserved."],
    [[{ op: 'replace', path: '/owner', value: OTHER_PROJECT }], 403, "Owner can't be updated by non admin."],
    [[{ op: 'add', path: '/owner', value: OTHER_PROJECT }], 403, "Owner can't be updated by non admin."],
    [
      [{ op: 'replace', path: '/visibility', value: 'public' }],
      403,
      'You are not authorized to complete publicize_image action.',
    ],
    [[{ op: 'replace', path: '/locations', value: [] }], 403, 'Cannot set locations to empty list.'],
    [
      [{ op: 'add', path: '/locations/-', value: { url: 'file:///etc/passwd', metadata: {} } }],
      403,
      "It's not allowed to add locations if locations are invisible.",
    ],
    [[{ op: 'remove', path: '/locations/0' }], 404, ''],
    [[{ op: 'replace', path: '/min_disk', value: -3 }], 400, 'Cannot be a negative value'],
    [[{ op: 'replace', path: '/min_disk', value: 'big' }], 400, 'is not of type'],
    [[{ op: 'move', path: '/name', value: 'x' }], 400, 'Invalid operation: `move`'],
    [[{ path: '/name', value: 'x' }], 400, 'Unable to find `op`'],
    [[{ op: 'add', path: 'name', value: 'x' }], 400, 'does not start with "/"'],
    [[{ op: 'add', path: '/a//b', value: 'x' }], 400, 'contains adjacent "/"'],
    [[{ op: 'add', path: '/a/', value: 'x' }], 400, 'end with "/"'],
    [[{ op: 'add', path: '/a~2', value: 'x' }], 400, 'recognized escape sequence'],
    [[{ op: 'add', path: '/a/b', value: 'x' }], 400, 'Invalid JSON pointer for this resource'],
    [[{ op: 'add', path: '/a' }], 400, 'requires a member named "value"'],
    [['add'], 400, 'Operations must be JSON objects.'],
    [{ op: 'add' }, 400, 'Request body must be a JSON array of operation objects.'],
  ])('%j answers %i', async (changes, status, message) => {
    const id = await cloud.create();
    const before = (await cloud.ask(`GET /v2/images/${id}`)).body;
    const answer = await patch(id, changes);
    expect([answer.status, answer.body.message]).toEqual([
      status === 404 ? 403 : status,
      expect.stringContaining(message),
    ]);
    expect((await cloud.ask(`GET /v2/images/${id}`)).body).toEqual(before);
  });

  it('applies all changes or none', async () => {
    const id = await cloud.create();
    expect(
      (
        await patch(id, [
          { op: 'replace', path: '/name', value: 'half' },
          { op: 'remove', path: '/nothing' },
        ])
      ).status,
    ).toBe(409);
    expect((await cloud.ask(`GET /v2/images/${id}`)).body.name).toBe('an image');
  });

  it('takes the older patch format, which refuses to add what is there', async () => {
    const id = await cloud.create({ a: '1' });
    const old = (changes: unknown) =>
      cloud.ask(`PATCH /v2/images/${id}`, {
        body: changes,
        headers: { 'content-type': 'application/openstack-images-v2.0-json-patch' },
      });
    expect((await old([{ replace: '/name', value: 'new' }])).body.name).toBe('new');
    expect((await old([{ add: '/a', value: '2' }])).status).toBe(409);
  });

  it('answers 415 to another content type and says which ones it takes', async () => {
    const id = await cloud.create();
    const answer = await cloud.ask(`PATCH /v2/images/${id}`, { body: [] });
    expect([answer.status, answer.headers['accept-patch']]).toEqual([
      415,
      'application/openstack-images-v2.0-json-patch, application/openstack-images-v2.1-json-patch',
    ]);
  });

  it('keeps the formats once there is data', async () => {
    const id = await cloud.createActive();
    expect((await patch(id, [{ op: 'replace', path: '/disk_format', value: 'qcow2' }])).body.message).toContain(
      'can be only replaced for a queued image',
    );
  });

  it('lets many change different properties at once, and loses none', async () => {
    const id = await cloud.create();
    await Promise.all(Array.from({ length: 20 }, (_, i) => patch(id, [{ op: 'add', path: `/p${i}`, value: 'v' }])));
    const image = (await cloud.ask(`GET /v2/images/${id}`)).body;
    expect(Object.keys(image).filter((name) => /^p\d+$/.test(name))).toHaveLength(20);
  });
});

describe('listing images', () => {
  beforeEach(async () => {
    for (const [name, attributes] of [
      ['a', { tags: ['red', 'big'], flavour: 'sweet' }],
      ['b', { container_format: 'ovf', disk_format: 'vmdk', tags: ['red'] }],
      ['c', { os_hidden: true }],
      ['d', { visibility: 'community' }],
      ['e', { visibility: 'private', protected: true }],
    ] as const) {
      await cloud.create({ name, ...attributes });
      await cloud.clock.advance(1_000);
    }
  });

  it.each([
    ['', ['e', 'd', 'b', 'a']],
    ['?name=a', ['a']],
    ['?name=in:a,b', ['b', 'a']],
    ['?name=in:%22a%22,b', ['b', 'a']],
    ['?tag=red', ['b', 'a']],
    ['?tag=red&tag=big', ['a']],
    ['?flavour=sweet', ['a']],
    ['?flavour=sour', []],
    ['?os_hidden=true', ['c']],
    ['?visibility=community', ['d']],
    ['?visibility=all', ['e', 'd', 'b', 'a']],
    ['?protected=true', ['e']],
    ['?disk_format=in:vmdk,iso', ['b']],
    ['?container_format=ovf', ['b']],
    ['?status=active', []],
    [`?owner=${PROJECT}&limit=2`, ['e', 'd']],
    ['?created_at=gt:2026-01-01T00:00:01Z', ['e', 'd']],
    ['?created_at=lte:2026-01-01T00:00:01Z', ['b', 'a']],
    ['?created_at=2026-01-01T00:00:00Z', ['a']],
    ['?sort=name:asc', ['a', 'b', 'd', 'e']],
    ['?sort_key=disk_format&sort_dir=desc&sort_key=name&sort_dir=asc', ['b', 'a', 'd', 'e']],
    ['?limit=0', []],
  ])('%s gives %j', async (query, names) => {
    expect(await namesOf(query)).toEqual(names);
  });

  it('goes from page to page without losing or repeating one', async () => {
    const seen: string[] = [];
    for (
      let url: string | undefined = '/v2/images?limit=1&sort=disk_format:asc&tag='.replace('&tag=', '');
      url !== undefined;
    ) {
      const { body } = await cloud.ask(`GET ${url}`);
      seen.push(...body.images.map((image: { name: string }) => image.name));
      expect(body.first).toBe('/v2/images?limit=1&sort=disk_format%3Aasc');
      url = body.next;
    }
    expect(seen.toSorted()).toEqual(['a', 'b', 'd', 'e']);
  });

  it.each([
    '?limit=many',
    '?limit=-1',
    '?sort=nothing',
    '?sort=name:up',
    '?sort=name&sort_key=id',
    '?sort_dir=asc&sort_dir=desc',
    '?visibility=mine',
    '?member_status=maybe',
    '?os_hidden=perhaps',
    '?protected=1',
    '?size_min=big',
    '?created_at=gt:yesterday',
    '?name=like:a',
    '?name=in:%22a',
    '?changes-since=2026',
    '?marker=8c0c1f47-3b1f-4f3c-9b3f-0d3a7e6f6c11',
  ])('%s is refused with 400', async (query) => {
    expect((await cloud.ask(`GET /v2/images${query}`)).status).toBe(400);
  });

  it("shows a stranger nobody's images but public ones, and community ones when asked for", async () => {
    expect(await namesOf('', 'stranger')).toEqual([]);
    expect(await namesOf('?visibility=community', 'stranger')).toEqual(['d']);
    expect(await namesOf('', 'admin')).toEqual(['e', 'd', 'b', 'a']);
  });
});

describe('the data of an image', () => {
  it('comes back as it went in, with its sums', async () => {
    const data = Buffer.from('0123456789'.repeat(10_000));
    const id = await cloud.createActive(data);
    const image = (await cloud.ask(`GET /v2/images/${id}`)).body;
    expect(image).toMatchObject({
      status: 'active',
      size: data.length,
      virtual_size: data.length,
      checksum: createHash('md5').update(data).digest('hex'),
      os_hash_algo: 'sha512',
      os_hash_value: createHash('sha512').update(data).digest('hex'),
      stores: 'local',
    });
    const got = await cloud.ask(`GET /v2/images/${id}/file`);
    expect(got.bytes.equals(data)).toBe(true);
    expect(got.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-md5': image.checksum,
      'content-length': String(data.length),
    });
  });

  it.each([
    [{ range: 'bytes=2-4' }, 206, '234', 'bytes 2-4/10'],
    [{ range: 'bytes=7-' }, 206, '789', 'bytes 7-9/10'],
    [{ range: 'bytes=-3' }, 206, '789', 'bytes 7-9/10'],
    [{ range: 'bytes=8-99' }, 206, '89', 'bytes 8-9/10'],
    [{ 'content-range': 'bytes 0-4/*' }, 206, '01234', 'bytes 0-4/10'],
  ])('is given in part for %j', async (headers, status, text, contentRange) => {
    const id = await cloud.createActive(Buffer.from('0123456789'));
    const answer = await cloud.ask(`GET /v2/images/${id}/file`, { headers });
    expect([answer.status, answer.text, answer.headers['content-range']]).toEqual([status, text, contentRange]);
  });

  it.each([
    [{ range: 'bytes=10-' }, 416],
    [{ range: 'bytes=5-2' }, 416],
    [{ range: 'octets=1-2' }, 416],
    [{ range: 'bytes=1-2,4-5' }, 400],
    [{ 'content-range': 'bytes 0-10/*' }, 416],
    [{ 'content-range': 'nonsense' }, 416],
  ])('is refused for %j with %i', async (headers, status) => {
    const id = await cloud.createActive(Buffer.from('0123456789'));
    expect((await cloud.ask(`GET /v2/images/${id}/file`, { headers })).status).toBe(status);
  });

  it('is no content before there is any', async () => {
    const id = await cloud.create();
    expect((await cloud.ask(`GET /v2/images/${id}/file`)).status).toBe(204);
  });

  it('is taken only once', async () => {
    const id = await cloud.createActive();
    const again = await cloud.ask(`PUT /v2/images/${id}/file`, { body: Buffer.from('other') });
    expect([again.status, again.body.message]).toEqual([
      409,
      expect.stringContaining('Image status transition from active to saving is not allowed'),
    ]);
    expect((await cloud.ask(`GET /v2/images/${id}/file`)).text).toBe('some data');
  });

  it('is refused without formats, as JSON, and from a reader; the image stays queued and nothing is left', async () => {
    const bare = (await cloud.ask('POST /v2/images', { body: {} })).body.id;
    const answer = await cloud.ask(`PUT /v2/images/${bare}/file`, { body: Buffer.from('x') });
    expect([answer.status, answer.body.message]).toEqual([
      400,
      expect.stringContaining('Properties disk_format, container_format must be set prior to saving data.'),
    ]);
    const id = await cloud.create();
    expect((await cloud.ask(`PUT /v2/images/${id}/file`, { body: { a: 1 } })).status).toBe(415);
    expect((await cloud.ask(`PUT /v2/images/${id}/file`, { as: 'reader', body: Buffer.from('x') })).status).toBe(403);
    expect((await cloud.ask(`GET /v2/images/${id}`)).body.status).toBe('queued');
    expect(await cloud.files()).toEqual([]);
  });

  it('of nothing at all makes an active image of no bytes', async () => {
    const id = await cloud.create();
    expect((await cloud.ask(`PUT /v2/images/${id}/file`, { body: Buffer.alloc(0) })).status).toBe(204);
    expect((await cloud.ask(`GET /v2/images/${id}`)).body).toMatchObject({ status: 'active', size: 0 });
  });

  it('goes with the image', async () => {
    const id = await cloud.createActive();
    expect(await cloud.files()).toHaveLength(1);
    await cloud.ask(`DELETE /v2/images/${id}`);
    expect(await cloud.files()).toEqual([]);
  });

  it('is out of reach while the image is deactivated, but for administrators', async () => {
    const id = await cloud.createActive();
    for (let twice = 0; twice < 2; twice++)
      expect((await cloud.ask(`POST /v2/images/${id}/actions/deactivate`)).status).toBe(204);
    expect((await cloud.ask(`GET /v2/images/${id}`)).body.status).toBe('deactivated');
    expect((await cloud.ask(`GET /v2/images/${id}/file`)).status).toBe(403);
    expect((await cloud.ask(`GET /v2/images/${id}/file`, { as: 'admin' })).status).toBe(200);
    expect((await cloud.ask(`POST /v2/images/${id}/actions/reactivate`)).status).toBe(204);
    expect((await cloud.ask(`GET /v2/images/${id}/file`)).status).toBe(200);
    const queued = await cloud.create();
    expect((await cloud.ask(`POST /v2/images/${queued}/actions/deactivate`)).body.message).toContain(
      "Not allowed to deactivate image in status 'queued'",
    );
  });
});

describe('sharing an image', () => {
  it('lets a project see it once it is a member, and list it once it has accepted', async () => {
    const id = await cloud.createActive();
    const made = await cloud.ask(`POST /v2/images/${id}/members`, { body: { member: OTHER_PROJECT } });
    expect([made.status, made.body]).toEqual([
      200,
      {
        image_id: id,
        member_id: OTHER_PROJECT,
        status: 'pending',
        created_at: '2026-01-01T00:00:00Z',
        updated_at: '2026-01-01T00:00:00Z',
        schema: '/v2/schemas/member',
      },
    ]);
    expect((await cloud.ask(`GET /v2/images/${id}`, { as: 'stranger' })).status).toBe(200);
    expect(await namesOf('', 'stranger')).toEqual([]);
    expect(await namesOf('?member_status=pending&visibility=shared', 'stranger')).toEqual(['an image']);
    const mine = `/v2/images/${id}/members/${OTHER_PROJECT}`;
    expect((await cloud.ask(`PUT ${mine}`, { body: { status: 'accepted' } })).status).toBe(403);
    expect((await cloud.ask(`PUT ${mine}`, { as: 'stranger', body: { status: 'maybe' } })).status).toBe(400);
    expect((await cloud.ask(`PUT ${mine}`, { as: 'stranger', body: { status: 'accepted' } })).body.status).toBe(
      'accepted',
    );
    expect(await namesOf('', 'stranger')).toEqual(['an image']);
    expect((await cloud.ask(`GET /v2/images/${id}/file`, { as: 'stranger' })).text).toBe('some data');
    expect((await cloud.ask(`DELETE ${mine}`, { as: 'stranger' })).status).toBe(403);
    expect((await cloud.ask(`DELETE ${mine}`)).status).toBe(204);
    expect((await cloud.ask(`GET /v2/images/${id}`, { as: 'stranger' })).status).toBe(404);
  });

  it('shows a member only itself', async () => {
    const id = await cloud.create();
    for (const member of [OTHER_PROJECT, 'third'])
      await cloud.ask(`POST /v2/images/${id}/members`, { body: { member } });
    const members = async (as: 'member' | 'stranger') =>
      (await cloud.ask(`GET /v2/images/${id}/members`, { as })).body.members.map(
        (member: { member_id: string }) => member.member_id,
      );
    expect(await members('member')).toEqual([OTHER_PROJECT, 'third']);
    expect(await members('stranger')).toEqual([OTHER_PROJECT]);
    expect((await cloud.ask(`GET /v2/images/${id}/members/third`, { as: 'stranger' })).status).toBe(404);
  });

  it.each([
    [{}, 400],
    [{ member: '' }, 400],
    [{ member: 5 }, 400],
    [[], 400],
    ['', 400],
  ])('with %j is refused with %i', async (body, status) => {
    const id = await cloud.create();
    expect((await cloud.ask(`POST /v2/images/${id}/members`, { body })).status).toBe(status);
  });

  it('is only for shared images, and only once with each project', async () => {
    const id = await cloud.create({ visibility: 'private' });
    expect((await cloud.ask(`POST /v2/images/${id}/members`, { body: { member: 'm' } })).status).toBe(403);
    expect((await cloud.ask(`GET /v2/images/${id}/members`)).status).toBe(403);
    const shared = await cloud.create();
    await cloud.ask(`POST /v2/images/${shared}/members`, { body: { member: 'm' } });
    expect((await cloud.ask(`POST /v2/images/${shared}/members`, { body: { member: 'm' } })).body.message).toContain(
      `Member m is duplicated for image ${shared}`,
    );
  });
});

describe('tags', () => {
  it('are added and taken away', async () => {
    const id = await cloud.create();
    expect((await cloud.ask(`PUT /v2/images/${id}/tags/a%20b`)).status).toBe(204);
    expect((await cloud.ask(`PUT /v2/images/${id}/tags/a%20b`)).status).toBe(204);
    expect((await cloud.ask(`GET /v2/images/${id}`)).body.tags).toEqual(['a b']);
    expect((await cloud.ask(`DELETE /v2/images/${id}/tags/a%20b`)).status).toBe(204);
    expect((await cloud.ask(`DELETE /v2/images/${id}/tags/a%20b`)).status).toBe(404);
    expect((await cloud.ask(`PUT /v2/images/${id}/tags/${'x'.repeat(256)}`)).status).toBe(400);
  });
});

describe('the service', () => {
  it.each(['GET', 'DELETE'])('finds no image without an id: %s /v2/images/', async (method) => {
    expect((await cloud.ask(`${method} /v2/images/`)).status).toBe(404);
  });

  it('tells its versions, as a choice at the root', async () => {
    const root = await cloud.ask('GET /', { as: null });
    expect([root.status, root.body.versions[0]]).toEqual([
      300,
      { id: 'v2.16', status: 'CURRENT', links: [{ rel: 'self', href: 'http://cloud.example:9292/v2/' }] },
    ]);
    expect((await cloud.ask('GET /versions', { as: null })).status).toBe(200);
  });

  it('gives the schema documents', async () => {
    const image = (await cloud.ask('GET /v2/schemas/image')).body;
    expect([image.name, image.properties.status.readOnly, image.additionalProperties]).toEqual([
      'image',
      true,
      { type: 'string' },
    ]);
    expect((await cloud.ask('GET /v2/schemas/images')).body.properties.images.items.name).toBe('image');
    for (const name of ['member', 'members', 'task', 'tasks'])
      expect((await cloud.ask(`GET /v2/schemas/${name}`)).body.name).toBe(name);
  });

  it('answers errors as HTML, and as JSON for those who ask for it', async () => {
    const url = 'GET /v2/images/8c0c1f47-3b1f-4f3c-9b3f-0d3a7e6f6c11';
    const json = await cloud.ask(url);
    expect(json.body).toEqual({
      message: 'No image found with ID 8c0c1f47-3b1f-4f3c-9b3f-0d3a7e6f6c11<br /><br />\n\n\n',
      code: '404 Not Found',
      title: 'Not Found',
    });
    const html = await cloud.ask(url, { headers: { accept: '*/*' } });
    expect([html.headers['content-type'], html.text]).toEqual([
      'text/html; charset=UTF-8',
      expect.stringContaining('<h1>404 Not Found</h1>'),
    ]);
  });

  it('wants a token', async () => {
    const answer = await cloud.ask('GET /v2/images', { as: null });
    expect([answer.status, answer.headers['www-authenticate']]).toEqual([
      401,
      'Keystone uri="http://cloud.example:5000"',
    ]);
  });

  it('tells of its stores, in detail to administrators', async () => {
    expect((await cloud.ask('GET /v2/info/stores')).body).toEqual({
      stores: [{ id: 'local', description: 'Files of the controller', default: 'true' }],
    });
    expect((await cloud.ask('GET /v2/info/stores/detail')).status).toBe(403);
    expect((await cloud.ask('GET /v2/info/stores/detail', { as: 'admin' })).body.stores[0].type).toBe('file');
  });
});

describe('other services', () => {
  it('are given images that are active and as declared, and no others', async () => {
    const ctx = { ...contextOf('member'), requestId: 'req-1', remoteAddress: '', isAuthenticated: true };
    const good = await cloud.createActive(Buffer.from('x'), { min_disk: 2, min_ram: 64, hw_disk_bus: 'virtio' });
    expect(await cloud.service.getImageForBoot(ctx, good)).toMatchObject({
      id: good,
      diskFormat: 'raw',
      sizeBytes: 1,
      virtualSizeBytes: 1,
      minDiskGib: 2,
      minRamMib: 64,
      properties: { hw_disk_bus: 'virtio' },
    });
    const queued = await cloud.create();
    await expect(cloud.service.getImageForBoot(ctx, queued)).rejects.toMatchObject({ code: 'image.not_active' });
    const mislabelled = await cloud.createActive(Buffer.from('no qcow2 at all'), { disk_format: 'qcow2' });
    await expect(cloud.service.getImageForBoot(ctx, mislabelled)).rejects.toMatchObject({
      code: 'image.content.unfit',
    });
    const hidden = await cloud.createActive(Buffer.from('x'), {}, 'stranger');
    await expect(cloud.service.getImageForBoot(ctx, hidden)).rejects.toMatchObject({ code: 'image.not_found' });
  });
});
