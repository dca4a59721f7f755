import { afterEach, describe, expect, it } from 'vitest';
import { PROJECT } from '#tests/api/compute.ts';
import { IMAGE, NETWORK } from '#tests/api/compute-peers.ts';
import { HOST, OTHER_HOST, type ServersUnderTest, startServers } from '#tests/api/servers.ts';
import { pruneServers } from './store.ts';

let cloud: ServersUnderTest;
afterEach(() => cloud.close());

async function withHost(): Promise<ServersUnderTest> {
  cloud = await startServers();
  await cloud.beat();
  return cloud;
}

async function activeServer(more: Record<string, unknown> = {}): Promise<string> {
  const { body } = await cloud.create(more);
  await cloud.pass();
  return body.server.id;
}

describe('a server', () => {
  it('is accepted at once, built, and active when its host says that it runs', async () => {
    await withHost();
    const answer = await cloud.create({ metadata: { a: 'b' }, tags: ['x'], description: 'mine' });
    expect(answer.status).toBe(202);
    expect(answer.headers['location']).toBe(`http://cloud.example:8774/v2.1/servers/${answer.body.server.id}`);
    expect(answer.body.server).toMatchObject({ 'OS-DCF:diskConfig': 'MANUAL', security_groups: [{ name: 'default' }] });
    expect(answer.body.server.adminPass).toHaveLength(12);
    const building = await cloud.show(answer.body.server.id);
    expect(building).toMatchObject({ status: 'BUILD', 'OS-EXT-STS:task_state': 'spawning', addresses: {} });
    await cloud.pass();
    const active = await cloud.show(answer.body.server.id);
    expect(active).toMatchObject({
      status: 'ACTIVE',
      name: 'web',
      description: 'mine',
      metadata: { a: 'b' },
      tags: ['x'],
      'OS-EXT-STS:power_state': 1,
      'OS-EXT-STS:vm_state': 'active',
      'OS-EXT-SRV-ATTR:host': 'host-1',
      'OS-EXT-AZ:availability_zone': 'nova',
      security_groups: [{ name: 'default' }],
      image: { id: IMAGE },
      flavor: { vcpus: 1, ram: 512, disk: 1, original_name: 'tiny', extra_specs: {} },
      config_drive: '',
      key_name: null,
      locked: false,
      server_groups: [],
      host_status: 'UP',
    });
    expect(active.addresses.private[0]).toEqual({
      version: 4,
      addr: '10.0.0.5',
      'OS-EXT-IPS:type': 'fixed',
      'OS-EXT-IPS-MAC:mac_addr': 'fa:16:3e:00:00:01',
    });
    expect(active['OS-SRV-USG:launched_at']).toBe('2026-01-01T00:00:00.000000');
    expect(await cloud.placement.usageOf(cloud.db as never, HOST)).toMatchObject({
      VCPU: 1,
      MEMORY_MB: 512,
      DISK_GB: 1,
    });
  });

  it('gives everything back when it is deleted, and is not found any more', async () => {
    await withHost();
    const id = await activeServer();
    expect(cloud.networks.ports.size).toBe(1);
    expect((await cloud.ask(`DELETE /v2.1/servers/${id}`, { as: 'member' })).status).toBe(204);
    await cloud.settle();
    expect((await cloud.show(id))['OS-EXT-STS:task_state']).toBe('deleting');
    await cloud.pass();
    expect((await cloud.ask(`GET /v2.1/servers/${id}`, { as: 'member' })).status).toBe(404);
    expect(cloud.networks.ports.size).toBe(0);
    expect(await cloud.placement.usageOf(cloud.db as never, HOST)).toMatchObject({ VCPU: 0, MEMORY_MB: 0 });
    const { body } = await cloud.ask('GET /v2.1/servers/detail?deleted=True&all_tenants=1', { as: 'admin' });
    expect(body.servers[0]).toMatchObject({ id, status: 'DELETED' });
  });

  it('can be deleted while it is being built', async () => {
    await withHost();
    const { body } = await cloud.create();
    await cloud.ask(`DELETE /v2.1/servers/${body.server.id}`, { as: 'member' });
    await cloud.settle();
    await cloud.pass();
    expect((await cloud.ask(`GET /v2.1/servers/${body.server.id}`, { as: 'member' })).status).toBe(404);
    expect(cloud.networks.ports.size).toBe(0);
    expect(await cloud.placement.usageOf(cloud.db as never, HOST)).toMatchObject({ VCPU: 0 });
  });

  it('can be deleted while its host is down', async () => {
    await withHost();
    const id = await activeServer();
    await cloud.clock.advance(60_000);
    await cloud.ask(`DELETE /v2.1/servers/${id}`, { as: 'member' });
    await cloud.settle();
    expect((await cloud.ask(`GET /v2.1/servers/${id}`, { as: 'member' })).status).toBe(404);
    expect(cloud.networks.ports.size).toBe(0);
    expect((await cloud.service.desiredGuests(HOST)).guests).toEqual([]);
  });

  it('is in error with the reason of every host when no host can take it', async () => {
    cloud = await startServers();
    await cloud.beat(HOST, 'small', { memoryMib: 600 });
    await cloud.beat(OTHER_HOST, 'disabled');
    await cloud.db.updateTable('hosts').set({ is_disabled: 1 }).where('id', '=', OTHER_HOST).execute();
    const { body } = await cloud.create();
    const asOwner = await cloud.show(body.server.id, 'member');
    expect(asOwner.status).toBe('ERROR');
    expect(asOwner.fault.message).toBe(
      'No valid host was found. There are not enough hosts available: of 2 hosts, 1 is disabled; 1 is short of MEMORY_MB.',
    );
    expect(asOwner.fault.details).toBeUndefined();
    expect((await cloud.show(body.server.id)).fault.details).toBe(
      'disabled is disabled by an operator.\nsmall lacks 424 MiB of memory (asked 512, free 88).',
    );
    expect(cloud.networks.ports.size).toBe(0);
  });

  it('is in error and holds nothing when its port cannot be made', async () => {
    await withHost();
    cloud.networks.failing = true;
    const { body } = await cloud.create();
    expect(await cloud.show(body.server.id)).toMatchObject({
      status: 'ERROR',
      fault: { code: 500, message: 'No more IP addresses available.' },
    });
    expect(await cloud.placement.usageOf(cloud.db as never, HOST)).toMatchObject({ VCPU: 0 });
  });

  it('is in error, without the words of the host, when its host cannot start it', async () => {
    await withHost();
    const { body } = await cloud.create();
    await cloud.pass(HOST, (guest) => ({
      ...guest,
      power: 'absent',
      powerSerial: 0,
      problem: { code: 'guest.image.download', message: '/var/lib/secret', attempts: 4 },
    }));
    const server = await cloud.show(body.server.id, 'member');
    expect(server).toMatchObject({ status: 'ERROR' });
    expect(server.fault.message).toContain('its image could not be brought to the host');
    expect(JSON.stringify(server.fault)).not.toContain('secret');
    expect(cloud.networks.ports.size).toBe(0);
    expect((await cloud.service.desiredGuests(HOST)).guests).toEqual([]);
  });

  it('is built by another host when the first cannot, and the first holds nothing of it', async () => {
    cloud = await startServers();
    await cloud.beat(HOST, 'one');
    await cloud.beat(OTHER_HOST, 'two', { memoryMib: 8_000 });
    const { body } = await cloud.create();
    await cloud.pass(HOST, (guest) => ({
      ...guest,
      power: 'absent',
      powerSerial: 0,
      problem: { code: 'guest.start', message: 'x', attempts: 4 },
    }));
    await cloud.pass(OTHER_HOST);
    expect(await cloud.show(body.server.id)).toMatchObject({ status: 'ACTIVE', 'OS-EXT-SRV-ATTR:host': 'two' });
    expect(cloud.networks.ports.size).toBe(1);
    expect(await cloud.placement.usageOf(cloud.db as never, HOST)).toMatchObject({ VCPU: 0 });
    expect((await cloud.service.desiredGuests(HOST)).guests).toEqual([]);
  });

  it('that stops by itself is shut off', async () => {
    await withHost();
    const id = await activeServer();
    await cloud.pass(HOST, (guest) => ({ ...guest, power: 'stopped' }));
    expect(await cloud.show(id)).toMatchObject({ status: 'SHUTOFF', 'OS-EXT-STS:power_state': 4 });
    expect((await cloud.service.desiredGuests(HOST)).guests[0]?.power).toBe('stopped');
  });

  it('counts against the quota until it is gone', async () => {
    await withHost();
    await cloud.create({ min_count: 10 });
    const { status, body } = await cloud.create();
    expect([status, body.forbidden.message]).toEqual([
      403,
      'Quota exceeded for instances: Requested 1, but already used 10 of 10 instances',
    ]);
  });
});

describe('the list of servers', () => {
  it('finds by name, tag, status, address and time, and pages', async () => {
    await withHost();
    await activeServer({ name: 'alpha', tags: ['a', 'b'] });
    await activeServer({ name: 'beta', tags: ['b'] });
    await cloud.create({ name: 'gamma' });
    const names = async (query: string, as: 'member' | 'admin' = 'member'): Promise<string[]> => {
      const { body } = await cloud.ask(`GET /v2.1/servers/detail?${query}`, { as });
      return body.servers.map((server: { name: string }) => server.name);
    };
    expect(await names('')).toEqual(['gamma', 'beta', 'alpha']);
    expect(await names('name=^al')).toEqual(['alpha']);
    expect(await names('name=ta$')).toEqual(['beta']);
    expect(await names('name=mm')).toEqual(['gamma']);
    expect(await names('tags=a,b')).toEqual(['alpha']);
    expect(await names('tags-any=a,b')).toEqual(['beta', 'alpha']);
    expect(await names('not-tags-any=b')).toEqual(['gamma']);
    expect(await names('status=BUILD')).toEqual(['gamma']);
    expect(await names('status=active')).toEqual(['beta', 'alpha']);
    expect(await names('ip=10.0.0.5')).toEqual(['beta', 'alpha']);
    expect(await names('ip=10.9')).toEqual([]);
    expect(await names('changes-since=2030-01-01T00:00:00Z')).toEqual([]);
    expect(await names('flavor=1&image=' + IMAGE)).toEqual(['gamma', 'beta', 'alpha']);
    expect(await names('flavor=2')).toEqual([]);
    expect(await names('host=host-1', 'admin')).toEqual(['gamma', 'beta', 'alpha']);
    expect(await names('sort_key=display_name&sort_dir=asc')).toEqual(['alpha', 'beta', 'gamma']);
    const { body } = await cloud.ask('GET /v2.1/servers?limit=2', { as: 'member' });
    expect(body.servers).toHaveLength(2);
    const next = new URL(body.servers_links[0].href);
    const page = await cloud.ask(`GET ${next.pathname}${next.search}`, { as: 'member' });
    expect(page.body.servers.map((server: { name: string }) => server.name)).toEqual(['alpha']);
    expect(page.body.servers_links).toBeUndefined();
  });

  it("shows nobody another project's servers, but to administrators who ask", async () => {
    await withHost();
    const id = await activeServer();
    expect((await cloud.ask('GET /v2.1/servers', { as: 'stranger' })).body.servers).toEqual([]);
    expect((await cloud.ask('GET /v2.1/servers?all_tenants=1', { as: 'stranger' })).status).toBe(403);
    expect((await cloud.ask(`GET /v2.1/servers/${id}`, { as: 'stranger' })).status).toBe(404);
    const { body } = await cloud.ask(`GET /v2.1/servers?all_tenants=1&project_id=${PROJECT}`, { as: 'admin' });
    expect(body.servers).toHaveLength(1);
  });

  it('answers bad queries with 400', async () => {
    await withHost();
    for (const query of [
      'limit=-1',
      'limit=x',
      'marker=nope',
      'status=nope',
      'changes-since=yesterday',
      'sort_key=nope',
      'name=(((',
      'nope=1',
    ]) {
      const { status } = await cloud.ask(`GET /v2.1/servers?${query}`, { as: 'member' });
      expect([query, status]).toEqual([query, 400]);
    }
  });
});

describe('asking for servers wrongly', () => {
  it('is answered with 4xx and changes nothing', async () => {
    await withHost();
    const bad: Record<string, unknown>[] = [
      { name: '' },
      { name: 'a'.repeat(256) },
      { flavorRef: 'absent' },
      { imageRef: 'not-a-uuid' },
      { imageRef: '99999999-9999-4999-8999-999999999999' },
      { imageRef: '' },
      { networks: undefined },
      { networks: 'some' },
      { networks: [{}] },
      { networks: [{ uuid: '99999999-9999-4999-8999-999999999999' }] },
      { networks: [{ uuid: NETWORK, fixed_ip: '999.1.1.1' }] },
      { key_name: 'absent' },
      { min_count: 3, max_count: 2 },
      { min_count: 0 },
      { metadata: { a: 1 } },
      { metadata: { ['k'.repeat(256)]: 'v' } },
      { user_data: '%%%' },
      { user_data: 'A'.repeat(65_540) },
      { security_groups: [{ name: 'absent' }] },
      { tags: ['a,b'] },
      { tags: Array.from({ length: 51 }, (_, i) => `t${i}`) },
      { availability_zone: 'nowhere' },
      { block_device_mapping_v2: [{ source_type: 'volume', uuid: 'x', boot_index: 0 }] },
      { accessIPv4: 'x' },
      { unknown: 1 },
      { hostname: 'a.b' },
      { personality: [] },
      { adminPass: 5 },
      { config_drive: 'maybe' },
    ];
    for (const more of bad) {
      const { status, text } = await cloud.create(more);
      expect([more, status >= 400 && status < 500, text.slice(0, 20)]).toEqual([more, true, text.slice(0, 20)]);
    }
    const forced = await cloud.create({ availability_zone: 'nova:host-1' });
    expect(forced.status).toBe(403);
    expect((await cloud.ask('GET /v2.1/servers?all_tenants=1', { as: 'admin' })).body.servers).toEqual([]);
  });

  it('knows each field from its microversion on', async () => {
    await withHost();
    const at = async (version: string, more: Record<string, unknown>): Promise<number> =>
      (await cloud.create(more, { version })).status;
    // The body of `create` is replaced by options: state it whole.
    const body = (more: Record<string, unknown>) => ({
      server: { name: 'v', imageRef: IMAGE, flavorRef: '1', ...more },
    });
    const post = async (version: string, more: Record<string, unknown>): Promise<number> =>
      (await cloud.ask('POST /v2.1/servers', { as: 'member', version, body: body(more) })).status;
    expect(await post('2.18', { description: 'x' })).toBe(400);
    expect(await post('2.19', { description: 'x' })).toBe(202);
    expect(await post('2.36', {})).toBe(202);
    expect(await post('2.37', {})).toBe(400);
    expect(await post('2.37', { networks: 'none' })).toBe(202);
    expect(await post('2.36', { networks: 'none' })).toBe(400);
    expect(await post('2.51', { networks: 'none', tags: ['a'] })).toBe(400);
    expect(await post('2.52', { networks: 'none', tags: ['a'] })).toBe(202);
    expect(await at('2.1', {})).toBe(202);
  });
});

describe('servers of a group', () => {
  it('are apart, or together, however many are placed at once', async () => {
    cloud = await startServers();
    for (let i = 0; i < 4; i++) await cloud.beat(`55555555-5555-4555-8555-55555555555${i}`, `host-${i}`);
    for (const [policy, hosts] of [
      ['anti-affinity', 4],
      ['affinity', 1],
    ] as const) {
      const group = await cloud.ask('POST /v2.1/os-server-groups', {
        as: 'member',
        body: { server_group: { name: policy, policy } },
      });
      await cloud.ask('POST /v2.1/servers', {
        as: 'member',
        body: {
          server: { name: policy, imageRef: IMAGE, flavorRef: '1', networks: 'none', min_count: 4 },
          'os:scheduler_hints': { group: group.body.server_group.id },
        },
      });
      await settleAll();
      const rows = await cloud.db.selectFrom('servers').selectAll().where('name', 'like', `${policy}-%`).execute();
      expect([policy, new Set(rows.map((row) => row.host_id)).size]).toEqual([policy, hosts]);
      expect(rows.every((row) => row.task_state === 'spawning')).toBe(true);
    }
  });

  it('are told the reason when another of the group was quicker, and leave no trace in the group', async () => {
    cloud = await startServers();
    await cloud.beat();
    const made = await cloud.ask('POST /v2.1/os-server-groups', {
      as: 'member',
      body: { server_group: { name: 'apart', policy: 'anti-affinity' } },
    });
    const group = made.body.server_group.id;
    await cloud.ask('POST /v2.1/servers', {
      as: 'member',
      body: {
        server: { name: 'two', imageRef: IMAGE, flavorRef: '1', networks: 'none', min_count: 2 },
        'os:scheduler_hints': { group },
      },
    });
    await settleAll();
    const rows = await cloud.db.selectFrom('servers').selectAll().where('name', 'like', 'two-%').execute();
    expect(rows.map((row) => row.task_state ?? row.vm_state).toSorted()).toEqual(['error', 'spawning']);
    const lost = rows.find((row) => row.vm_state === 'error');
    expect(lost?.fault).toContain('of 1 host, 1 is with the group');
    await cloud.ask(`DELETE /v2.1/servers/${lost?.id}`, { as: 'member' });
    await settleAll();
    await pruneServers(cloud.db, cloud.clock.now().getTime() + 1, 10);
    const members = (): Promise<unknown[]> => cloud.db.selectFrom('server_group_members').selectAll().execute();
    expect(await members()).toHaveLength(1);
    await cloud.ask(`DELETE /v2.1/os-server-groups/${group}`, { as: 'member' });
    expect(await members()).toEqual([]);
  });
});

describe('servers that want the same room', () => {
  it('are scheduled anew when others were quicker at all hosts that were tried', async () => {
    cloud = await startServers();
    const hosts = Array.from(
      { length: 12 },
      (_, i) => `55555555-5555-4555-8555-5555555555${String(i).padStart(2, '0')}`,
    );
    for (const [i, id] of hosts.entries()) await cloud.beat(id, `host-${i}`);
    const claims: string[] = [];
    const { claim } = cloud.placement;
    Object.assign(cloud.placement, {
      claim: async (...args: Parameters<typeof claim>) => {
        claims.push(args[1].providerId);
        return claims.length <= 10 ? false : claim(...args);
      },
    });
    const { body } = await cloud.create();
    await settleAll();
    expect(await cloud.show(body.server.id)).toMatchObject({ 'OS-EXT-STS:task_state': 'spawning' });
    expect(claims).toHaveLength(11);
  });
});

async function settleAll(): Promise<void> {
  for (let i = 0; i < 30; i++) {
    await cloud.settle();
    await cloud.clock.advance(500);
  }
}
