/**
 * The real process, killed with SIGKILL at random moments while servers are made and deleted, and started again over the same
 * folder. PILEUS_SEED=… repeats the moments of a failure, as far as a real machine repeats anything; PILEUS_KILLS=… kills more often.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { seededRandom } from '#kernel/random.ts';
import { until } from '../support/cloud.ts';
import { brokenAtRest, leftOver } from '../support/invariants.ts';
import { makeSurroundings, serverBody } from '../support/openstack.ts';
import { type CloudProcess, startProcess } from '../support/process.ts';
import { watchTables } from '../support/table-watch.ts';

const SEED = Number(process.env['PILEUS_SEED'] ?? 1);
const KILLS = Number(process.env['PILEUS_KILLS'] ?? 2);
const SERVERS = 6;
/** A kill comes within this long of the first request. */
const WITHIN_MS = 300;
/** The lease of a dead controller, and then the work. */
const REST_MS = 90_000;

/** Sends requests until the connection breaks. */
async function burst(cloud: CloudProcess, around: Parameters<typeof serverBody>[0]): Promise<void> {
  const { servers } = (await cloud.get('compute', 'GET /v2.1/servers')).body;
  const requests = [
    ...servers.map(({ id }: { id: string }) => cloud.ask('compute', `DELETE /v2.1/servers/${id}`)),
    ...Array.from({ length: SERVERS }, (_, i) =>
      cloud.ask('compute', 'POST /v2.1/servers', { body: serverBody(around, `s${i}`) }),
    ),
  ];
  await Promise.allSettled(requests);
}

it('a cloud killed in the middle of creates and deletes comes to rest after its next start', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'pileus-killed-'));
  const random = seededRandom(SEED);
  let cloud = await startProcess({ dataDir });
  try {
    const around = await makeSurroundings(cloud);
    for (let kill = 0; kill < KILLS; kill++) {
      const sent = burst(cloud, around).catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, random.below(WITHIN_MS)));
      await cloud.kill();
      await sent;
      cloud = await startProcess({ dataDir, address: cloud.address });
    }
    const tables = watchTables(join(dataDir, 'controller', 'pileus.sqlite'));
    try {
      await until('rest', () => brokenAtRest(tables, []).length === 0, REST_MS).catch(() => {});
      expect(brokenAtRest(tables, [])).toEqual([]);
      expect(tables.rows("select id, vm_state from servers where deleted_at is null and vm_state <> 'active'")).toEqual(
        [],
      );
      for (const { id } of (await cloud.get('compute', 'GET /v2.1/servers')).body.servers)
        await cloud.get('compute', `DELETE /v2.1/servers/${id}`);
      await until('nothing left', () => leftOver(tables).length === 0, REST_MS).catch(() => {});
      expect([brokenAtRest(tables, []), leftOver(tables)]).toEqual([[], []]);
    } finally {
      tables.close();
    }
  } finally {
    await cloud.kill();
    await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
  }
}, 300_000);
