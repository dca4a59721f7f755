import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { contextOf, type ImageUnderTest, JSON_PATCH, startImage } from '#tests/api/image.ts';

let cloud: ImageUnderTest;
let mirror: Server;
let url: string;
beforeEach(async () => {
  mirror = createServer((request, response) => {
    if (request.url === '/data') response.writeHead(200, { 'content-length': 10 }).end('0123456789');
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => mirror.listen(0, '127.0.0.1', resolve));
  const { port } = mirror.address() as AddressInfo;
  url = `http://127.0.0.1:${port}/data`;
  cloud = await startImage({
    config: { showLocations: true, downloadPorts: [port], trustedDownloadHosts: ['127.0.0.1'] },
  });
});
afterEach(async () => {
  await cloud.close();
  mirror.closeAllConnections();
  await new Promise((resolve) => mirror.close(resolve));
});

const patch = (id: string, changes: unknown, as: 'member' | 'stranger' = 'member') =>
  cloud.ask(`PATCH /v2/images/${id}`, { as, body: changes, headers: { 'content-type': JSON_PATCH } });
const add = (id: string, location: object, position = '-') =>
  patch(id, [{ op: 'add', path: `/locations/${position}`, value: location }]);
const show = async (id: string) => (await cloud.ask(`GET /v2/images/${id}`)).body;

describe('locations, where an operator shows them', () => {
  it('make a queued image active, give its data, but boot no server', async () => {
    const id = await cloud.create();
    expect((await show(id)).locations).toEqual([]);
    const added = await add(id, { url, metadata: { foo: 'bar' } });
    expect([added.status, added.body]).toEqual([
      200,
      expect.objectContaining({
        status: 'active',
        size: 10,
        checksum: null,
        locations: [{ url, metadata: { foo: 'bar' } }],
      }),
    ]);
    expect((await cloud.ask(`GET /v2/images/${id}/file`)).text).toBe('0123456789');
    expect((await cloud.ask(`GET /v2/images/${id}/file`, { headers: { range: 'bytes=2-4' } })).text).toBe('234');
    const ctx = { ...contextOf('member'), requestId: 'req', remoteAddress: '', isAuthenticated: true };
    await expect(cloud.service.getImageForBoot(ctx, id)).rejects.toMatchObject({ code: 'image.content.unfit' });
  });

  it('name no file of the controller for data that was uploaded', async () => {
    const id = await cloud.createActive();
    const { locations } = await show(id);
    expect(locations).toEqual([{ url: expect.stringMatching(/^pileus:\/\/local\//), metadata: { store: 'local' } }]);
    expect(JSON.stringify(locations)).not.toContain(cloud.dataDir);
  });

  it('are added, removed down to the last, and only their metadata is replaced', async () => {
    const id = await cloud.create();
    await add(id, { url, metadata: {} });
    expect((await add(id, { url: `${url}#2`, metadata: { n: '2' } })).body.locations).toHaveLength(2);
    expect((await add(id, { url, metadata: {} })).status).toBe(400);
    const { locations } = await show(id);
    const replace = (value: unknown) => patch(id, [{ op: 'replace', path: '/locations', value }]);
    expect((await replace(locations)).status).toBe(200);
    expect(
      (await replace([{ ...locations[0], metadata: { date: 'x' } }, locations[1]])).body.locations[0].metadata,
    ).toEqual({ date: 'x' });
    expect((await replace([locations[0]])).status).toBe(400);
    expect((await replace([locations[0], { url: `${url}#3`, metadata: {} }])).status).toBe(400);
    expect((await replace([])).status).toBe(403);
    const remove = (position: string) => patch(id, [{ op: 'remove', path: `/locations/${position}` }]);
    expect((await remove('7')).status).toBe(400);
    expect((await remove('0')).body.locations).toEqual([locations[1]]);
    expect((await remove('0')).status).toBe(403);
    expect((await cloud.ask(`DELETE /v2/images/${id}`)).status).toBe(204);
  });

  it('can replace an uploaded copy, whose file then goes away', async () => {
    const id = await cloud.createActive(Buffer.from('0123456789'));
    await add(id, { url, metadata: {} });
    expect((await patch(id, [{ op: 'remove', path: '/locations/0' }])).body.locations).toEqual([{ url, metadata: {} }]);
    expect(await cloud.files()).toEqual([]);
  });

  it('may say what their data sums up to, once and the same', async () => {
    const validation_data = { checksum: '1'.repeat(32), os_hash_algo: 'sha512', os_hash_value: 'deadbeef'.repeat(16) };
    const id = await cloud.create();
    expect((await add(id, { url, metadata: {}, validation_data })).body).toMatchObject({
      status: 'active',
      ...validation_data,
    });
    expect((await add(id, { url: `${url}#2`, metadata: {}, validation_data })).status).toBe(200);
    for (const [name, value] of Object.entries({
      checksum: '2'.repeat(32),
      os_hash_algo: 'sha256',
      os_hash_value: 'beefdead'.repeat(16),
    })) {
      expect(
        (await add(id, { url: `${url}#3`, metadata: {}, validation_data: { ...validation_data, [name]: value } }))
          .status,
        name,
      ).toBe(409);
    }
    const other = await cloud.create();
    expect(
      (await add(other, { url, metadata: {}, validation_data: { ...validation_data, os_hash_value: 'xyz' } })).status,
    ).toBe(409);
    expect((await show(other)).status).toBe('queued');
  });

  it.each([
    'file:///etc/passwd',
    'filesystem:///etc/passwd',
    'gopher://example.org',
    'http://127.0.0.1:1/',
    'http://169.254.169.254/',
    'http://[::1]/',
    'swift+config://a/b',
    'pileus://local/x',
    'nonsense',
  ])('of %s are refused with 400', async (bad) => {
    const id = await cloud.create();
    expect((await add(id, { url: bad, metadata: {} })).status).toBe(400);
    expect((await patch(id, [{ op: 'replace', path: '/locations', value: [{ url: bad, metadata: {} }] }])).status).toBe(
      400,
    );
    expect(await show(id)).toMatchObject({ status: 'queued', locations: [] });
  });

  it("are not set on others' images, which are not even asked for", async () => {
    const id = await cloud.create({ visibility: 'community' });
    expect(
      (await patch(id, [{ op: 'add', path: '/locations/-', value: { url, metadata: {} } }], 'stranger')).status,
    ).toBe(403);
  });

  it.each([[{ url: 'http://x' }], [{ metadata: {} }], ['http://x'], [{ url: 5, metadata: {} }], [null]])(
    '%j is refused with 400',
    async (value) => {
      const id = await cloud.create();
      expect((await patch(id, [{ op: 'add', path: '/locations/-', value }])).status).toBe(400);
    },
  );
});
