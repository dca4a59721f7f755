/** A host of the laboratory: what is on it outlives its agent; the agent is the real one, in a process that can be killed. */
import type { Log } from '#kernel/log.ts';
import type { AgentApi } from '#protocol/agent.ts';
import type { ControllerApi } from '#protocol/controller.ts';
import type { ComputeDriver } from '../../src/agents/compute/drivers/contract.ts';
import {
  crashFakeHost,
  createFakeDriver,
  createFakeHost,
  type FakeHost,
} from '../../src/agents/compute/drivers/fake/driver.ts';
import { createHost } from '../../src/agents/host.ts';
import { createFakeNetworkDriver, type FakeNetworkDriver } from '../../src/agents/network/drivers/fake/index.ts';
import type { Chance } from './machine/chance.ts';
import { DISKS } from './machine/disk.ts';
import type { Machine } from './machine/machine.ts';
import { createProcess, kill, never, type Process, passes, runIn } from './machine/processes.ts';
import type { Sky } from './weather.ts';

export interface SimHost {
  readonly id: string;
  readonly name: string;
  readonly guests: FakeHost;
  readonly networks: FakeNetworkDriver;
  /** The agent's folder. */
  readonly folder: string;
  agent: { readonly process: Process; readonly api: AgentApi } | undefined;
  startAgent(): void;
  killAgent(): void;
  /** What the agent's death does to the connections that it has open. */
  readonly connections: Set<() => void>;
  /** Takes the power away and gives it back: what was not on the disk is gone. The agent has yet to be started. */
  cutPower(chance: Chance): void;
}

export interface SimHostParts {
  readonly id: string;
  readonly name: string;
  readonly machine: Machine;
  readonly sky: Sky;
  readonly log: Log;
  /** What the host's agent asks; told which of its lives it is. */
  readonly controller: (host: SimHost) => ControllerApi;
  readonly onDriverCall: (host: string, call: string) => void;
}

export function createSimHost(parts: SimHostParts): SimHost {
  const { machine, id, name } = parts;
  const guests = createFakeHost();
  const networks = createFakeNetworkDriver({ clock: machine.clock });
  // a tap is there when the network agent has made it
  const taps = { has: (device: string) => [...networks.present.keys()].some((key) => deviceOf(key) === device) };
  guests.devices = taps as Set<string>;
  let boots = 0;
  const self: SimHost = {
    id,
    name,
    guests,
    networks,
    folder: `${DISKS}/agents/${id}`,
    agent: undefined,
    connections: new Set(),
    startAgent() {
      self.killAgent();
      guests.listeners.clear();
      const process = createProcess(`agent ${name}`);
      runIn(process, () => {
        const driver = createFakeDriver({ clock: machine.clock, host: guests, bootMs: 0, shutDownMs: 300 });
        const agent = createHost({
          hostId: id,
          hostname: name,
          address: '127.0.0.1',
          version: '0.0.0',
          dataDir: self.folder,
          controller: parts.controller(self),
          compute: gated(driver, COMPUTE_CALLS, contact('compute')),
          network: gated(networks, NETWORK_CALLS, contact('network')),
          clock: machine.clock,
          log: parts.log.child({ host: name }),
        });
        self.agent = { process, api: agent.api };
        void agent.run(new AbortController().signal);
      });
    },
    killAgent() {
      if (self.agent !== undefined) kill(self.agent.process);
      for (const close of self.connections) close();
      self.connections.clear();
      self.agent = undefined;
    },
    cutPower(chance) {
      self.killAgent();
      machine.disk.cutPower(self.folder, chance);
      boots++;
      crashFakeHost(guests, `session ${boots}`);
      for (const key of networks.present.keys()) networks.lose(key);
    },
  };

  /** Every call to a driver: it may fail, wait, hang, or be the last. */
  function contact(side: string) {
    return async <T>(call: string, signal: AbortSignal | undefined, act: () => Promise<T>): Promise<T> => {
      if (!passes('driver')) return never();
      parts.onDriverCall(name, `${side} ${call}`);
      const fate = parts.sky.driver();
      if (typeof fate === 'number') await machine.clock.sleep(fate, signal);
      signal?.throwIfAborted();
      if (fate === 'fail before') throw new Error('made by the laboratory: refused');
      const result = await act();
      if (!passes('driver')) return never();
      if (fate === 'fail after') throw new Error('made by the laboratory: failed after it was done');
      return result;
    };
  }
  return self;
}

/** The device of a port, as both sides compute it. */
function deviceOf(key: string): string | undefined {
  return key.startsWith('port:') ? `tap${key.slice(5, 16)}` : undefined;
}

const COMPUTE_CALLS: ReadonlySet<string> = new Set<keyof ComputeDriver>([
  'observe',
  'prepareDisks',
  'define',
  'mark',
  'start',
  'shutDown',
  'powerOff',
  'pause',
  'resume',
  'suspend',
  'attachInterface',
  'detachInterface',
  'remove',
  'facts',
  'consoleOutput',
  'diagnostics',
]);
const NETWORK_CALLS: ReadonlySet<string> = new Set(['observe', 'apply']);

function gated<D extends object>(
  driver: D,
  names: ReadonlySet<string>,
  through: <T>(call: string, signal: AbortSignal | undefined, act: () => Promise<T>) => Promise<T>,
): D {
  return new Proxy(driver, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (typeof key !== 'string' || !names.has(key) || typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        const signal = args.find((arg) => arg instanceof AbortSignal);
        return through(key, signal, async () => (await value.apply(target, args)) as unknown);
      };
    },
  });
}
