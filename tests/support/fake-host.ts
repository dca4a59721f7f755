import { join } from 'node:path';
import type { Clock } from '#kernel/clock.ts';
import type { Log } from '#kernel/log.ts';
import type { AgentApi } from '#protocol/agent.ts';
import type { ControllerApi } from '#protocol/controller.ts';
import {
  createFakeDriver,
  createFakeHost,
  type FakeHost,
  type FakeOptions,
} from '../../src/agents/compute/drivers/fake/driver.ts';
import { createHost, type HostOptions } from '../../src/agents/host.ts';
import { createFakeNetworkDriver, type FakeNetworkDriver } from '../../src/agents/network/drivers/fake/index.ts';

export interface HostUnderTest {
  readonly id: string;
  readonly name: string;
  /** What is really on the host: it outlives its agent. */
  readonly guests: FakeHost;
  readonly networks: FakeNetworkDriver;
  /** Starts an agent, or another one after a kill; resolves when it runs. */
  start(controller: ControllerApi): AgentApi;
  /** Resolves once a controller has heard of the host. */
  registered(): Promise<void>;
  /** Stops the agent as a kill would: at once, with nothing said to anybody. Guests and networks stay. */
  kill(): void;
  /** Stops the agent and waits for its end. */
  stop(): Promise<void>;
}

export interface HostUnderTestOptions
  extends Pick<FakeOptions, 'bootMs' | 'vcpus' | 'memoryMib' | 'diskGib' | 'onCall'> {
  readonly id: string;
  readonly name: string;
  /** The agent's folder is made in it. */
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly notices?: HostOptions['notices'];
}

/** A host that only pretends, with the real agent on it. */
export function createHostUnderTest(options: HostUnderTestOptions): HostUnderTest {
  const { id, name, clock, log, folder } = options;
  const guests = createFakeHost();
  const networks = createFakeNetworkDriver({ clock });
  let stopping = new AbortController();
  let ended: Promise<void> = Promise.resolve();
  let registered: Promise<void> = Promise.reject(new Error('the host has not been started'));
  registered.catch(() => {});
  return {
    id,
    name,
    guests,
    networks,
    registered: () => registered,
    start(controller) {
      stopping = new AbortController();
      const agent = createHost({
        hostId: id,
        hostname: name,
        address: '127.0.0.1',
        version: '0.0.0',
        dataDir: join(folder, id),
        controller,
        compute: createFakeDriver({ bootMs: 0, shutDownMs: 0, ...options, host: guests }),
        network: networks,
        ...(options.notices === undefined ? {} : { notices: options.notices }),
        clock,
        log: log.child({ host: name }),
      });
      registered = agent.registered;
      ended = agent.run(stopping.signal);
      return agent.api;
    },
    kill: () => stopping.abort(),
    async stop() {
      stopping.abort();
      await ended;
    },
  };
}

/** The id of a test's host by its number. */
export function hostIdOf(index: number): string {
  return `00000000-0000-4000-8000-${String(index + 1).padStart(12, '0')}`;
}
