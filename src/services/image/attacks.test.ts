/** Attacks that worked on real clouds, by their advisories, each shown failing here. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { contextOf, type ImageUnderTest, JSON_PATCH, OTHER_PROJECT, startImage } from '#tests/api/image.ts';

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
