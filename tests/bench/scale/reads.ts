/**
 * What reading costs in a large cloud: `node tests/bench/scale/reads.ts [servers] [hosts]`.
 *
 * One server is made as everybody makes one; its rows are then multiplied in SQL, so that a large cloud is there in seconds. Then one call
 * follows the other, as the times of a machine with other work mean little, with the processor time of this process (server and caller) for each.
 */
import Sqlite from 'better-sqlite3';
import { startCloud } from '../../support/cloud.ts';
import { makeSurroundings, serverBody, untilStatus } from '../../support/openstack.ts';

const servers = Number(process.argv[2] ?? 50_000);
const hosts = Number(process.argv[3] ?? 1_000);
const cloud = await startCloud({ hosts: 1 });
const around = await makeSurroundings(cloud);
const made = await cloud.get('compute', 'POST /v2.1/servers', { body: serverBody(around, 'first') });
await untilStatus(cloud, made.body.server.id, 'ACTIVE');

const sqlite = new Sqlite(cloud.databaseFile);
const columnsOf = (table: string, without: readonly string[]): string[] =>
  (sqlite.pragma(`table_info(${table})`) as { name: string }[])
    .map(({ name }) => name)
    .filter((name) => !without.includes(name));

/** Copies a table's first row, with a few columns made anew from the number `i`. */
function multiply(
  table: string,
  count: number,
  fresh: Readonly<Record<string, string>>,
  without: readonly string[] = [],
): void {
  const columns = columnsOf(table, without);
  const values = columns.map((name) => fresh[name] ?? `"${name}"`);
  sqlite.exec(
    `with recursive n(i) as (select 1 union all select i + 1 from n where i < ${count})
     insert into ${table} (${columns.map((name) => `"${name}"`).join()})
     select ${values.join()} from (select * from ${table} limit 1), n`,
  );
}
const idOf = (prefix: string): string => `'${prefix}-0000-4000-8000-' || printf('%012d', i)`;
const hostOf = `case when i % ${hosts} = 0 then host_id else '00000001-0000-4000-8000-' || printf('%012d', i % ${hosts}) end`;

multiply('hosts', hosts - 1, { id: idOf('00000001'), hostname: "'host-' || i" }, ['number']);
multiply('placement_providers', hosts - 1, { id: idOf('00000001'), root_id: idOf('00000001'), name: "'host-' || i" });
for (const table of ['placement_inventories', 'placement_provider_traits']) {
  const first = sqlite.prepare(`select provider_id from ${table} limit 1`).pluck().get() as string;
  const columns = columnsOf(table, ['provider_id']);
  sqlite
    .prepare(
      `insert into ${table} (provider_id, ${columns.map((name) => `"${name}"`).join()})
       select p.id, ${columns.map((name) => `t."${name}"`).join()} from placement_providers p, ${table} t
       where p.id != ? and t.provider_id = ?`,
    )
    .run(first, first);
}
multiply('servers', servers - 1, { id: idOf('00000002'), host_id: hostOf, created_at: 'created_at + i' }, ['number']);
multiply('server_guests', servers - 1, { server_id: idOf('00000002'), host_id: hostOf });
sqlite.close();

interface Measured {
  readonly what: string;
  readonly p50: number;
  readonly p99: number;
  readonly cpuMs: number;
}

async function measure(what: string, count: number, call: (i: number) => Promise<unknown>): Promise<Measured> {
  for (let i = 0; i < Math.min(10, count); i++) await call(i);
  const times: number[] = [];
  const cpu = process.cpuUsage();
  for (let i = 0; i < count; i++) {
    const startMs = performance.now();
    await call(i);
    times.push(performance.now() - startMs);
  }
  const { user, system } = process.cpuUsage(cpu);
  const sorted = times.toSorted((a, b) => a - b);
  const at = (percent: number): number => sorted[Math.ceil((percent / 100) * count) - 1] ?? 0;
  return { what, p50: at(50), p99: at(99), cpuMs: (user + system) / 1000 / count };
}

const idAt = (i: number): string =>
  `00000002-0000-4000-8000-${String(1 + ((i * 7919) % (servers - 1))).padStart(12, '0')}`;
const detail = (i: number): string => `GET /v2.1/servers/detail?limit=1000&marker=${idAt(i)}`;
const candidates = 'GET /allocation_candidates?resources=VCPU:1,MEMORY_MB:64,DISK_GB:1';
const table = [
  await measure('show', 300, (i) => cloud.get('compute', `GET /v2.1/servers/${idAt(i)}`)),
  await measure('page of 1000 with details', 60, (i) => cloud.get('compute', detail(i))),
  await measure('names that contain a text, a page of 100', 30, () =>
    cloud.get('compute', 'GET /v2.1/servers?name=irs&limit=100'),
  ),
  await measure(`allocation candidates of ${hosts} providers`, 60, () => cloud.get('placement', candidates)),
];
console.log(`${servers} servers on ${hosts} hosts; times in ms`);
for (const { what, p50, p99, cpuMs } of table)
  console.log(
    `${what.padEnd(48)} p50 ${p50.toFixed(1).padStart(6)}  p99 ${p99.toFixed(1).padStart(6)}  processor ${cpuMs.toFixed(1).padStart(6)}`,
  );
const { rss, heapUsed } = process.memoryUsage();
const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);
console.log(`memory of this process, caller included: ${mib(rss)} MiB (heap ${mib(heapUsed)})`);
await cloud.stop();
