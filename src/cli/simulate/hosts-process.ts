/**
 * The fake hosts of `pileus simulate`, in a process of their own, so that the controller's figures are the controller's.
 * Each host has the real agent over fake drivers, and speaks to the controller as real ones do.
 */
import { once } from 'node:events';
import { join } from 'node:path';
import { systemClock } from '#kernel/clock.ts';
import { errorChain } from '#kernel/errors.ts';
import { silentLog } from '#kernel/log.ts';
import { createFakeDriver, createFakeHost } from '../../agents/compute/drivers/fake/driver.ts';
import { createControllerClient } from '../../agents/controller-client.ts';
import { createHost } from '../../agents/host.ts';
import { createFakeNetworkDriver } from '../../agents/network/drivers/fake/index.ts';
import { VERSION } from '../version.ts';
import { type HostsMessage, type HostsStart, hostIdOf } from './messages.ts';

/** Large enough for whatever is asked of them. */
const HOST_SIZE = { vcpus: 256, memoryMib: 1024 * 1024, diskGib: 16_000 };
/** Hosts are started over this time, as hosts of a cloud are: their heartbeats then come one by one. */
const START_WITHIN_MS = 5_000;

/** Runs until the parent goes away or asks it to stop. */
export async function runHostsProcess(): Promise<void> {
  if (process.send === undefined) throw new Error('the hosts are started by pileus simulate');
  const stopped = Promise.race([once(process, 'disconnect'), once(process, 'SIGTERM')]);
  process.on('SIGINT', () => undefined);
  const [start] = (await once(process, 'message')) as [HostsStart];
  const tell = (message: HostsMessage): void => void process.send?.(message);
  try {
    const hosts = await Promise.all(Array.from({ length: start.hosts }, (_, i) => startHost(start, i)));
    tell({ type: 'ready' });
    await stopped;
    await Promise.all(hosts.map((host) => host.stop()));
    process.exit(0);
  } catch (error) {
    tell({ type: 'failed', message: errorChain(error) });
    process.exit(1);
  }
}

async function startHost(start: HostsStart, index: number): Promise<{ stop(): Promise<void> }> {
  await systemClock.sleep((index / start.hosts) * START_WITHIN_MS);
  const hostId = hostIdOf(index);
  const host = createHost({
    hostId,
    hostname: `fake-${index + 1}`,
    address: '127.0.0.1',
    version: VERSION,
    dataDir: join(start.dataDir, hostId),
    controller: createControllerClient({ socketPath: start.controllerSocket }),
    compute: createFakeDriver({ clock: systemClock, host: createFakeHost(), bootMs: 0, shutDownMs: 0, ...HOST_SIZE }),
    network: createFakeNetworkDriver({ clock: systemClock }),
    clock: systemClock,
    log: silentLog,
  });
  // Each its own: listeners of one signal are found one by one, and a thousand hosts have many.
  const stop = new AbortController();
  const ended = host.run(stop.signal);
  await host.registered;
  return {
    stop() {
      stop.abort();
      return ended;
    },
  };
}
