/** Attacks that worked on real clouds, by their advisories, each shown failing here. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createMetrics } from '#kernel/http/metrics.ts';
import { contextOf, type ImageUnderTest, JSON_PATCH, OTHER_PROJECT, startImage } from '#tests/api/image.ts';
import { openDownload } from './imports/download.ts';

let folder: string;
let cloud: ImageUnderTest;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pileus-attacks-'));
  writeFileSync(join(folder, 'disk.raw'), Buffer.alloc(1024 * 1024, 'x'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(async () => {
  cloud = await startImage();
});
afterEach(() => cloud.close());

function qemuImg(file: string, ...args: string[]): Buffer {
  execFileSync('qemu-img', [...args], { cwd: folder, stdio: 'ignore' });
  return readFileSync(join(folder, file));
}

/** Uploads and returns the answer; the image must be as it was unless it was taken. */
async function upload(data: Buffer, disk_format: string, container_format = 'bare') {
  const id = await cloud.create({ disk_format, container_format });
  const answer = await cloud.ask(`PUT /v2/images/${id}/file`, { body: data });
  const image = (await cloud.ask(`GET /v2/images/${id}`)).body;
  if (answer.status !== 204) {
    expect(image).toMatchObject({ status: 'queued', size: null, checksum: null });
    expect(await cloud.files()).toEqual([]);
  }
  return { id, status: answer.status, message: String(answer.body?.message), image };
}

const bootable = (id: string) =>
  cloud.service.getImageForBoot(
    { ...contextOf('member'), requestId: 'req', remoteAddress: '', isAuthenticated: true },
    id,
  );

describe('disk images', () => {
  it('2013-012: a tiny qcow2 of 10 TB is known to be of 10 TB before a host sees it', async () => {
    const { id, image } = await upload(qemuImg('huge.qcow2', 'create', '-f', 'qcow2', 'huge.qcow2', '10T'), 'qcow2');
    expect(image.virtual_size).toBe(10 * 1024 ** 4);
    expect((await bootable(id)).virtualSizeBytes).toBe(10 * 1024 ** 4);
  });

  it('2013-029: a compressed qcow2 is measured by its disk, not by its file', async () => {
    const { image } = await upload(
      qemuImg('bomb.qcow2', 'convert', '-c', '-O', 'qcow2', 'disk.raw', 'bomb.qcow2'),
      'qcow2',
    );
    expect(image.virtual_size).toBe(1024 * 1024);
    expect(image.size).toBeLessThan(image.virtual_size);
  });

  it.each(['qcow2', 'raw', 'ami', 'vmdk', 'iso'])(
    '2015-011, 2015-014: a qcow2 with a backing file is refused as %s',
    async (format) => {
      const data = qemuImg(
        'backed.qcow2',
        'create',
        '-f',
        'qcow2',
        '-u',
        '-b',
        '/etc/passwd',
        '-F',
        'raw',
        'backed.qcow2',
        '1M',
      );
      expect(await upload(data, format)).toMatchObject({
        status: 400,
        message: expect.stringContaining('backing file'),
      });
    },
  );

  it.each(['bare', 'ovf', 'ova', 'docker', 'compressed'])('and in a container of kind %s', async (container) => {
    const data = qemuImg(
      'backed.qcow2',
      'create',
      '-f',
      'qcow2',
      '-u',
      '-b',
      '/etc/passwd',
      '-F',
      'raw',
      'backed.qcow2',
      '1M',
    );
    expect((await upload(data, 'qcow2', container)).status).toBe(400);
  });

  it('2016-001, 2016-007, 2026-002: a raw disk on which a guest wrote a qcow2 header is not stored as raw', async () => {
    const disk = Buffer.alloc(1024 * 1024);
    qemuImg('header.qcow2', 'create', '-f', 'qcow2', '-u', '-b', '/etc/shadow', '-F', 'raw', 'header.qcow2', '1M').copy(
      disk,
      0,
      0,
      65_536,
    );
    expect((await upload(disk, 'raw')).status).toBe(400);
  });

  it('2023-002: a VMDK that names a host file is refused', async () => {
    const data = Buffer.from(
      '# Disk DescriptorFile\nversion=1\nCID=ffffffff\nparentCID=ffffffff\ncreateType="monolithicFlat"\nRW 2048 FLAT "/etc/passwd" 0\n',
    );
    for (const format of ['vmdk', 'raw', 'qcow2']) expect((await upload(data, format)).status, format).toBe(400);
  });

  it('2024-001: a qcow2 with an external data file is refused', async () => {
    const data = qemuImg(
      'external.qcow2',
      'create',
      '-f',
      'qcow2',
      '-o',
      'data_file=data.raw,data_file_raw=on',
      'external.qcow2',
      '1M',
    );
    expect(await upload(data, 'qcow2')).toMatchObject({
      status: 400,
      message: expect.stringContaining('another file'),
    });
  });

  it.each(['qcow2', 'vmdk', 'vdi', 'vhdx', 'vpc', 'qed'])('2024-002: %s labelled as raw is refused', async (format) => {
    expect(
      (await upload(qemuImg(`x.${format}`, 'convert', '-O', format, 'disk.raw', `x.${format}`), 'raw')).status,
    ).toBe(400);
  });

  it('2024-003, 2024-004: what was not recognised as its format is never given to a host', async () => {
    for (const format of ['qcow2', 'vmdk', 'vhd', 'vhdx', 'vdi', 'iso', 'ploop']) {
      const { id, status } = await upload(Buffer.alloc(4096, 'z'), format);
      expect(status).toBe(204);
      await expect(bootable(id)).rejects.toMatchObject({ code: 'image.content.unfit' });
    }
  });

  it('2016-012: nothing but the content is looked at, so a crafted header costs no more than a plain one', async () => {
    const data = qemuImg('plain.qcow2', 'create', '-f', 'qcow2', 'plain.qcow2', '1M');
    data.writeUInt32BE(0xffff_ffff, 36);
    expect((await upload(data, 'qcow2')).status).toBe(400);
    data.writeUInt32BE(63, 20);
    expect((await upload(data, 'qcow2')).status).toBe(400);
  });
});

describe('locations and downloads', () => {
  it.each([
    'file:///etc/passwd',
    'filesystem:///etc/passwd',
    'file://localhost/etc/passwd',
    'http://127.0.0.1/',
    'swift+config://ref1/c/o',
  ])('2014-041, 2015-002, 2025-001: the location %s is not taken', async (url) => {
    const id = await cloud.create();
    for (const as of ['member', 'admin'] as const) {
      const change = (op: string, path: string, value: unknown) =>
        cloud.ask(`PATCH /v2/images/${id}`, {
          as,
          body: [{ op, path, value }],
          headers: { 'content-type': JSON_PATCH },
        });
      expect((await change('replace', '/locations', [{ url, metadata: {} }])).status).toBe(403);
      expect((await change('add', '/locations/-', { url, metadata: {} })).status).toBe(403);
      expect((await change('add', '/direct_url', url)).status).toBe(403);
      expect((await change('add', '/location', url)).status).toBe(403);
    }
    expect((await cloud.ask('POST /v2/images', { body: { locations: [{ url, metadata: {} }] } })).status).toBe(403);
    expect((await cloud.ask(`GET /v2/images/${id}`)).body.status).toBe('queued');
  });

  it('2026-004: a download to an address of the controller is refused however it is written (see imports)', async () => {
    const id = await cloud.create();
    for (const host of [
      '127.0.0.1',
      '2130706433',
      '0x7f000001',
      '017700000001',
      '127.1',
      '[::1]',
      '[::ffff:127.0.0.1]',
      '169.254.169.254',
      '0',
    ]) {
      const body = { method: { name: 'web-download', uri: `http://${host}/` } };
      expect((await cloud.ask(`POST /v2/images/${id}/import`, { body })).status, host).toBe(400);
    }
  });

  it('OSSN-0105, OSSN-0078: the old import and copy_from are no way round the filter', async () => {
    const input = { import_from: 'http://127.0.0.1:22/', import_from_format: 'raw', image_properties: {} };
    expect((await cloud.ask('POST /v2/tasks', { as: 'admin', body: { type: 'import', input } })).status).toBe(400);
    expect((await cloud.ask('POST /v2/tasks', { as: 'member', body: { type: 'import', input } })).status).toBe(403);
    const made = await cloud.ask('POST /v2/images', {
      body: {},
      headers: { 'x-glance-api-copy-from': 'http://127.0.0.1:22/' },
    });
    expect([made.status, made.body.status]).toEqual([201, 'queued']);
  });

  it('2015-019, 2016-006, OSSN-0065: neither a header nor a patch makes an active image take other data', async () => {
    const id = await cloud.createActive(Buffer.from('good'));
    const headers = { 'x-image-meta-status': 'queued', 'x-image-meta-location': 'http://example.org/bad' };
    expect((await cloud.ask(`PUT /v2/images/${id}`, { body: Buffer.from('bad'), headers })).status).toBe(405);
    for (const [op, path] of [
      ['replace', '/status'],
      ['remove', '/locations/0'],
      ['replace', '/checksum'],
      ['replace', '/os_hash_value'],
    ] as const) {
      const answer = await cloud.ask(`PATCH /v2/images/${id}`, {
        as: 'admin',
        body: [{ op, path, value: 'queued' }],
        headers: { 'content-type': JSON_PATCH },
      });
      expect(answer.status, path).toBe(403);
    }
    expect((await cloud.ask(`PUT /v2/images/${id}/file`, { body: Buffer.from('bad') })).status).toBe(409);
    expect((await cloud.ask(`PUT /v2/images/${id}/stage`, { body: Buffer.from('bad') })).status).toBe(409);
    expect((await cloud.ask(`GET /v2/images/${id}/file`)).text).toBe('good');
  });

  it('2015-003, 2015-020, 2014-028: refused and deleted uploads leave nothing on the disk', async () => {
    for (const data of [
      qemuImg('e.qcow2', 'create', '-f', 'qcow2', 'e.qcow2', '1M'),
      Buffer.from('# Disk DescriptorFile\nversion=1\n'),
    ])
      await upload(data, 'raw');
    const id = await cloud.createActive(Buffer.alloc(100_000));
    await cloud.ask(`DELETE /v2/images/${id}`);
    const staged = await cloud.create();
    await cloud.ask(`PUT /v2/images/${staged}/stage`, { body: Buffer.alloc(1000) });
    await cloud.ask(`DELETE /v2/images/${staged}`);
    expect(await cloud.files()).toEqual([]);
  });

  it('2012-017, 2013-027: nobody deletes or downloads what is not theirs', async () => {
    const id = await cloud.createActive(Buffer.from('secret'));
    for (const line of [
      `GET /v2/images/${id}/file`,
      `DELETE /v2/images/${id}`,
      `PUT /v2/images/${id}/tags/x`,
      `GET /v2/images/${id}/members`,
    ]) {
      expect((await cloud.ask(line, { as: 'stranger' })).status, line).toBe(404);
    }
    await cloud.ask(`POST /v2/images/${id}/members`, { body: { member: OTHER_PROJECT } });
    for (const line of [
      `DELETE /v2/images/${id}`,
      `PUT /v2/images/${id}/tags/x`,
      `POST /v2/images/${id}/actions/deactivate`,
    ]) {
      expect((await cloud.ask(line, { as: 'stranger' })).status, line).toBe(403);
    }
    expect((await cloud.ask(`GET /v2/images/${id}`)).body.status).toBe('active');
  });

  it('2013-002, 2013-007, 2014-004, OSSN-0085: no answer names a place on the controller', async () => {
    const id = await cloud.createActive();
    const answers = [
      await cloud.ask(`GET /v2/images/${id}`, { as: 'admin' }),
      await cloud.ask('GET /v2/images', { as: 'admin' }),
      await cloud.ask('GET /v2/info/stores'),
      await cloud.ask(`PUT /v2/images/${id}/file`, { body: Buffer.from('x') }),
    ];
    for (const { text } of answers) expect(text).not.toContain(cloud.dataDir);
  });
});

describe('what belongs to somebody else', () => {
  it('2013-027: a cached copy is no way round the policy, the status or the owner of its image', async () => {
    const id = await cloud.createActive(Buffer.from('secret'));
    await cloud.ask(`POST /v2/images/${id}/members`, { body: { member: OTHER_PROJECT } });
    expect((await cloud.ask(`PUT /v2/cache/${id}`, { as: 'admin' })).status).toBe(202);
    await cloud.settle();
    const download = async (as: 'member' | 'stranger') => (await cloud.ask(`GET /v2/images/${id}/file`, { as })).status;
    expect([await download('member'), await download('stranger')]).toEqual([200, 200]);
    await cloud.ask(`DELETE /v2/images/${id}/members/${OTHER_PROJECT}`);
    expect(await download('stranger')).toBe(404);
    await cloud.ask(`POST /v2/images/${id}/actions/deactivate`);
    expect(await download('member')).toBe(403);
    await cloud.ask(`DELETE /v2/images/${id}`);
    expect([await download('member'), await cloud.files()]).toEqual([404, []]);
  });

  it('OSSN-0102: nothing of another project is reached through an image or a namespace of my own', async () => {
    const theirs = await cloud.createActive(Buffer.from('secret'), {}, 'member');
    await cloud.ask(`POST /v2/images/${theirs}/members`, { body: { member: 'third' } });
    const mine = await cloud.createActive(Buffer.from('mine'), {}, 'stranger');
    for (const line of [
      `GET /v2/images/${mine}/members/third`,
      `DELETE /v2/images/${mine}/members/third`,
      `DELETE /v2/images/${mine}/tags/x`,
      `GET /v2/images/${theirs}/members/third`,
      `GET /v2/images/${theirs}/tasks`,
      `DELETE /v2/stores/local/${theirs}`,
    ])
      expect((await cloud.ask(line, { as: 'stranger' })).status, line).toBe(404);
    const method = { name: 'glance-download', glance_image_id: theirs, glance_region: 'RegionOne' };
    const copy = await cloud.create({}, 'stranger');
    await cloud.ask(`POST /v2/images/${copy}/import`, { as: 'stranger', body: { method } });
    await cloud.settle();
    expect((await cloud.ask(`GET /v2/images/${copy}`, { as: 'stranger' })).body.status).toBe('queued');
    const members = (await cloud.ask(`GET /v2/images/${theirs}/members`)).body.members;
    expect(members.map((member: { member_id: string }) => member.member_id)).toEqual(['third']);
  });

  it('OSSN-0102: an object, a property or a tag is found only below its own namespace', async () => {
    const asAdmin = (line: string, body?: unknown) =>
      cloud.ask(line, { as: 'admin', ...(body === undefined ? {} : { body }) });
    for (const namespace of ['Mine', 'Theirs'])
      expect((await asAdmin('POST /v2/metadefs/namespaces', { namespace })).status).toBe(201);
    await asAdmin('POST /v2/metadefs/namespaces/Theirs/objects', { name: 'o' });
    await asAdmin('POST /v2/metadefs/namespaces/Theirs/properties', { name: 'p', title: 'P', type: 'string' });
    await asAdmin('POST /v2/metadefs/namespaces/Theirs/tags/t');
    for (const path of ['objects/o', 'properties/p', 'tags/t']) {
      for (const method of ['GET', 'DELETE'])
        expect((await asAdmin(`${method} /v2/metadefs/namespaces/Mine/${path}`)).status, path).toBe(404);
      expect((await asAdmin(`GET /v2/metadefs/namespaces/Theirs/${path}`)).status, path).toBe(200);
    }
  });

  it('2026-001: headers that say who somebody is are not believed', async () => {
    const id = await cloud.createActive(Buffer.from('secret'));
    const headers = {
      'x-roles': 'admin',
      'x-role': 'admin',
      'x-user-id': 'b'.repeat(32),
      'x-project-id': '1'.repeat(32),
      'x-tenant-id': '1'.repeat(32),
      'x-is-admin-project': 'True',
      'x-identity-status': 'Confirmed',
      'x-service-roles': 'admin',
    };
    for (const as of ['stranger', null] as const) {
      const status = as === null ? 401 : 404;
      expect((await cloud.ask(`GET /v2/images/${id}/file`, { as, headers })).status).toBe(status);
      expect((await cloud.ask(`DELETE /v2/images/${id}`, { as, headers })).status).toBe(status);
    }
    expect((await cloud.ask('GET /v2/cache', { as: 'stranger', headers })).status).toBe(403);
  });

  it.each(['FALSE', 'false', 'no', '0', 0, 1, null, ['true']])('2026-007: %j is no truth value', async (value) => {
    const id = await cloud.createActive();
    for (const name of ['protected', 'os_hidden']) {
      expect((await cloud.ask('POST /v2/images', { body: { [name]: value } })).status, name).toBe(400);
      const answer = await cloud.ask(`PATCH /v2/images/${id}`, {
        body: [{ op: 'replace', path: `/${name}`, value }],
        headers: { 'content-type': JSON_PATCH },
      });
      expect(answer.status, name).toBe(400);
    }
    expect((await cloud.ask(`GET /v2/images/${id}`)).body).toMatchObject({ protected: false, os_hidden: false });
  });

  it('2021-006: requests to unknown paths and images are counted under one name', async () => {
    const metrics = createMetrics();
    await cloud.close();
    cloud = await startImage({ metrics });
    for (let i = 10; i < 60; i++) {
      await cloud.ask(`GET /v2/nothing-${i}`);
      await cloud.ask(`GET /v2/images/00000000-0000-4000-8000-0000000000${i}`);
    }
    const told = await metrics.registry.metrics();
    expect(told).toContain('pileus_http_request_seconds_count');
    expect(told).not.toMatch(/nothing-|00000000-/);
  });
});

describe('names that lead to two places', () => {
  it('2026-004: a name is looked up once for each request, and only what was checked is asked', async () => {
    let lookups = 0;
    const server = createServer((_, response) => response.end('data'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const rules = { ports: [port], trustedHosts: ['mirror.example'] };
    const resolve = async () => [lookups++ === 0 ? '127.0.0.1' : '169.254.169.254'];
    const uri = `http://mirror.example:${port}/`;
    const signal = AbortSignal.timeout(10_000);
    const { stream } = await openDownload(uri, { rules, signal, resolve });
    expect([await text(stream), lookups]).toEqual(['data', 1]);
    const untrusted = { rules: { ...rules, trustedHosts: [] }, signal, resolve };
    await expect(openDownload(uri, untrusted)).rejects.toMatchObject({ code: 'image.import.filtered' });
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });
});
