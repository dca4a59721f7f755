/** Whatever is sent, compute answers below 500 and, when it refuses, changes nothing. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Db } from '#kernel/db/database.ts';
import { type ComputeUnderTest, startCompute } from '#tests/api/compute.ts';
import { HOST, heartbeatOf } from '#tests/api/compute-hosts.ts';
import { dumpTable } from '#tests/support/dump.ts';

let compute: ComputeUnderTest;
beforeAll(async () => {
  compute = await startCompute();
  await compute.service.heartbeat(HOST, heartbeatOf(HOST, 'one'));
});
afterAll(() => compute.close());

/** Tables that refused requests must leave as they are. */
const WATCHED = [
  'flavors',
  'flavor_extra_specs',
  'flavor_access',
  'key_pairs',
  'quota_limits',
  'server_groups',
  'aggregates',
  'aggregate_metadata',
  'aggregate_hosts',
  'console_tokens',
] as const;

async function snapshot(): Promise<string> {
  const tables = await Promise.all(WATCHED.map((table) => dumpTable(compute.db as Db, table)));
  const hosts = await compute.db
    .selectFrom('hosts')
    .select(['id', 'is_disabled', 'is_forced_down'])
    .orderBy('hostname')
    .execute();
  return JSON.stringify([tables, hosts]);
}

const WRITES: readonly (readonly [string, object])[] = [
  ['POST /v2.1/flavors', { flavor: { name: 'a', ram: 1, vcpus: 1, disk: 1, id: 'x', swap: 0, description: 'd' } }],
  ['PUT /v2.1/flavors/1', { flavor: { description: 'x' } }],
  ['POST /v2.1/flavors/1/action', { addTenantAccess: { tenant: 'x' } }],
  ['POST /v2.1/flavors/1/os-extra_specs', { extra_specs: { 'hw:cpu_policy': 'shared' } }],
  ['PUT /v2.1/flavors/1/os-extra_specs/a', { a: 'b' }],
  ['POST /v2.1/os-keypairs', { keypair: { name: 'a', public_key: 'ssh-rsa AAAA', type: 'ssh' } }],
  [`PUT /v2.1/os-quota-sets/${'1'.repeat(32)}`, { quota_set: { cores: 20, force: true, instances: '3' } }],
  ['PUT /v2.1/os-quota-class-sets/default', { quota_class_set: { cores: 20 } }],
  ['POST /v2.1/os-server-groups', { server_group: { name: 'a', policy: 'affinity', rules: {} } }],
  ['POST /v2.1/os-aggregates', { aggregate: { name: 'a', availability_zone: 'z' } }],
  ['POST /v2.1/os-aggregates/1/action', { add_host: { host: 'one' } }],
  ['POST /v2.1/os-aggregates/1/action', { set_metadata: { metadata: { a: 'b', c: null } } }],
  [`PUT /v2.1/os-services/${HOST}`, { status: 'disabled', disabled_reason: 'x', forced_down: false }],
  ['POST /v2.1/servers/x/remote-consoles', { remote_console: { protocol: 'vnc', type: 'novnc' } }],
];

const READS = [
  'flavors',
  'flavors/detail',
  'os-keypairs',
  'os-hypervisors',
  'os-hypervisors/detail',
  'os-migrations',
  'os-simple-tenant-usage',
  'os-server-groups',
  'os-services',
  'limits',
] as const;
const PARAMETERS = [
  'limit',
  'marker',
  'sort_key',
  'sort_dir',
  'is_public',
  'minRam',
  'changes-since',
  'offset',
  'start',
  'end',
  'user_id',
  'with_servers',
  'hypervisor_hostname_pattern',
  'tenant_id',
  'detailed',
  '__proto__',
  'host',
];

const strange = fc.oneof(
  fc.constantFrom<unknown>(null, true, -1, 0, 1e308, 2 ** 31, -(2 ** 53), '', ' ', '\u0000', '\ud800', '💥', [], {}),
  fc.string({ maxLength: 300, unit: 'binary' }),
  fc.integer(),
  fc.double(),
  fc.array(fc.string(), { maxLength: 3 }),
  fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 }),
);

/** The body with one of its values, or keys, replaced. */
function spoil(body: unknown, path: readonly number[], value: unknown, isKey: boolean): unknown {
  if (typeof body !== 'object' || body === null) return value;
  const entries = Object.entries(body);
  const [step = 0, ...rest] = path;
  const at = entries.length === 0 ? -1 : step % entries.length;
  if (at < 0 || rest.length === 0) {
    if (isKey) return { ...body, [typeof value === 'string' ? value : 'extra']: value };
    return Object.fromEntries(entries.map(([key, old], i) => [key, i === at ? value : old]));
  }
  return Object.fromEntries(entries.map(([key, old], i) => [key, i === at ? spoil(old, rest, value, isKey) : old]));
}

describe('bad input', () => {
  it('in bodies is never a bug, and what is refused changes nothing', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...WRITES),
        fc.array(fc.nat(9), { minLength: 1, maxLength: 4 }),
        strange,
        fc.boolean(),
        fc.constantFrom('2.1', '2.36', '2.60', 'latest'),
        async ([line, body], path, value, isKey, version) => {
          const before = await snapshot();
          const answer = await compute.ask(line, { as: 'admin', version, body: spoil(body, path, value, isKey) });
          expect(answer.status, `${line}: ${answer.text}`).toBeLessThan(500);
          if (answer.status >= 400) expect(await snapshot()).toBe(before);
        },
      ),
      { numRuns: 400 },
    );
  });

  it('in queries is never a bug', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...READS),
        fc.array(fc.tuple(fc.constantFrom(...PARAMETERS), fc.string({ maxLength: 60 })), { maxLength: 3 }),
        fc.constantFrom('2.1', '2.36', '2.60', 'latest'),
        async (path, parameters, version) => {
          const query = new URLSearchParams(parameters).toString();
          const answer = await compute.ask(`GET /v2.1/${path}?${query}`, { as: 'admin', version });
          expect(answer.status, `${path}?${query}: ${answer.text}`).toBeLessThan(500);
        },
      ),
      { numRuns: 400 },
    );
  });

  it('in paths is never a bug', async () => {
    const places = ['flavors', 'os-keypairs', 'os-aggregates', 'os-hypervisors', 'os-services', 'os-server-groups'];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...places, 'os-quota-sets', 'os-console-auth-tokens', 'os-hosts', 'extensions'),
        fc.string({ minLength: 1, maxLength: 300 }),
        fc.constantFrom('GET', 'DELETE'),
        fc.constantFrom('2.1', 'latest'),
        async (place, id, method, version) => {
          const line = `${method} /v2.1/${place}/${encodeURIComponent(id)}`;
          const answer = await compute.ask(line, { as: 'admin', version });
          expect(answer.status, `${line}: ${answer.text}`).toBeLessThan(500);
        },
      ),
      { numRuns: 300 },
    );
  });
});
