/** What operators see and do: aggregates, zones, services, hypervisors and the hosts of old. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Ask, type ComputeUnderTest, PROJECT, startCompute } from '#tests/api/compute.ts';
import { HOST, heartbeatOf, OTHER_HOST } from '#tests/api/compute-hosts.ts';
import { insertServers } from '#tests/api/compute-rows.ts';

let compute: ComputeUnderTest;
beforeEach(async () => {
  compute = await startCompute();
  await compute.service.heartbeat(HOST, heartbeatOf(HOST, 'one'));
  await compute.service.heartbeat(OTHER_HOST, heartbeatOf(OTHER_HOST, 'two'));
});
afterEach(() => compute.close());

const ask = (line: string, body?: object, how: Ask = {}) =>
  compute.ask(line, { as: 'admin', ...(body === undefined ? {} : { body }), ...how });
const createAggregate = async (name: string, zone?: string) =>
  (await ask('POST /v2.1/os-aggregates', { aggregate: { name, availability_zone: zone ?? null } })).body.aggregate.id;
const act = (id: number, action: object) => ask(`POST /v2.1/os-aggregates/${id}/action`, action);

describe('all of them', () => {
  it.each([
    'GET /v2.1/os-aggregates',
    'POST /v2.1/os-aggregates',
    'GET /v2.1/os-availability-zone/detail',
    'GET /v2.1/os-services',
    `PUT /v2.1/os-services/${HOST}`,
    'GET /v2.1/os-hypervisors',
    'GET /v2.1/os-hypervisors/detail',
    `GET /v2.1/os-hypervisors/${HOST}`,
  ])('are for administrators: %s', async (line) => {
    for (const as of ['member', 'reader'] as const) expect((await compute.ask(line, { as })).status).toBe(403);
  });
});

describe('aggregates', () => {
  it('are made, shown, renamed and deleted', async () => {
    const made = await ask('POST /v2.1/os-aggregates', { aggregate: { name: ' a'.trim(), availability_zone: 'z1' } });
    expect([made.status, made.body.aggregate]).toMatchObject([
      200,
      { id: 1, name: 'a', availability_zone: 'z1', updated_at: null, deleted: false },
    ]);
    expect('hosts' in made.body.aggregate).toBe(false);
    const shown = await ask('GET /v2.1/os-aggregates/1');
    expect(shown.body.aggregate).toMatchObject({ hosts: [], metadata: { availability_zone: 'z1' } });
    expect(
      (await ask('GET /v2.1/os-aggregates/1', undefined, { version: '2.40' })).body.aggregate.uuid,
    ).toBeUndefined();
    const renamed = await ask('PUT /v2.1/os-aggregates/1', { aggregate: { name: 'b', availability_zone: 'z2' } });
    expect(renamed.body.aggregate).toMatchObject({ name: 'b', availability_zone: 'z2' });
    expect((await ask('DELETE /v2.1/os-aggregates/1')).status).toBe(200);
    const gone = await ask('GET /v2.1/os-aggregates/1');
    expect([gone.status, gone.body.itemNotFound.message]).toEqual([404, 'Aggregate 1 could not be found.']);
    expect((await ask('GET /v2.1/os-aggregates/one')).status).toBe(400);
  });

  it('of the same name are refused with 409', async () => {
    await createAggregate('a');
    await createAggregate('b');
    const again = await ask('POST /v2.1/os-aggregates', { aggregate: { name: 'a' } });
    expect([again.status, again.body.conflictingRequest.message]).toEqual([409, 'Aggregate a already exists.']);
    expect((await ask('PUT /v2.1/os-aggregates/2', { aggregate: { name: 'a' } })).status).toBe(409);
    expect((await ask('PUT /v2.1/os-aggregates/2', { aggregate: { name: 'b' } })).status).toBe(200);
  });

  it('take hosts in and let them go', async () => {
    const id = await createAggregate('a', 'z1');
    expect((await act(id, { add_host: { host: 'one' } })).body.aggregate.hosts).toEqual(['one']);
    expect((await act(id, { add_host: { host: 'one' } })).status).toBe(409);
    const unknown = await act(id, { add_host: { host: 'nowhere' } });
    expect([unknown.status, unknown.body.itemNotFound.message]).toEqual([
      404,
      'Compute host nowhere could not be found.',
    ]);
    const full = await ask(`DELETE /v2.1/os-aggregates/${id}`);
    expect([full.status, full.body.badRequest.message]).toEqual([
      400,
      `Cannot remove host from aggregate ${id}. Reason: Host aggregate is not empty.`,
    ]);
    expect((await act(id, { remove_host: { host: 'one' } })).body.aggregate.hosts).toEqual([]);
    const again = await act(id, { remove_host: { host: 'one' } });
    expect([again.status, again.body.itemNotFound.message]).toEqual([404, `Cannot remove host one in aggregate ${id}`]);
  });

  it('put a host into one zone only', async () => {
    const first = await createAggregate('a', 'z1');
    const second = await createAggregate('b', 'z2');
    const plain = await createAggregate('c');
    await act(first, { add_host: { host: 'one' } });
    const other = await act(second, { add_host: { host: 'one' } });
    expect([other.status, other.body.conflictingRequest.message]).toEqual([
      409,
      `Cannot add host to aggregate ${second}. Reason: One or more hosts already in availability zone(s) ['z1'].`,
    ]);
    expect((await act(plain, { add_host: { host: 'one' } })).status).toBe(200);
    const changed = await act(plain, { set_metadata: { metadata: { availability_zone: 'z3', ssd: 'true' } } });
    expect([changed.status, changed.body.badRequest.message]).toEqual([
      400,
      `Cannot update metadata of aggregate ${plain}. Reason: One or more hosts already in availability zone(s) ['z1'].`,
    ]);
    const empty = await act(first, { set_metadata: { metadata: { availability_zone: null } } });
    expect(empty.body.badRequest.message).toContain('does not support empty named availability zone');
  });

  it('keep their zone while their hosts have servers', async () => {
    const id = await createAggregate('a', 'z1');
    await act(id, { add_host: { host: 'one' } });
    await insertServers(compute.db, 1, { project_id: PROJECT, host_id: HOST });
    const { status, body } = await ask(`PUT /v2.1/os-aggregates/${id}`, { aggregate: { availability_zone: 'z2' } });
    expect([status, body.badRequest.message]).toEqual([
      400,
      `Cannot update aggregate ${id}. Reason: One or more hosts contain instances in this zone.`,
    ]);
    expect((await act(id, { set_metadata: { metadata: { ssd: 'true' } } })).body.aggregate.metadata).toEqual({
      availability_zone: 'z1',
      ssd: 'true',
    });
    expect((await act(id, { set_metadata: { metadata: { ssd: null } } })).body.aggregate.metadata).toEqual({
      availability_zone: 'z1',
    });
  });

  it.each([
    { add_host: {} },
    { add_host: { host: 'a b' } },
    { add_host: { host: 'one' }, remove_host: { host: 'one' } },
    { set_metadata: { metadata: { 'a/b': 'x' } } },
    { set_metadata: { metadata: { a: 'x'.repeat(256) } } },
    { explode: {} },
    {},
  ])('refuse a bad action: %.80j', async (action) => {
    expect((await act(await createAggregate('a'), action)).status).toBe(400);
  });
});

describe('availability zones', () => {
  it('are nova and those that aggregates make', async () => {
    await act(await createAggregate('a', 'z1'), { add_host: { host: 'one' } });
    const list = await compute.ask('GET /v2.1/os-availability-zone', { as: 'reader' });
    expect(list.body.availabilityZoneInfo).toEqual([
      { zoneName: 'nova', zoneState: { available: true }, hosts: null },
      { zoneName: 'z1', zoneState: { available: true }, hosts: null },
    ]);
    const detail = await ask('GET /v2.1/os-availability-zone/detail');
    expect(Object.keys(Object.values(detail.body.availabilityZoneInfo[0].hosts)[0] as object)).toEqual([
      'nova-scheduler',
      'nova-conductor',
    ]);
    expect(detail.body.availabilityZoneInfo[2].hosts.one['nova-compute']).toMatchObject({
      available: true,
      active: true,
    });
  });

  it('whose hosts are all disabled are not available', async () => {
    await act(await createAggregate('a', 'z1'), { add_host: { host: 'one' } });
    await ask(`PUT /v2.1/os-services/${HOST}`, { status: 'disabled' });
    const list = await ask('GET /v2.1/os-availability-zone/detail');
    expect(list.body.availabilityZoneInfo[2]).toEqual({
      zoneName: 'z1',
      zoneState: { available: false },
      hosts: null,
    });
  });
});

describe('services', () => {
  const first = async (how: Ask = {}) => (await ask('GET /v2.1/os-services?host=one', undefined, how)).body.services[0];

  it('are the hosts, by UUID from 2.53 on', async () => {
    expect(await first()).toMatchObject({
      binary: 'nova-compute',
      host: 'one',
      id: HOST,
      zone: 'nova',
      status: 'enabled',
      state: 'up',
      disabled_reason: null,
      forced_down: false,
    });
    const old = await first({ version: '2.1' });
    expect([old.id, 'forced_down' in old]).toEqual([1, false]);
    const scheduler = (await ask('GET /v2.1/os-services?binary=nova-scheduler')).body.services[0];
    expect(scheduler).toMatchObject({ zone: 'internal', state: 'up', status: 'enabled' });
    const refused = await ask(`PUT /v2.1/os-services/${scheduler.id}`, { status: 'disabled' });
    expect([refused.status, refused.body.badRequest.message]).toEqual([
      400,
      'Updating a nova-scheduler service is not supported. Only nova-compute services can be updated.',
    ]);
  });

  it('of hosts that fall silent are down', async () => {
    await compute.clock.advance(60_000);
    expect((await first()).state).toBe('down');
    await compute.service.heartbeat(HOST, heartbeatOf(HOST, 'one'));
    expect((await first()).state).toBe('up');
  });

  it('are disabled, enabled and forced down', async () => {
    const disabled = await ask(`PUT /v2.1/os-services/${HOST}`, { status: 'disabled', disabled_reason: 'repairs' });
    expect([disabled.status, disabled.body.service]).toMatchObject([
      200,
      { status: 'disabled', disabled_reason: 'repairs' },
    ]);
    const forced = await ask(`PUT /v2.1/os-services/${HOST}`, { forced_down: true });
    expect(forced.body.service).toMatchObject({ forced_down: true, state: 'down', status: 'disabled' });
    const enabled = await ask(`PUT /v2.1/os-services/${HOST}`, { status: 'enabled', forced_down: false });
    expect(enabled.body.service).toMatchObject({ status: 'enabled', disabled_reason: null, state: 'up' });
  });

  it.each([
    [{ status: 'enabled', disabled_reason: 'x' }, "Specifying 'disabled_reason' with status 'enabled' is invalid."],
    [{}, 'No updates were requested.'],
    [{ disabled_reason: 'x' }, 'No updates were requested.'],
    [{ status: 'asleep' }, 'is not one of'],
    [{ host: 'one', binary: 'nova-compute' }, 'Additional properties are not allowed'],
  ])('refuse a bad change: %j', async (body, sentence) => {
    const answer = await ask(`PUT /v2.1/os-services/${HOST}`, body);
    expect([answer.status, answer.body.badRequest.message]).toEqual([400, expect.stringContaining(sentence)]);
    expect((await first()).status).toBe('enabled');
  });

  it('are changed by verbs in the path before 2.53', async () => {
    const put = (verb: string, body: object, version = '2.11') =>
      ask(`PUT /v2.1/os-services/${verb}`, { host: 'one', binary: 'nova-compute', ...body }, { version });
    expect((await put('disable', {})).body.service).toEqual({
      host: 'one',
      binary: 'nova-compute',
      status: 'disabled',
    });
    expect((await put('disable-log-reason', { disabled_reason: 'x' })).body.service.disabled_reason).toBe('x');
    expect((await put('disable-log-reason', {})).status).toBe(400);
    expect((await put('enable', {})).body.service.status).toBe('enabled');
    expect((await put('force-down', { forced_down: true })).body.service.forced_down).toBe(true);
    expect((await put('force-down', {}, '2.10')).status).toBe(404);
    expect((await put('explode', {})).status).toBe(404);
    expect((await put('disable', { host: 'nowhere' })).status).toBe(404);
    expect((await put('disable', { binary: 'nova-scheduler' })).status).toBe(400);
  });

  it('are deleted once they have no servers', async () => {
    const [server] = await insertServers(compute.db, 1, { project_id: PROJECT, host_id: HOST });
    expect((await ask(`DELETE /v2.1/os-services/${HOST}`)).status).toBe(409);
    await compute.db
      .updateTable('servers')
      .set({ deleted_at: 1 })
      .where('id', '=', server ?? '')
      .execute();
    expect((await ask(`DELETE /v2.1/os-services/${HOST}`)).status).toBe(204);
    expect((await ask(`DELETE /v2.1/os-services/${HOST}`)).status).toBe(404);
    expect((await ask('DELETE /v2.1/os-services/1')).status).toBe(400);
    expect((await ask('DELETE /v2.1/os-services/2', undefined, { version: '2.52' })).status).toBe(204);
  });
});

describe('hypervisors', () => {
  it('tell what they have until 2.87, and their uptime from 2.88 on', async () => {
    const old = await ask(`GET /v2.1/os-hypervisors/${HOST}`, undefined, { version: '2.87' });
    expect(old.body.hypervisor).toMatchObject({
      hypervisor_hostname: 'one',
      hypervisor_version: 7_002_022,
      host_ip: '192.0.2.11',
      vcpus: 4,
      memory_mb_used: 512,
      free_ram_mb: 7680,
      cpu_info: { vendor: 'AMD', topology: { cores: 2, sockets: 1, threads: 2 } },
      service: { id: HOST, host: 'one', disabled_reason: null },
    });
    const fresh = await ask(`GET /v2.1/os-hypervisors/${HOST}`);
    expect(fresh.body.hypervisor.vcpus).toBeUndefined();
    expect(fresh.body.hypervisor.uptime).toBe(' 00:00:00 up 1 day, 1:00');
    const oldest = await ask('GET /v2.1/os-hypervisors/1', undefined, { version: '2.27' });
    expect(JSON.parse(oldest.body.hypervisor.cpu_info).arch).toBe('x86_64');
  });

  it('name their servers when asked', async () => {
    const [id] = await insertServers(compute.db, 1, { project_id: PROJECT, host_id: HOST, name: 'web' });
    const list = await ask('GET /v2.1/os-hypervisors?with_servers=true');
    expect(list.body.hypervisors.map(({ servers }: { servers: unknown }) => servers)).toEqual([
      [{ name: 'web', uuid: id }],
      [],
    ]);
    const old = await ask('GET /v2.1/os-hypervisors/one/servers', undefined, { version: '2.52' });
    expect(old.body.hypervisors[0].servers).toHaveLength(1);
  });

  it('are found by a part of their name', async () => {
    const found = await ask('GET /v2.1/os-hypervisors?hypervisor_hostname_pattern=tw');
    expect(found.body.hypervisors).toHaveLength(1);
    const none = await ask('GET /v2.1/os-hypervisors?hypervisor_hostname_pattern=three');
    expect([none.status, none.body.itemNotFound.message]).toEqual([
      404,
      "No hypervisor matching 'three' could be found.",
    ]);
    expect((await ask('GET /v2.1/os-hypervisors?hypervisor_hostname_pattern=o&limit=1')).status).toBe(400);
    expect((await ask('GET /v2.1/os-hypervisors/two/search', undefined, { version: '2.52' })).status).toBe(200);
  });

  it('are paged', async () => {
    const first = await ask('GET /v2.1/os-hypervisors/detail?limit=1');
    expect(first.body.hypervisors_links[0].href).toBe(
      `http://cloud.example:8774/v2.1/os-hypervisors/detail?limit=1&marker=${HOST}`,
    );
    const second = await ask(`GET /v2.1/os-hypervisors?limit=1&marker=${HOST}`);
    expect(second.body.hypervisors[0].id).toBe(OTHER_HOST);
    expect((await ask('GET /v2.1/os-hypervisors?marker=1')).status).toBe(400);
  });

  it('sum up until 2.87', async () => {
    const { body } = await ask('GET /v2.1/os-hypervisors/statistics', undefined, { version: '2.87' });
    expect(body.hypervisor_statistics).toMatchObject({ count: 2, vcpus: 8, memory_mb: 16_384, local_gb: 200 });
    expect((await ask('GET /v2.1/os-hypervisors/statistics')).status).toBe(404);
  });

  it('that are not there are 404, and what is no id is 400 from 2.53 on', async () => {
    expect((await ask('GET /v2.1/os-hypervisors/77777777-7777-4777-8777-777777777777')).status).toBe(404);
    expect((await ask('GET /v2.1/os-hypervisors/99')).status).toBe(400);
    expect((await ask('GET /v2.1/os-hypervisors/abc', undefined, { version: '2.52' })).status).toBe(404);
    expect((await ask('GET /v2.1/os-hypervisors/1/uptime', undefined, { version: '2.52' })).status).toBe(200);
  });
});

describe('hosts as they were until 2.42', () => {
  it('are listed by zone and tell who uses them', async () => {
    const old = { version: '2.42' } as const;
    expect((await ask('GET /v2.1/os-hosts', undefined, old)).body.hosts).toContainEqual({
      host_name: 'one',
      service: 'compute',
      zone: 'nova',
    });
    expect((await ask('GET /v2.1/os-hosts?zone=xyz', undefined, old)).body.hosts).toEqual([]);
    await insertServers(compute.db, 1, { project_id: PROJECT, host_id: HOST, vcpus: 2, memory_mib: 256 });
    const shown = await ask('GET /v2.1/os-hosts/one', undefined, old);
    expect(shown.body.host.map(({ resource }: { resource: { project: string } }) => resource.project)).toEqual([
      '(total)',
      '(used_now)',
      '(used_max)',
      PROJECT,
    ]);
    expect(shown.body.host[3].resource).toMatchObject({ cpu: 2, memory_mb: 256, disk_gb: 1 });
    expect((await ask('GET /v2.1/os-hosts/nowhere', undefined, old)).status).toBe(404);
    expect((await ask('GET /v2.1/os-hosts/one/reboot', undefined, old)).status).toBe(501);
    expect((await ask('PUT /v2.1/os-hosts/one', { status: 'disable' }, old)).body.status).toBe('disabled');
    expect((await ask('GET /v2.1/os-hosts')).status).toBe(404);
  });
});
