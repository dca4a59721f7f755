/** The real process, killed with SIGKILL while images are uploaded and imported, and started again over the same folder. */
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { until } from '../support/cloud.ts';
import { type CloudProcess, startProcess } from '../support/process.ts';

const MIB = 1024 * 1024;
/** A writer counts as alive for a minute, and is looked for every quarter of one. */
const REST_MS = 100_000;

/** A mirror whose first answer never ends. */
async function startMirror(data: Buffer) {
  const open: ServerResponse[] = [];
  const server = createServer((_, response) => {
    open.push(response);
    response.writeHead(200, { 'content-length': data.length });
    if (open.length === 1) response.write(data.subarray(0, MIB));
    else response.end(data);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    asked: () => open.length,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** An upload that sends its first half and then waits for ever. */
function startUpload(
  url: string,
  token: string,
  data: Buffer,
): { readonly sent: Promise<void>; readonly ended: Promise<void> } {
  const { promise: sent, resolve } = Promise.withResolvers<void>();
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(data.subarray(0, data.length / 2));
    },
    pull: () => resolve(),
  });
  const headers = { 'x-auth-token': token, 'content-type': 'application/octet-stream' };
  const ended = fetch(url, { method: 'PUT', headers, body, duplex: 'half' } as RequestInit).then(
    () => {},
    () => {},
  );
  return { sent, ended };
}

async function put(url: string, token: string, body: Buffer): Promise<number> {
  const headers = { 'x-auth-token': token, 'content-type': 'application/octet-stream' };
  return (await fetch(url, { method: 'PUT', headers, body: new Uint8Array(body) })).status;
}

async function createImage(cloud: CloudProcess): Promise<string> {
  const body = { name: 'x', disk_format: 'raw', container_format: 'bare' };
  return (await cloud.ask('image', 'POST /v2/images', { body })).body.id;
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

it('a cloud killed in the middle of an upload and of imports has whole images, or none, after its next start', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'pileus-killed-images-'));
  const data = randomBytes(8 * MIB);
  const mirror = await startMirror(data);
  await mkdir(join(dataDir, 'config'));
  const image = { download_ports: [mirror.port], trusted_download_hosts: ['127.0.0.1'] };
  await writeFile(join(dataDir, 'config', 'pileus.yaml'), JSON.stringify({ image }));
  let cloud = await startProcess({ dataDir });
  try {
    const url = (id: string, what: string) => `http://${cloud.address}:9292/v2/images/${id}/${what}`;
    const token = await cloud.token();
    const [uploaded, staging, staged, downloaded] = await Promise.all([1, 2, 3, 4].map(() => createImage(cloud)));
    const all = [uploaded, staging, staged, downloaded] as [string, string, string, string];
    expect(await put(url(all[2], 'stage'), token, data)).toBe(204);
    const method = { name: 'web-download', uri: `http://127.0.0.1:${mirror.port}/image` };
    expect((await cloud.ask('image', `POST /v2/images/${all[3]}/import`, { body: { method } })).status).toBe(202);
    const upload = startUpload(url(all[0], 'file'), token, data);
    const stage = startUpload(url(all[1], 'stage'), token, data);
    await Promise.all([upload.sent, stage.sent]);
    await until('the download began', () => mirror.asked() === 1, REST_MS);
    const direct = { body: { method: { name: 'glance-direct' } } };
    expect((await cloud.ask('image', `POST /v2/images/${all[2]}/import`, direct)).status).toBe(202);

    await cloud.kill();
    await Promise.all([upload.ended, stage.ended]);
    cloud = await startProcess({ dataDir, address: cloud.address });

    const statusOf = async (id: string): Promise<string> =>
      (await cloud.get('image', `GET /v2/images/${id}`)).body.status;
    const statuses = async () => Promise.all(all.map(statusOf));
    const wanted = ['queued', 'queued', 'active', 'active'];
    await until('rest', async () => String(await statuses()) === String(wanted), REST_MS).catch(() => {});
    expect(await statuses()).toEqual(wanted);
    const again = await cloud.token();
    for (const id of all.slice(2)) {
      const answer = await fetch(url(id, 'file'), { headers: { 'x-auth-token': again } });
      expect(Buffer.from(await answer.arrayBuffer()).equals(data)).toBe(true);
    }
    expect(await filesBelow(join(dataDir, 'controller', 'image'))).toHaveLength(2);
    for (const id of all.slice(0, 2)) expect(await put(url(id, 'file'), again, data)).toBe(204);
    for (const id of all) await cloud.ask('image', `DELETE /v2/images/${id}`);
    expect(await filesBelow(join(dataDir, 'controller', 'image'))).toEqual([]);
  } finally {
    await cloud.kill();
    await mirror.close();
    await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
  }
}, 300_000);
