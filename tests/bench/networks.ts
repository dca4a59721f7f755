/**
 * How many ports and networks a second one controller makes, through its API and with a database in a file that survives a
 * power cut: `node tests/bench/networks.ts [count] [at once]`. And what it costs to tell a host of them.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { contextOf, startNetwork } from '../api/network.ts';

const count = Number(process.argv[2] ?? 1_000);
const atOnce = Number(process.argv[3] ?? 8);
const quotas = { network: -1, subnet: -1, port: -1 };
const cloud = await startNetwork({ quotas }, join(mkdtempSync(join(tmpdir(), 'bench-')), 'network.sqlite'));
await cloud.addHost('h1', { tunnelAddress: '192.0.2.1' });
await cloud.addHost('h2', { tunnelAddress: '192.0.2.2' });

async function measure(what: string, times: number, work: (n: number) => Promise<unknown>): Promise<void> {
  const started = performance.now();
  let next = 0;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (next < times) await work(next++);
    }),
  );
  const seconds = (performance.now() - started) / 1_000;
  console.log(`${what}: ${(times / seconds).toFixed(0)} a second (${times} in ${seconds.toFixed(2)} s)`);
}

const { network } = await cloud.must(201, 'POST /networks', { network: { name: 'big' } });
await cloud.must(201, 'POST /subnets', { subnet: { network_id: network.id, cidr: '10.0.0.0/16', ip_version: 4 } });
await measure('networks', count, (n) => cloud.must(201, 'POST /networks', { network: { name: `n${n}` } }));
await measure('ports', count, (n) =>
  cloud.must(201, 'POST /ports', { port: { network_id: network.id, name: `p${n}` } }),
);
await measure('servers’ ports, bound', count, (n) =>
  cloud.service.ensureServerPort(contextOf('alice'), {
    portId: `00000000-0000-0000-0000-${String(n).padStart(12, '0')}`,
    networkId: network.id,
    securityGroupIds: [],
    serverId: `s${n}`,
    hostId: n % 2 === 0 ? 'h1' : 'h2',
    zone: 'nova',
    isUserPort: false,
  }),
);
await measure('lists of 100 ports', 100, () => cloud.must(200, 'GET /ports?limit=100'));
await measure(`what a host with ${count / 2} ports is told`, 20, () => cloud.service.desiredNetworks('h1'));
await cloud.close();
