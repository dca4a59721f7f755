/** Requests that no client sends: none may be answered with 500, and none may change anything. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ImageUnderTest, JSON_PATCH, startImage } from '#tests/api/image.ts';

let cloud: ImageUnderTest;
let id: string;
beforeAll(async () => {
  cloud = await startImage();
  id = await cloud.createActive(Buffer.from('data'), { tags: ['t'], a: 'b' });
});
afterAll(() => cloud.close());

const NASTY = [
  '',
  '%',
  '%00',
  '..%2f..%2fetc%2fpasswd',
  "';drop table images;--",
  'null',
  '__proto__',
  'constructor',
  '\u{1f4a9}',
  'x'.repeat(300),
  '0',
  '-1',
  '9'.repeat(40),
  'NaN',
  '${1}',
  '<b>',
  'in:',
  'in:"',
  ':',
  '\\',
  'a:b:c',
];
const text = fc.oneof(
  fc.constantFrom(...NASTY),
  fc.string({ maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 20 }),
);
const json = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>(null, [], {}, 0, '', true, [[]], [null], { op: 1 }, [{ op: 'add', path: '/', value: 1 }]),
);
const part = text.map((value) => encodeURIComponent(value.toWellFormed()));

async function snapshot(): Promise<string> {
  const image = await cloud.ask(`GET /v2/images/${id}`);
  const all = await cloud.ask('GET /v2/images?visibility=all&limit=1000', { as: 'admin' });
  return JSON.stringify([image.body, all.body.images.length]);
}

describe('hostile requests', () => {
  it('to every place, with anything as a body, are refused and change nothing', async () => {
    const before = await snapshot();
    const place = fc.constantFrom(
      'POST /v2/images',
      `PATCH /v2/images/${id}`,
      `POST /v2/images/${id}/members`,
      `POST /v2/images/${id}/import`,
      `PUT /v2/images/${id}/members/x`,
      'POST /v2/tasks',
      'POST /v2/metadefs/namespaces',
      'PUT /v2/metadefs/namespaces/OS::OperatingSystem',
      'POST /v2/metadefs/namespaces/OS::OperatingSystem/objects',
      'POST /v2/metadefs/namespaces/OS::OperatingSystem/properties',
      'POST /v2/metadefs/namespaces/OS::OperatingSystem/tags',
      'POST /v2/metadefs/namespaces/OS::OperatingSystem/resource_types',
      `PUT /v2/images/${id}/file`,
      `PUT /v2/images/${id}/stage`,
    );
    const type = fc.constantFrom(
      'application/json',
      JSON_PATCH,
      'application/octet-stream',
      'text/xml',
      'multipart/form-data; boundary=x',
      '',
    );
    const body = fc.oneof(
      json.map((value) => JSON.stringify(value)),
      text,
      fc.constantFrom('{', '[{"op":', '\ufeff{}', `${'['.repeat(5000)}`, '{"a":1,"a":2}', '{"__proto__":{"x":1}}'),
    );
    await fc.assert(
      fc.asyncProperty(place, type, body, async (line, contentType, payload) => {
        const answer = await cloud.ask(line, {
          body: payload,
          headers: contentType === '' ? {} : { 'content-type': contentType },
        });
        if (answer.status === 201 && line === 'POST /v2/images') {
          expect((await cloud.ask(`DELETE /v2/images/${answer.body.id}`)).status).toBe(204);
        } else {
          const isNothing = line.startsWith('PATCH') && answer.status === 200;
          expect(answer.status >= 400 || isNothing, `${line} ${contentType} ${payload} → ${answer.status}`).toBe(true);
        }
        expect(answer.status, `${line} ${payload}`).toBeLessThan(500);
      }),
      { numRuns: 500 },
    );
    expect(await snapshot()).toBe(before);
  });

  it('with patches that look right are refused or undone whole', async () => {
    const operation = fc.record({
      op: fc.oneof(fc.constantFrom('add', 'remove', 'replace'), text),
      path: fc.oneof(
        fc.constantFrom(
          '/name',
          '/tags',
          '/tags/0',
          '/min_disk',
          '/locations',
          '/locations/0',
          '/a',
          '/owner',
          '/visibility',
          '/',
          '//',
          '/~',
          '/~2',
          '/status',
        ),
        text.map((value) => `/${value}`),
      ),
      value: json,
    });
    const own = await cloud.create();
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 4 }), async (operations) => {
        const before = (await cloud.ask(`GET /v2/images/${own}`)).body;
        const answer = await cloud.ask(`PATCH /v2/images/${own}`, {
          body: operations,
          headers: { 'content-type': JSON_PATCH },
        });
        expect(answer.status, JSON.stringify(operations)).toBeLessThan(500);
        const after = await cloud.ask(`GET /v2/images/${own}`);
        expect(after.status).toBe(200);
        if (answer.status !== 200) expect(after.body).toEqual(before);
      }),
      { numRuns: 400 },
    );
    await cloud.ask(`DELETE /v2/images/${own}`);
  });

  it('with any query, path and header are answered without a 500', async () => {
    const before = await snapshot();
    const name = fc.constantFrom(
      'limit',
      'marker',
      'sort',
      'sort_key',
      'sort_dir',
      'name',
      'id',
      'status',
      'tag',
      'visibility',
      'member_status',
      'owner',
      'size_min',
      'size_max',
      'created_at',
      'updated_at',
      'protected',
      'os_hidden',
      'x_max',
      '__proto__',
    );
    const query = fc
      .array(fc.tuple(fc.oneof(name, part), part), { maxLength: 4 })
      .map((pairs) => pairs.map(([key, value]) => `${key}=${value}`).join('&'));
    const path = fc.oneof(
      query.map((asked) => `/v2/images?${asked}`),
      query.map((asked) => `/v2/tasks?${asked}`),
      part.map((odd) => `/v2/images/${odd}`),
      part.map((odd) => `/v2/images/${odd}/file`),
      fc.tuple(part, part).map(([image, odd]) => `/v2/images/${image}/tags/${odd}`),
      part.map((odd) => `/v2/images/${id}/members/${odd}`),
      part.map((odd) => `/v2/schemas/${odd}`),
      part.map((odd) => `/v2/cache/${odd}`),
      query.map((asked) => `/v2/metadefs/namespaces?${asked}`),
      fc.tuple(part, query).map(([odd, asked]) => `/v2/metadefs/namespaces/${odd}?${asked}`),
      fc
        .tuple(fc.constantFrom('objects', 'properties', 'tags', 'resource_types'), part)
        .map(([folder, odd]) => `/v2/metadefs/namespaces/OS::OperatingSystem/${folder}/${odd}`),
      part.map((odd) => `/v2/${odd}`),
    );
    const method = fc.constantFrom('GET', 'GET', 'DELETE', 'POST', 'PUT', 'HEAD');
    const range = fc.constantFrom('bytes=0-', 'bytes=-', 'bytes=-0', 'bytes=99999999999999999999-', 'bytes=a-b', 'x');
    await fc.assert(
      fc.asyncProperty(method, path, range, fc.constantFrom('admin', 'reader'), async (verb, url, asked, as) => {
        const answer = await cloud.ask(`${verb} ${url}`, {
          as: verb === 'GET' ? (as as 'admin') : 'stranger',
          headers: { range: asked, 'content-range': asked },
        });
        expect(answer.status, `${verb} ${url}`).toBeLessThan(500);
      }),
      { numRuns: 800 },
    );
    expect(await snapshot()).toBe(before);
  });
});

describe('hostile definitions', () => {
  it('by an administrator are refused or made whole, without a 500', async () => {
    const field = fc.constantFrom(
      'namespace',
      'display_name',
      'visibility',
      'protected',
      'owner',
      'properties',
      'objects',
      'tags',
      'resource_type_associations',
      'x',
    );
    const inner = fc.oneof(
      json,
      fc.array(fc.record({ name: fc.oneof(text, json) }, { requiredKeys: [] }), { maxLength: 3 }),
      fc.dictionary(
        text,
        fc.record({
          title: fc.oneof(text, json),
          type: fc.oneof(fc.constantFrom('string', 'integer'), json),
          pattern: text,
        }),
      ),
    );
    const body = fc
      .array(fc.tuple(field, fc.oneof(text, inner)), { maxLength: 5 })
      .map((pairs) => ({ namespace: 'n', ...Object.fromEntries(pairs) }));
    await fc.assert(
      fc.asyncProperty(body, async (payload) => {
        const made = await cloud.ask('POST /v2/metadefs/namespaces', { as: 'admin', body: payload });
        expect(made.status, JSON.stringify(payload)).toBeLessThan(500);
        if (made.status !== 201) return;
        const self = encodeURIComponent(String(made.body.namespace));
        expect(
          (await cloud.ask(`GET /v2/metadefs/namespaces/${self}`, { as: 'admin' })).status,
          JSON.stringify(payload),
        ).toBe(200);
        await cloud.ask(`PUT /v2/metadefs/namespaces/${self}`, {
          as: 'admin',
          body: { namespace: made.body.namespace },
        });
        expect((await cloud.ask(`DELETE /v2/metadefs/namespaces/${self}`, { as: 'admin' })).status).toBe(204);
      }),
      { numRuns: 300 },
    );
  });
});
