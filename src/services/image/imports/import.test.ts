import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ImageUnderTest, startImage } from '#tests/api/image.ts';

const DATA = Buffer.from('the data of an image, '.repeat(100));

let cloud: ImageUnderTest;
let mirror: Server;
let port: number;
let asked: string[];

beforeEach(async () => {
  asked = [];
  mirror = createServer((request, response) => {
    asked.push(request.url ?? '');
    if (request.url === '/image') response.end(DATA);
    else if (request.url === '/moved') response.writeHead(302, { location: '/image' }).end();
    else if (request.url === '/to-loopback')
      response.writeHead(302, { location: `http://127.0.0.1:${port}/image` }).end();
    else if (request.url === '/to-file') response.writeHead(302, { location: 'file:///etc/passwd' }).end();
    else if (request.url === '/for-ever') response.writeHead(302, { location: '/for-ever' }).end();
    else if (request.url === '/short')
      response.writeHead(200, { 'content-length': '1000' }).write('x', () => response.destroy());
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => mirror.listen(0, '127.0.0.1', resolve));
  ({ port } = mirror.address() as AddressInfo);
  cloud = await startImage({
    config: { downloadPorts: [80, 443, port], trustedDownloadHosts: ['mirror.example'] },
    resolve: async (name) =>
      ({
        'mirror.example': ['127.0.0.1'],
        'inside.example': ['10.0.0.1'],
        'both.example': ['93.184.216.34', '127.0.0.1'],
      })[name] ?? [name],
  });
});
afterEach(async () => {
  await cloud.close();
  mirror.closeAllConnections();
  await new Promise((resolve) => mirror.close(resolve));
});

const importImage = (id: string, body: unknown, as: 'member' | 'admin' | 'stranger' | 'reader' = 'member') =>
  cloud.ask(`POST /v2/images/${id}/import`, { as, body });
const show = async (id: string) => (await cloud.ask(`GET /v2/images/${id}`)).body;
const web = (path: string, host = 'mirror.example') => ({
  method: { name: 'web-download', uri: `http://${host}:${port}${path}` },
});

describe('importing from the web', () => {
  it('makes the image active with the data that was found there', async () => {
    const id = await cloud.create();
    expect((await importImage(id, web('/moved'))).status).toBe(202);
    await cloud.settle();
    expect(await show(id)).toMatchObject({
      status: 'active',
      size: DATA.length,
      virtual_size: DATA.length,
      stores: 'local',
      os_glance_importing_to_stores: '',
      os_glance_failed_import: '',
    });
    expect(await show(id)).not.toHaveProperty('os_glance_import_task');
    expect((await cloud.ask(`GET /v2/images/${id}/file`)).bytes.equals(DATA)).toBe(true);
    expect(asked).toEqual(['/moved', '/image']);
    const { tasks } = (await cloud.ask(`GET /v2/images/${id}/tasks`)).body;
    expect(tasks).toEqual([
      expect.objectContaining({ status: 'success', type: 'api_image_import', image_id: id, result: { image_id: id } }),
    ]);
  });

  it.each([
    ['/nowhere', 'The download was answered with status 404 instead of 200.'],
    ['/for-ever', 'The download was redirected more than 5 times.'],
    ['/to-file', 'URI for web-download does not pass filtering'],
    ['/to-loopback', 'URI for web-download does not pass filtering'],
    ['/short', 'The image data ended before it was complete'],
  ])('of %s fails, says why, and leaves the image queued and nothing behind', async (path, message) => {
    const id = await cloud.create();
    expect((await importImage(id, web(path))).status).toBe(202);
    await cloud.settle();
    expect(await show(id)).toMatchObject({ status: 'queued', size: null, os_glance_failed_import: 'local' });
    expect((await cloud.ask(`GET /v2/images/${id}/tasks`)).body.tasks).toEqual([
      expect.objectContaining({ status: 'failure', message: expect.stringContaining(message) }),
    ]);
    expect(await cloud.files()).toEqual([]);
  });

  it.each([
    'http://127.0.0.1/x',
    'http://2130706433/x',
    'http://0x7f000001/x',
    'http://0177.0.0.1/x',
    'http://127.1/x',
    'http://[::1]/x',
    'http://[::ffff:127.0.0.1]/x',
    'http://[::ffff:7f00:1]/x',
    'http://[64:ff9b::7f00:1]/x',
    'http://169.254.169.254/latest/meta-data',
    'http://[fe80::1]/x',
    'http://[fd00::1]/x',
    'http://10.0.0.1/x',
    'http://192.168.1.1/x',
    'http://0.0.0.0/x',
    'http://224.0.0.1/x',
    'http://example.org:22/x',
    'http://user:pass@example.org/x',
    'file:///etc/passwd',
    'filesystem:///etc/passwd',
    'ftp://example.org/x',
    'gopher://example.org/x',
    'http://',
    '',
    null,
    5,
    { a: 1 },
    'x'.repeat(3_000),
  ])('from %s is refused at once', async (uri) => {
    const id = await cloud.create();
    const answer = await importImage(id, { method: { name: 'web-download', uri } });
    expect([answer.status, answer.body.message]).toEqual([
      400,
      expect.stringContaining('URI for web-download does not pass filtering'),
    ]);
    expect(await show(id)).toMatchObject({ status: 'queued' });
  });

  it.each(['inside.example', 'both.example'])(
    'from %s is refused, as its name leads to addresses that are not public',
    async (host) => {
      const id = await cloud.create();
      expect((await importImage(id, web('/image', host))).status).toBe(202);
      await cloud.settle();
      expect((await cloud.ask(`GET /v2/images/${id}/tasks`)).body.tasks[0]).toMatchObject({
        status: 'failure',
        message: expect.stringContaining('does not pass filtering'),
      });
      expect(asked).toEqual([]);
    },
  );

  it('inspects what it gets like an upload', async () => {
    mirror.removeAllListeners('request');
    mirror.on('request', (_, response) =>
      response.end(Buffer.concat([Buffer.from('514649fb00000003', 'hex'), Buffer.alloc(500)])),
    );
    const id = await cloud.create();
    await importImage(id, web('/image'));
    await cloud.settle();
    expect((await cloud.ask(`GET /v2/images/${id}/tasks`)).body.tasks[0]).toMatchObject({ status: 'failure' });
    expect(await show(id)).toMatchObject({ status: 'queued' });
  });

  it('by the old tasks API goes through the same filter', async () => {
    const task = (uri: string) =>
      cloud.ask('POST /v2/tasks', {
        as: 'admin',
        body: {
          type: 'import',
          input: { import_from: uri, import_from_format: 'raw', image_properties: { name: 'old' } },
        },
      });
    for (const uri of ['file:///etc/passwd', 'http://127.0.0.1/x', 'http://example.org:22/'])
      expect((await task(uri)).status).toBe(400);
    expect((await cloud.ask('GET /v2/images')).body.images).toEqual([]);
    const made = await task(web('/image').method.uri);
    expect([made.status, made.headers['location']]).toEqual([201, `/v2/tasks/${made.body.id}`]);
    await cloud.settle();
    expect((await cloud.ask(`GET /v2/tasks/${made.body.id}`, { as: 'admin' })).body).toMatchObject({
      status: 'success',
      message: '',
    });
    expect((await cloud.ask('GET /v2/images?name=old')).body.images).toEqual([
      expect.objectContaining({ status: 'active', size: DATA.length }),
    ]);
  });
});

describe('importing what was staged', () => {
  it('goes from queued through uploading and importing to active, and the staged copy is gone', async () => {
    const id = await cloud.create();
    expect((await importImage(id, { method: { name: 'glance-direct' } })).body.message).toContain(
      "Image needs to be staged before 'glance-direct' method can be used",
    );
    expect((await cloud.ask(`PUT /v2/images/${id}/stage`, { body: DATA })).status).toBe(204);
    expect(await show(id)).toMatchObject({ status: 'uploading', size: DATA.length });
    expect(await show(id)).not.toHaveProperty('stores');
    expect((await cloud.ask(`GET /v2/images/${id}/file`)).status).toBe(204);
    expect((await importImage(id, { method: { name: 'glance-direct' } })).status).toBe(202);
    await cloud.settle();
    expect(await show(id)).toMatchObject({ status: 'active', size: DATA.length, stores: 'local' });
    expect(await cloud.files()).toEqual([expect.stringMatching(/^\/image\/local\/data\//)]);
  });

  it('is for the owner alone, once at a time', async () => {
    const id = await cloud.create({ visibility: 'community' });
    await cloud.ask(`PUT /v2/images/${id}/stage`, { body: DATA });
    expect((await importImage(id, { method: { name: 'glance-direct' } }, 'stranger')).status).toBe(403);
    const answers = await Promise.all([1, 2, 3].map(() => importImage(id, { method: { name: 'glance-direct' } })));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([202, 409, 409]);
  });

  it('leaves nothing when the image is deleted before', async () => {
    const id = await cloud.create();
    await cloud.ask(`PUT /v2/images/${id}/stage`, { body: DATA });
    expect((await cloud.ask(`DELETE /v2/images/${id}`)).status).toBe(204);
    expect(await cloud.files()).toEqual([]);
  });

  it('leaves nothing when the image is deleted meanwhile', async () => {
    const id = await cloud.create();
    await cloud.ask(`PUT /v2/images/${id}/stage`, { body: DATA });
    const [, deleted] = await Promise.all([
      importImage(id, { method: { name: 'glance-direct' } }),
      cloud.ask(`DELETE /v2/images/${id}`),
    ]);
    await cloud.settle();
    if (deleted.status !== 204) expect((await cloud.ask(`DELETE /v2/images/${id}`)).status).toBe(204);
    expect(await cloud.files()).toEqual([]);
  });

  it.each([
    [{}, "Import request requires a 'method' field."],
    [{ method: {} }, "Import request requires a 'name' field."],
    [{ method: 'web-download' }, "Import request requires a 'name' field."],
    [{ method: { name: 'bad' } }, "Unknown import method name 'bad'."],
    [{ method: { name: 'glance-direct' }, all_stores: 'yes' }, "'all_stores' must be boolean value only"],
    [
      { method: { name: 'glance-direct' }, all_stores: true, stores: ['local'] },
      "All_stores parameter can't be used with",
    ],
    [{ method: { name: 'glance-direct' }, stores: 'local' }, 'Stores must be a list'],
    [[], 'Import requests are JSON objects.'],
  ])('%j is refused with 400', async (body, message) => {
    const id = await cloud.create();
    const answer = await importImage(id, body);
    expect([answer.status, answer.body.message]).toEqual([400, expect.stringContaining(message)]);
  });
});

describe('importing from another image', () => {
  const from = (glance_image_id: unknown, more = {}) => ({
    method: { name: 'glance-download', glance_image_id, glance_region: 'RegionOne', ...more },
  });

  it('takes over its data, its formats and what describes its hardware', async () => {
    const source = await cloud.createActive(DATA, {
      hw_cpu_cores: '5',
      'trait:X': 'required',
      os_distro: 'rhel',
      speed: '88mph',
    });
    const id = await cloud.create({ disk_format: 'iso', container_format: 'ovf', os_distro: 'windows' });
    expect((await importImage(id, from(source))).status).toBe(202);
    await cloud.settle();
    const image = await show(id);
    expect(image).toMatchObject({
      status: 'active',
      size: DATA.length,
      disk_format: 'raw',
      container_format: 'bare',
      hw_cpu_cores: '5',
      'trait:X': 'required',
      os_distro: 'rhel',
    });
    expect(image).not.toHaveProperty('speed');
    expect((await cloud.ask(`GET /v2/images/${id}/file`)).bytes.equals(DATA)).toBe(true);
  });

  it("fails for an image that is not there, is another project's, or in another region, and changes nothing", async () => {
    const foreign = await cloud.createActive(DATA, { hw_cpu_cores: '5' }, 'stranger');
    const queued = await cloud.create();
    for (const body of [
      from('36d4b546-64a2-4bb9-bdd0-ba676aa48f2c'),
      from(foreign),
      from(queued),
      from(foreign, { glance_region: 'nowhere' }),
    ]) {
      const id = await cloud.create({ os_distro: 'windows' });
      expect((await importImage(id, body)).status).toBe(202);
      await cloud.settle();
      expect((await cloud.ask(`GET /v2/images/${id}/tasks`)).body.tasks[0].status).toBe('failure');
      expect(await show(id)).toMatchObject({ status: 'queued', size: null, os_distro: 'windows' });
      expect(await show(id)).not.toHaveProperty('hw_cpu_cores');
    }
  });

  it.each([
    [from('foo')],
    [from(undefined)],
    [from(5)],
    [from('36d4b546-64a2-4bb9-bdd0-ba676aa48f2c', { glance_region: undefined })],
    [from('36d4b546-64a2-4bb9-bdd0-ba676aa48f2c', { glance_region: 5 })],
  ])('%j is refused with 400', async (body) => {
    expect((await importImage(await cloud.create(), body)).status).toBe(400);
  });
});

describe('several stores', () => {
  beforeEach(async () => {
    const { dataDir } = cloud;
    await cloud.close();
    cloud = await startImage({
      config: {
        defaultStore: 'fast',
        stores: [
          { id: 'fast' },
          { id: 'slow', description: 'disks', directory: join(dataDir, 'slow') },
          { id: 'old', read_only: true },
        ],
      },
    });
  });

  const copy = (id: string, more: Record<string, unknown>, as: 'member' | 'admin' = 'admin') =>
    importImage(id, { method: { name: 'copy-image' }, ...more }, as);

  it('get copies of an image, which are deleted one by one but the last', async () => {
    const id = await cloud.createActive(DATA);
    expect((await show(id)).stores).toBe('fast');
    expect((await copy(id, { stores: ['slow'] }, 'member')).status).toBe(403);
    expect((await copy(id, { stores: ['fast'] })).body.message).toContain("Image is already present at store 'fast'");
    expect((await copy(id, { stores: ['nowhere'] })).status).toBe(409);
    expect((await copy(id, { all_stores: true })).status).toBe(202);
    await cloud.settle();
    expect(await show(id)).toMatchObject({ status: 'active', stores: 'fast,local,slow' });
    expect((await copy(id, { all_stores: true })).status).toBe(202);
    for (const store of ['fast', 'slow'])
      expect((await cloud.ask(`DELETE /v2/stores/${store}/${id}`, { as: 'admin' })).status).toBe(204);
    expect((await cloud.ask(`DELETE /v2/stores/slow/${id}`, { as: 'admin' })).status).toBe(403);
    expect((await cloud.ask(`DELETE /v2/stores/nowhere/${id}`, { as: 'admin' })).status).toBe(409);
    expect((await cloud.ask(`GET /v2/images/${id}/file`)).bytes.equals(DATA)).toBe(true);
  });

  it('are told in the order of the configuration, with the default and those that take nothing marked', async () => {
    const { stores } = (await cloud.ask('GET /v2/info/stores')).body;
    expect(stores).toEqual([
      { id: 'local', description: 'Files of the controller' },
      { id: 'fast', default: 'true' },
      { id: 'slow', description: 'disks' },
      { id: 'old', 'read-only': 'true' },
    ]);
    const detail = (await cloud.ask('GET /v2/info/stores/detail', { as: 'admin' })).body.stores;
    expect(detail.map((store: { properties: { data_dir: string } }) => basename(store.properties.data_dir))).toEqual([
      'local',
      'fast',
      'slow',
      'old',
    ]);
    const made = await cloud.ask('POST /v2/images', { body: {} });
    expect(made.headers['openstack-image-store-ids']).toBe('local,fast,slow,old');
  });

  it('that are read-only take no data by any way', async () => {
    const id = await cloud.create();
    const headers = { 'x-image-meta-store': 'old' };
    const refused = await cloud.ask(`PUT /v2/images/${id}/file`, { body: DATA, headers });
    expect([refused.status, refused.body.message]).toEqual([410, expect.stringContaining('Adding images to store')]);
    expect(await show(id)).toMatchObject({ status: 'queued' });
    await cloud.ask(`PUT /v2/images/${id}/stage`, { body: DATA });
    expect((await importImage(id, { method: { name: 'glance-direct' }, stores: ['old'] })).status).toBe(409);
    expect((await importImage(id, { method: { name: 'glance-direct' }, all_stores: true })).status).toBe(202);
    await cloud.settle();
    expect((await show(id)).stores).toBe('fast,local,slow');
    expect((await copy(id, { stores: ['old'] })).status).toBe(409);
  });

  it('can be chosen for an upload and for an import', async () => {
    const id = await cloud.create();
    const upload = (store: string) =>
      cloud.ask(`PUT /v2/images/${id}/file`, { body: DATA, headers: { 'x-image-meta-store': store } });
    expect((await upload('nowhere')).status).toBe(400);
    expect((await upload('slow')).status).toBe(204);
    expect((await show(id)).stores).toBe('slow');
    const staged = await cloud.create();
    await cloud.ask(`PUT /v2/images/${staged}/stage`, { body: DATA });
    await importImage(staged, { method: { name: 'glance-direct' }, stores: ['local', 'slow'] });
    await cloud.settle();
    expect((await show(staged)).stores).toBe('local,slow');
  });
});

describe('the tasks API', () => {
  it('is for administrators', async () => {
    for (const line of ['GET /v2/tasks', 'GET /v2/tasks/8c0c1f47-3b1f-4f3c-9b3f-0d3a7e6f6c11', 'POST /v2/tasks']) {
      expect((await cloud.ask(line, line.startsWith('POST') ? { body: {} } : {})).status, line).toBe(403);
    }
  });

  it('lists, pages and refuses to delete', async () => {
    for (let count = 0; count < 3; count++) {
      await importImage(await cloud.create(), web('/image'));
      await cloud.settle();
    }
    const page = (await cloud.ask('GET /v2/tasks?limit=2&sort_dir=asc', { as: 'admin' })).body;
    expect(page.tasks).toHaveLength(2);
    expect(page.tasks[0]).not.toHaveProperty('input');
    const rest = (await cloud.ask(`GET ${page.next}`, { as: 'admin' })).body;
    expect([rest.tasks.length, rest.next]).toEqual([1, undefined]);
    expect((await cloud.ask('GET /v2/tasks?status=success', { as: 'admin' })).body.tasks).toHaveLength(3);
    for (const query of ['status=maybe', 'limit=x', 'limit=-1', 'marker=x', 'sort_dir=up', 'sort_key=nothing']) {
      expect((await cloud.ask(`GET /v2/tasks?${query}`, { as: 'admin' })).status, query).toBe(400);
    }
    expect((await cloud.ask(`DELETE /v2/tasks/${page.tasks[0].id}`, { as: 'admin' })).status).toBe(405);
    expect((await cloud.ask('GET /v2/tasks/nothing', { as: 'admin' })).status).toBe(404);
  });
});
