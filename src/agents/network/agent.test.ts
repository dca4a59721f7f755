import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '#kernel/clock.ts';
import { silentLog } from '#kernel/log.ts';
import type { DesiredNetworks, NetworksReport } from '#protocol/networks.ts';
import { desiredOf, networkOf, portOf, uuid } from '#tests/hosts/support/network-fixtures.ts';
import { createNetworkAgent } from './agent.ts';
import { NetworkError } from './drivers/contract.ts';
import { createFakeNetworkDriver } from './drivers/fake/index.ts';

const NETWORK = uuid('an');
const port = portOf(uuid('ap'), NETWORK, 'fa:16:3e:00:00:01', []);
const world = (): DesiredNetworks => desiredOf({ networks: [networkOf(NETWORK, [])], ports: [port] });

describe('the network agent', () => {
  let dataDir: string;
  let stop: AbortController;
  let running: Promise<void> = Promise.resolve();
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'pileus-agent-'));
    stop = new AbortController();
  });
  afterEach(async () => {
    stop.abort();
    await running;
    await rm(dataDir, { recursive: true, force: true });
  });

  function start(
    wait: () => Promise<DesiredNetworks | null>,
    driver = createFakeNetworkDriver({ clock: systemClock }),
  ) {
    const reports: NetworksReport[] = [];
    const agent = createNetworkAgent({
      hostId: 'host',
      driver,
      clock: systemClock,
      log: silentLog,
      dataDir,
      controller: { waitForNetworks: wait, reportNetworks: async (_id, report) => void reports.push(report) },
    });
    running = agent.run(stop.signal);
    return { agent, driver, reports };
  }

  /** Gives the state once and then nothing, as a controller does to which nothing happens. */
  function once(desired: DesiredNetworks): () => Promise<DesiredNetworks | null> {
    let isGiven = false;
    return () => {
      if (isGiven) return new Promise((resolve) => stop.signal.addEventListener('abort', () => resolve(null)));
      isGiven = true;
      return Promise.resolve(desired);
    };
  }

  it('makes what the controller wants and says when a port is ready', async () => {
    const { agent, driver, reports } = start(once(world()));
    await agent.whenPortReady(port.id, AbortSignal.timeout(5_000));
    expect([...driver.present.keys()]).toContain(`port:${port.id}`);
    await vi.waitFor(() => expect(reports.at(-1)?.ports).toEqual([{ id: port.id, state: 'up' }]));
  });

  it('goes on with the state last heard when no controller answers', async () => {
    const first = start(once(world()));
    await first.agent.whenPortReady(port.id, AbortSignal.timeout(5_000));
    stop.abort();
    await running;
    stop = new AbortController();
    const second = start(() => Promise.reject(new Error('unreachable')));
    await second.agent.whenPortReady(port.id, AbortSignal.timeout(5_000));
    expect(second.driver.present.size).toBeGreaterThan(0);
  });

  it('tells of a port that cannot be made, and makes the rest', async () => {
    const driver = createFakeNetworkDriver({ clock: systemClock });
    driver.failOn(`port:${port.id}`, new NetworkError('network.link.failed', 'no such luck'));
    const { reports } = start(once(world()), driver);
    await vi.waitFor(() => expect(reports.at(-1)?.ports[0]?.problem?.code).toBe('network.link.failed'));
    expect(reports.at(-1)?.networks).toEqual([{ id: NETWORK, state: 'up' }]);
  });

  it('brings back what was lost behind its back', async () => {
    const { agent, driver } = start(once(world()));
    await agent.whenPortReady(port.id, AbortSignal.timeout(5_000));
    driver.lose(`port:${port.id}`);
    agent.poke();
    await vi.waitFor(() => expect(driver.present.has(`port:${port.id}`)).toBe(true));
  });
});
