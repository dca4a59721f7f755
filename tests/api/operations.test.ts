/** What no one owns is found, told of, and cleared only while no one owns it. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CloudUnderTest, startCloud, until } from '../support/cloud.ts';
import { makeSurroundings, type Surroundings, serverBody, untilStatus } from '../support/openstack.ts';

interface Told {
  readonly check: string;
  readonly id: string;
  readonly is_clearable: boolean;
}

let cloud: CloudUnderTest;
let around: Surroundings;
let serverId: string;
/** Begins an answer and never ends it. */
let silent: Server;
beforeAll(async () => {
  silent = createServer((_request, response) => void response.write('begun, and never ended')).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const image = { downloadPorts: [portOf(silent)], trustedDownloadHosts: ['127.0.0.1'] };
  cloud = await startCloud({ hosts: 1, config: { image } });
  around = await makeSurroundings(cloud);
  const made = await cloud.get('compute', 'POST /v2.1/servers', { body: serverBody(around, 'one') });
  serverId = made.body.server.id;
  await untilStatus(cloud, serverId, 'ACTIVE');
});
afterAll(async () => {
  silent.closeAllConnections();
  silent.close();
  await cloud.stop();
});
const portOf = (server: Server): number => (server.address() as AddressInfo).port;

const list = async (): Promise<Told[]> => (await cloud.get('dashboard', 'GET /operations/v1/orphans')).body.orphans;
const clear = async (orphans: readonly Pick<Told, 'check' | 'id'>[]): Promise<{ cleared: Told[]; left: Told[] }> =>
  (
    await cloud.get('dashboard', 'DELETE /operations/v1/orphans', {
      body: { orphans: orphans.map(({ check, id }) => ({ check, id })) },
    })
  ).body;

function write(sql: string, ...values: (string | number)[]): void {
  const sqlite = new Sqlite(cloud.databaseFile);
  sqlite.pragma('foreign_keys = off');
  sqlite.prepare(sql).run(...values);
  sqlite.close();
}

/** Copies a row of a table with other values in some columns. */
function copyRow(table: string, where: string, change: Readonly<Record<string, string | number | null>>): void {
  const sqlite = new Sqlite(cloud.databaseFile);
  sqlite.pragma('foreign_keys = off');
  const row = { ...(sqlite.prepare(`select * from ${table} where ${where}`).get() as object), ...change };
  const names = Object.keys(row);
  sqlite.prepare(`insert into ${table} (${names.join()}) values (${names.map((name) => `@${name}`).join()})`).run(row);
  sqlite.close();
}

/** Ways to leak one thing, each with what finds it. */
const LEAKS: readonly (readonly [check: string, leak: () => Promise<void> | void])[] = [
  [
    'placement.allocation_without_server',
    () => {
      const consumer = randomUUID();
      copyRow('placement_consumers', `id = '${serverId}'`, { id: consumer });
      copyRow('placement_allocations', `consumer_id = '${serverId}' and resource_class = 'VCPU'`, {
        consumer_id: consumer,
      });
      write("update placement_inventories set used = used + 1 where resource_class = 'VCPU'");
    },
  ],
  [
    'network.port_without_server',
    () => {
      const gone = randomUUID();
      copyRow('ports', `server_id = '${serverId}'`, {
        id: randomUUID(),
        mac_address: 'fa:16:3e:00:00:01',
        server_id: gone,
        device_id: gone,
      });
    },
  ],
  [
    'network.group_binding_without_port',
    () =>
      copyRow('port_security_groups', `port_id in (select id from ports where server_id = '${serverId}')`, {
        port_id: randomUUID(),
      }),
  ],
  [
    'network.address_without_port',
    () =>
      copyRow('port_addresses', `port_id in (select id from ports where server_id = '${serverId}')`, {
        port_id: randomUUID(),
        address: '10.20.15.250',
      }),
  ],
  [
    'compute.guest_without_server',
    () => copyRow('server_guests', `server_id = '${serverId}'`, { server_id: randomUUID() }),
  ],
  [
    'compute.task_without_server',
    () =>
      copyRow('tasks', `resource_id = '${serverId}'`, {
        id: randomUUID(),
        resource_id: randomUUID(),
        state: 'pending',
        kind: 'compute.server.release-ports',
        next_try_at: Date.now() + 3_600_000,
        input: '{"portIds":[]}',
        sequence: 1,
      }),
  ],
  [
    'image.data_without_image',
    () =>
      copyRow('image_locations', `image_id = '${around.imageId}'`, { image_id: randomUUID(), data_id: randomUUID() }),
  ],
  [
    'image.lock_without_import',
    () =>
      write(
        "insert into image_properties (image_id, name, value) values (?, 'os_glance_import_task', ?)",
        around.imageId,
        randomUUID(),
      ),
  ],
  [
    'image.file_without_image',
    async () => {
      const name = randomUUID();
      const folder = join(cloud.controllerDir, 'image', 'cache', 'data', name.slice(0, 2));
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, name), 'left');
      const old = new Date(Date.now() - 3_600_000);
      await utimes(join(folder, name), old, old);
    },
  ],
];

describe('orphans', () => {
  it('are none in a cloud in which all is well, with a server', async () => {
    expect(await list()).toEqual([]);
  });

  it.each(LEAKS)('of %s are found, cleared once, and then are no more', async (check, leak) => {
    await leak();
    const found = await list();
    expect(found.map((one) => [one.check, one.is_clearable])).toEqual([[check, true]]);
    const { cleared, left } = await clear(found);
    expect([cleared.length, left]).toEqual([1, []]);
    await until('no orphans', async () => (await list()).length === 0);
    expect((await clear(found)).cleared).toEqual([]);
  });

  it('that somebody owns after all are not cleared, whoever says that they were listed', async () => {
    const ports = (await cloud.get('network', `GET /v2.0/ports?device_id=${serverId}`)).body.ports;
    const wanted = [
      { check: 'placement.allocation_without_server', id: serverId },
      { check: 'network.port_without_server', id: String(ports[0].id) },
      { check: 'image.lock_without_import', id: around.imageId },
      { check: 'no.such_check', id: 'x' },
    ];
    expect(await clear(wanted)).toEqual({ cleared: [], left: wanted });
    expect((await cloud.get('network', `GET /v2.0/ports/${ports[0].id}`)).status).toBe(200);
  });
});

describe('what the operations API tells of resources', () => {
  it('is of the own project for members, without names of hosts; of all for administrators', async () => {
    const user = await cloud.get('identity', 'POST /v3/users', {
      body: { user: { name: 'member', password: 'a secret of ours', domain_id: 'default' } },
    });
    const project = await cloud.get('identity', 'POST /v3/projects', { body: { project: { name: 'other' } } });
    const roles = (await cloud.get('identity', 'GET /v3/roles?name=member')).body.roles;
    const own = (await cloud.get('identity', 'GET /v3/projects?name=admin')).body.projects;
    for (const id of [project.body.project.id, own[0].id])
      await cloud.get('identity', `PUT /v3/projects/${id}/users/${user.body.user.id}/roles/${roles[0].id}`);
    const path = `/operations/v1/resources/${serverId}`;
    const hosts = (await cloud.get('dashboard', 'GET /operations/v1/hosts')).body.hosts;
    const tokenOf = (name: string) => cloud.token({ user: 'member', password: 'a secret of ours', project: name });
    const [stranger, member] = [await tokenOf('other'), await tokenOf('admin')];
    expect((await cloud.ask('dashboard', `GET ${path}`, { token: stranger })).status).toBe(404);
    expect((await cloud.ask('dashboard', `POST ${path}/force`, { token: stranger })).status).toBe(404);
    expect(
      (await cloud.ask('dashboard', `GET /operations/v1/resources/${hosts[0].id}`, { token: member })).status,
    ).toBe(404);
    expect((await cloud.ask('dashboard', 'GET /operations/v1/orphans', { token: member })).status).toBe(403);
    const told = await cloud.ask('dashboard', `GET ${path}`, { token: member });
    expect(told.body.resource).toMatchObject({ state: 'ACTIVE', is_final: true, waits: [] });
    expect(told.text).not.toContain('fake-1');
    for (const id of [hosts[0].id, around.imageId, around.networkId, around.subnetId, around.flavorId, own[0].id])
      expect([id, (await cloud.ask('dashboard', `GET /operations/v1/resources/${id}`)).status]).toEqual([id, 200]);
    expect((await cloud.ask('dashboard', 'GET /operations/v1/resources/nothing')).status).toBe(404);
  });

  it('keeps a lock: members end nothing of a locked server, administrators do', async () => {
    const locked = randomUUID();
    copyRow('servers', `id = '${serverId}'`, {
      id: locked,
      number: 1_000_000,
      task_state: 'powering-off',
      locked_by: 'admin',
    });
    const path = `/operations/v1/resources/${locked}`;
    const member = await cloud.token({ user: 'member', password: 'a secret of ours', project: 'admin' });
    expect((await cloud.ask('dashboard', `GET ${path}`, { token: member })).status).toBe(200);
    for (const verb of ['cancel', 'force'])
      expect((await cloud.ask('dashboard', `POST ${path}/${verb}`, { token: member })).status).toBe(409);
    expect((await cloud.get('dashboard', `GET ${path}`)).body.resource.state).toContain('powering-off');
    expect((await cloud.get('dashboard', `POST ${path}/force`)).body.outcome).toBe('accepted');
  });
});

describe('an import', () => {
  it('that never ends is ended: its image is queued at once, and repeating it changes nothing', async () => {
    const { body: image } = await cloud.get('image', 'POST /v2/images', {
      body: { name: 'slow', disk_format: 'raw', container_format: 'bare' },
    });
    await cloud.get('image', `POST /v2/images/${image.id}/import`, {
      body: { method: { name: 'web-download', uri: `http://127.0.0.1:${portOf(silent)}/image.raw` } },
    });
    const path = `/operations/v1/resources/${image.id}`;
    const { resource } = (await cloud.get('dashboard', `GET ${path}`)).body;
    expect(resource.state).toBe('importing');
    expect(resource.waits[0].owner).toMatchObject({ kind: 'task', task: 'image.import' });
    expect((await cloud.get('dashboard', `POST ${path}/cancel`)).body.outcome).toBe('accepted');
    expect((await cloud.get('image', `GET /v2/images/${image.id}`)).body.status).toBe('queued');
    expect((await cloud.get('dashboard', `POST ${path}/force`)).body.outcome).toBe('nothing');
    await cloud.get('image', `PUT /v2/images/${image.id}/file`, {
      body: Buffer.alloc(4096, 1),
      headers: { 'content-type': 'application/octet-stream' },
    });
    expect((await cloud.get('image', `GET /v2/images/${image.id}`)).body.status).toBe('active');
  });
});

describe('an upload', () => {
  it('that is cancelled leaves its image queued, and its uploader hears that it is no longer its own', async () => {
    const { body: image } = await cloud.get('image', 'POST /v2/images', {
      body: { name: 'halfway', disk_format: 'raw', container_format: 'bare' },
    });
    let finish = (): void => {};
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new Uint8Array(4096));
        finish = () => controller.close();
      },
    });
    const upload = fetch(`${cloud.urls['image']}/v2/images/${image.id}/file`, {
      method: 'PUT',
      headers: { 'x-auth-token': await cloud.token(), 'content-type': 'application/octet-stream' },
      body: stream,
      duplex: 'half',
    } as RequestInit);
    const path = `/operations/v1/resources/${image.id}`;
    const told = await until('the upload', async () => {
      const { resource } = (await cloud.get('dashboard', `GET ${path}`)).body;
      return resource.state === 'saving' && resource;
    });
    expect(told.waits[0].owner.kind).toBe('writer');
    expect((await cloud.get('dashboard', `POST ${path}/cancel`)).body.outcome).toBe('accepted');
    finish();
    expect((await upload).status).toBe(410);
    expect((await cloud.get('image', `GET /v2/images/${image.id}`)).body.status).toBe('queued');
    expect((await cloud.get('dashboard', `POST ${path}/cancel`)).body.outcome).toBe('nothing');
  });
});
