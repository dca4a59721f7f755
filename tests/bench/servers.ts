/**
 * How many servers a second one controller takes from POST to ACTIVE, with hosts that do at once what they are told and
 * network and image in memory: `node tests/bench/servers.ts [count] [at once] [hosts]`.
 */
import { performance } from 'node:perf_hooks';
import { fakeNetworks, IMAGE, NETWORK } from '../api/compute-peers.ts';
import { startServers } from '../api/servers.ts';

const count = Number(process.argv[2] ?? 500);
const atOnce = Number(process.argv[3] ?? 16);
const cloud = await startServers({ network: fakeNetworks() });
const HOSTS = Number(process.argv[4] ?? 10);
const hostIds = Array.from(
  { length: HOSTS },
  (_, i) => `55555555-5555-4555-8555-5555555555${String(i).padStart(2, '0')}`,
);
for (const id of hostIds)
  await cloud.beat(id, `host-${id.slice(-2)}`, { vcpus: 4_000, memoryMib: 4_000_000, diskGib: 100_000 });
await cloud.ask('PUT /v2.1/os-quota-sets/11111111111111111111111111111111', {
  as: 'admin',
  body: { quota_set: { instances: -1, cores: -1, ram: -1 } },
});

let isRunning = true;
let passes = 0;
const seen = new Map<string, number>();
const hosts = hostIds.map(async (id) => {
  while (isRunning) {
    const desired = await cloud.service.desiredGuests(id);
    if (desired.revision === seen.get(id)) {
      await new Promise((resolve) => setTimeout(resolve, 2));
      continue;
    }
    seen.set(id, desired.revision);
    passes += 1;
    const guests = desired.guests.map((guest) => ({
      id: guest.id,
      power: guest.power,
      powerSerial: guest.powerSerial,
      rebootSerial: guest.rebootSerial,
      portIds: [],
    }));
    await cloud.service.reportGuests(id, { revision: desired.revision, guests, strangers: [] });
  }
});

const started = performance.now();
let next = 0;
await Promise.all(
  Array.from({ length: atOnce }, async () => {
    while (next < count) {
      next += 1;
      const { status, text } = await cloud.ask('POST /v2.1/servers', {
        as: 'member',
        body: { server: { name: `s${next}`, imageRef: IMAGE, flavorRef: '1', networks: [{ uuid: NETWORK }] } },
      });
      if (status !== 202) throw new Error(text);
    }
  }),
);
const accepted = performance.now();
const activeCount = async (): Promise<number> => {
  const row = await cloud.db
    .selectFrom('servers')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('vm_state', '=', 'active')
    .executeTakeFirstOrThrow();
  return Number(row.count);
};
while ((await activeCount()) < count) await new Promise((resolve) => setTimeout(resolve, 5));
const done = performance.now();
console.log(`${count} accepted in ${Math.round(accepted - started)} ms, active in ${Math.round(done - started)} ms`);
console.log(`${Math.round((count / (done - started)) * 1000)} servers/s, ${passes} passes of hosts`);
isRunning = false;
await Promise.all(hosts);
for (const limit of [100, 1000]) {
  const times: number[] = [];
  for (let i = 0; i < 20; i++) {
    const from = performance.now();
    await cloud.ask(`GET /v2.1/servers/detail?limit=${limit}`, { as: 'member' });
    times.push(performance.now() - from);
  }
  times.sort((a, b) => a - b);
  console.log(`list of ${limit} with details: median ${times[10]?.toFixed(1)} ms`);
}
await cloud.close();
