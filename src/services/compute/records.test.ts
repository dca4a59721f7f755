/** What is written down about servers: actions, usage, migrations; and what is no longer there. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Ask, type ComputeUnderTest, OTHER_PROJECT, PROJECT, startCompute } from '#tests/api/compute.ts';
import { HOST, heartbeatOf, OTHER_HOST } from '#tests/api/compute-hosts.ts';
import { insertServers } from '#tests/api/compute-rows.ts';
import { finishEvent, recordAction, startEvent } from './instance-actions/store.ts';
import { insertMigration, updateMigration } from './migrations/store.ts';

let compute: ComputeUnderTest;
let server: string;
const HOUR = 3_600_000;
beforeEach(async () => {
  compute = await startCompute();
  await compute.service.heartbeat(HOST, heartbeatOf(HOST, 'one'));
  [server = ''] = await insertServers(compute.db, 1, { project_id: PROJECT, host_id: HOST, name: 'web' });
});
afterEach(() => compute.close());

const now = (): number => compute.clock.now().getTime();
const get = (path: string, as: Ask['as'] = 'member', version = 'latest') =>
  compute.ask(`GET /v2.1${path}`, { as: as ?? 'member', version });

describe('actions of a server', () => {
  const actions = () => `/servers/${server}/os-instance-actions`;
  const record = async (requestId: string, action: string): Promise<void> => {
    await compute.clock.advance(1_000);
    const owner = { userId: 'u', projectId: PROJECT };
    await recordAction(compute.db, { serverId: server, requestId, action, ...owner, at: now() });
  };

  it('are listed newest first and shown with what was done', async () => {
    await record('req-1', 'create');
    await record('req-2', 'reboot');
    const event = { serverId: server, requestId: 'req-2', event: 'compute_reboot_instance', host: 'one' };
    await startEvent(compute.db, { ...event, at: now() });
    await compute.clock.advance(1_000);
    await finishEvent(compute.db, { ...event, at: now() });
    const list = await get(actions());
    expect(list.body.instanceActions).toMatchObject([
      { action: 'reboot', request_id: 'req-2', instance_uuid: server, message: null },
      { action: 'create', request_id: 'req-1', start_time: '2026-01-01T00:00:01.000000' },
    ]);
    const shown = await get(`${actions()}/req-2`, 'admin');
    expect(shown.body.instanceAction.events).toEqual([
      {
        event: 'compute_reboot_instance',
        start_time: '2026-01-01T00:00:02.000000',
        finish_time: '2026-01-01T00:00:03.000000',
        result: 'Success',
        traceback: null,
        host: 'one',
        hostId: expect.stringMatching(/^[0-9a-f]{56}$/),
        details: null,
      },
    ]);
  });

  it('hide hosts and tracebacks from those who own the server', async () => {
    await record('req-1', 'create');
    await finishEvent(
      compute.db,
      { serverId: server, requestId: 'req-1', event: 'compute__do_build', host: 'one', at: now() },
      'no room on host one',
    );
    const { body } = await get(`${actions()}/req-1`);
    expect(body.instanceAction.message).toBe('Error');
    expect(body.instanceAction.events[0].result).toBe('Error');
    expect(JSON.stringify(body)).not.toMatch(/"one"|no room|traceback/);
    expect((await get(`${actions()}/req-1`, 'member', '2.50')).body.instanceAction.events).toBeUndefined();
  });

  it('are for the server’s project, also after the server is gone (from 2.21 on)', async () => {
    await record('req-1', 'create');
    expect((await get(actions(), 'stranger')).status).toBe(403);
    await compute.db.updateTable('servers').set({ deleted_at: 1 }).where('id', '=', server).execute();
    expect((await get(actions())).body.instanceActions).toHaveLength(1);
    expect((await get(actions(), 'member', '2.20')).status).toBe(404);
    expect((await get(`${actions()}/req-9`)).status).toBe(404);
    expect((await get('/servers/nothing/os-instance-actions')).status).toBe(404);
  });

  it('are paged and filtered by time from 2.58 on', async () => {
    for (const id of ['req-1', 'req-2', 'req-3']) await record(id, 'reboot');
    const first = await get(`${actions()}?limit=2`);
    expect(first.body.links[0].href).toContain(`/servers/${server}/os-instance-actions?limit=2&marker=req-2`);
    expect((await get(`${actions()}?limit=2&marker=req-2`)).body.instanceActions).toHaveLength(1);
    expect((await get(`${actions()}?marker=req-9`)).status).toBe(400);
    expect((await get(`${actions()}?changes-since=2026-01-01T00:00:02Z`)).body.instanceActions).toHaveLength(2);
    const between = 'changes-since=2026-01-01T00:00:02Z&changes-before=2026-01-01T00:00:02Z';
    expect((await get(`${actions()}?${between}`)).body.instanceActions).toHaveLength(1);
    expect((await get(`${actions()}?changes-since=yesterday`)).status).toBe(400);
    const reversed = 'changes-since=2026-01-01T00:00:03Z&changes-before=2026-01-01T00:00:02Z';
    expect((await get(`${actions()}?${reversed}`)).status).toBe(400);
  });
});

describe('usage', () => {
  const flavor = JSON.stringify({ name: 'm1.x', vcpus: 2, memoryMib: 512, rootGib: 1, ephemeralGib: 1 });
  const at = (hours: number): string => new Date(Date.UTC(2026, 0, 1, hours)).toISOString().slice(0, 19);

  it('counts hours within the window, deleted servers too', async () => {
    const base = now();
    await insertServers(compute.db, 1, { project_id: PROJECT, launched_at: base, flavor });
    await insertServers(compute.db, 1, {
      project_id: PROJECT,
      launched_at: base,
      terminated_at: base + 2 * HOUR,
      deleted_at: base + 2 * HOUR,
      flavor,
    });
    await insertServers(compute.db, 1, { project_id: OTHER_PROJECT, launched_at: base, flavor });
    await compute.clock.advance(10 * HOUR);
    const shown = await get(`/os-simple-tenant-usage/${PROJECT}?start=${at(1)}&end=${at(5)}`);
    expect(shown.body.tenant_usage).toMatchObject({
      tenant_id: PROJECT,
      total_hours: 5,
      total_vcpus_usage: 10,
      total_memory_mb_usage: 2560,
      total_local_gb_usage: 10,
      start: '2026-01-01T01:00:00.000000',
      stop: '2026-01-01T05:00:00.000000',
    });
    const states = shown.body.tenant_usage.server_usages.map(({ state }: { state: string }) => state);
    expect(states.toSorted()).toEqual(['active', 'terminated']);
    const list = await get(`/os-simple-tenant-usage?start=${at(1)}&end=${at(5)}`, 'admin');
    expect(list.body.tenant_usages).toHaveLength(2);
    expect(list.body.tenant_usages[0].server_usages).toBeUndefined();
    const paged = await get(`/os-simple-tenant-usage?detailed=1&limit=1&start=${at(1)}&end=${at(5)}`, 'admin');
    expect(paged.body.tenant_usages_links[0].href).toContain('marker=');
  });

  it('is for administrators, and each project’s own', async () => {
    expect((await get('/os-simple-tenant-usage')).status).toBe(403);
    expect((await get(`/os-simple-tenant-usage/${OTHER_PROJECT}`)).status).toBe(403);
  });

  it.each(['start=now', 'start=2026-13-01T00:00:00', 'start=2026-01-02T00:00:00&end=2026-01-01T00:00:00', 'limit=-1'])(
    'is refused for %s',
    async (query) => {
      expect((await get(`/os-simple-tenant-usage?${query}`, 'admin')).status).toBe(400);
    },
  );
});

describe('migrations', () => {
  it('are listed newest first, with the names of their hosts', async () => {
    await compute.service.heartbeat(OTHER_HOST, heartbeatOf(OTHER_HOST, 'two'));
    const common = { server_id: server, project_id: PROJECT, user_id: 'u', source_host_id: HOST };
    const row = { ...common, dest_host_id: OTHER_HOST, created_at: now(), updated_at: null };
    await insertMigration(compute.db, { ...row, uuid: 'm1', type: 'resize', status: 'migrating' });
    await insertMigration(compute.db, { ...row, uuid: 'm2', type: 'live-migration', status: 'running' });
    await updateMigration(compute.db, 'm1', { status: 'finished', updated_at: now() });
    const { body } = await get('/os-migrations', 'admin');
    expect(body.migrations).toMatchObject([
      { uuid: 'm2', migration_type: 'live-migration', links: [{ rel: 'self' }, { rel: 'bookmark' }] },
      { uuid: 'm1', status: 'finished', source_compute: 'one', dest_compute: 'two', dest_host: '192.0.2.11' },
    ]);
    const count = async (query: string, version = 'latest') =>
      (await get(`/os-migrations?${query}`, 'admin', version)).body.migrations?.length;
    expect(await count('status=finished')).toBe(1);
    expect(await count('host=two')).toBe(2);
    expect(await count('source_compute=two')).toBe(0);
    expect(await count('limit=1')).toBe(1);
    expect(await count('limit=1&marker=m1')).toBe(0);
    expect(await count('marker=zzz', '2.58')).toBe(2);
    const old = (await get('/os-migrations', 'admin', '2.1')).body.migrations[0];
    expect(['uuid', 'migration_type', 'project_id'].some((key) => key in old)).toBe(false);
    expect((await get('/os-migrations')).status).toBe(403);
    expect((await get('/os-migrations?marker=zzz', 'admin')).status).toBe(400);
  });
});

describe('what is no longer there', () => {
  it.each(['/os-agents', '/os-cells/detail', '/os-fping', '/os-cloudpipe', '/os-certificates/root', '/os-fixed-ips/x'])(
    '%s answers 410',
    async (path) => {
      expect((await get(path, 'admin')).status).toBe(410);
    },
  );

  it('leaves the names of extensions behind', async () => {
    expect((await get('/extensions')).body.extensions.length).toBeGreaterThan(90);
    expect((await get('/extensions/os-keypairs')).body.extension.name).toBe('Keypairs');
    expect((await get('/extensions/nothing')).status).toBe(404);
  });

  it('leaves the audit of usage without a host that has done it', async () => {
    const { body } = await get('/os-instance_usage_audit_log', 'admin');
    expect(body.instance_usage_audit_logs).toMatchObject({
      period_beginning: '2025-12-01 00:00:00',
      period_ending: '2026-01-01 00:00:00',
      hosts_not_run: ['one'],
    });
    expect((await get('/os-instance_usage_audit_log/2013-02-30x', 'admin')).status).toBe(400);
    expect((await get('/os-instance_usage_audit_log/2013-02-01%2000:00:00', 'admin')).status).toBe(200);
  });
});
