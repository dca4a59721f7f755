/**
 * The wires between agents and controllers: what is said is copied, as by a network, and may be lost, late, or said twice.
 *
 * A caller whose message or answer is lost notices at once (a reset) or when its patience ends. A message may arrive after its
 * sender has given up on it, and after what it said next.
 */
import { ServiceUnavailable } from '#kernel/errors.ts';
import type { AgentApi } from '#protocol/agent.ts';
import { type ControllerApi, LONG_POLL_MS } from '#protocol/controller.ts';
import type { SimHost } from './host.ts';
import type { Machine } from './machine/machine.ts';
import { never, type Process, passes, runIn } from './machine/processes.ts';
import type { Sky } from './weather.ts';

/** As the agents' client has it. */
const CALL_MS = 20_000;
const POLL_MS = LONG_POLL_MS + 10_000;

export interface Reachable {
  readonly process: Process;
  readonly api: ControllerApi;
  /** Rejects when the controller is killed. */
  readonly death: Promise<never>;
}

export interface WireParts {
  readonly machine: Machine;
  readonly sky: Sky;
  /** A living controller by chance; undefined when there is none. */
  readonly anyController: () => Reachable | undefined;
  readonly onMessage: (host: string, message: string) => void;
}

const unreachable = (): never => {
  throw new ServiceUnavailable('laboratory.unreachable', 'The wire is cut.');
};

/** The controllers as one host's agent reaches them. */
export function wireToControllers(parts: WireParts, host: SimHost): ControllerApi {
  const { machine, sky } = parts;
  const { clock } = machine;

  /** One call. `invoke` is run on the controller's side, with a signal that aborts when the caller has hung up. */
  async function call<T>(
    name: string,
    patienceMs: number,
    invoke: (api: ControllerApi, signal: AbortSignal) => Promise<T>,
    outer?: AbortSignal,
  ): Promise<T> {
    if (!passes('message')) return never();
    parts.onMessage(host.name, name);
    const { fate, delayMs } = sky.message(host.id);
    const hangUp = new AbortController();
    const close = (): void => hangUp.abort();
    host.connections.add(close);
    outer?.addEventListener('abort', close, { once: true });
    try {
      const patience = clock.sleep(patienceMs, hangUp.signal).then(unreachable);
      patience.catch(() => {});
      if (fate === 'drop') return await (machine.chance.percent(50) ? unreachable() : patience);
      const deliver = async (): Promise<T> => {
        if (delayMs > 0) await runIn(undefined, () => clock.sleep(delayMs));
        const controller = parts.anyController();
        if (controller === undefined) return unreachable();
        const answer = runIn(controller.process, () => invoke(controller.api, hangUp.signal));
        return Promise.race([answer, controller.death]);
      };
      const delivered = deliver();
      delivered.catch(() => {});
      if (fate === 'repeat') {
        const again = runIn(undefined, () => clock.sleep(machine.chance.below(10_000))).then(deliver);
        again.catch(() => {});
      }
      const answer = await Promise.race([delivered, patience]);
      if (fate === 'lose') return await (machine.chance.percent(50) ? unreachable() : patience);
      return passes('message') ? copy(answer) : await never();
    } finally {
      host.connections.delete(close);
      outer?.removeEventListener('abort', close);
      close();
    }
  }

  return {
    heartbeat: (id, beat) => call('heartbeat', CALL_MS, (api) => api.heartbeat(id, copy(beat))),
    waitForGuests: (id, since, signal) =>
      call('waitForGuests', POLL_MS, (api, inner) => api.waitForGuests(id, since, inner), signal),
    reportGuests: (id, report) => {
      const said = copy(report);
      return call('reportGuests', CALL_MS, (api) => api.reportGuests(id, said));
    },
    waitForNetworks: (id, since, signal) =>
      call('waitForNetworks', POLL_MS, (api, inner) => api.waitForNetworks(id, since, inner), signal),
    reportNetworks: (id, report) => {
      const said = copy(report);
      return call('reportNetworks', CALL_MS, (api) => api.reportNetworks(id, said));
    },
    downloadImage: async () => unreachable(),
    uploadImage: async () => unreachable(),
  };
}

/** An agent as the controllers reach it. */
export function wireToAgent(parts: WireParts, host: SimHost | undefined): AgentApi {
  const call = async <T>(ask: (api: AgentApi) => Promise<T>): Promise<T> => {
    const agent = host?.agent;
    if (host === undefined || agent === undefined) return unreachable();
    const { fate, delayMs } = parts.sky.message(host.id);
    if (delayMs > 0) await parts.machine.clock.sleep(Math.min(delayMs, CALL_MS));
    if (fate === 'drop' || fate === 'lose' || delayMs > CALL_MS) return unreachable();
    const { promise: hungUp, reject } = Promise.withResolvers<never>();
    hungUp.catch(() => {});
    const close = (): void => reject(new ServiceUnavailable('laboratory.dead', 'The agent died.'));
    host.connections.add(close);
    try {
      return await Promise.race([runIn(agent.process, () => ask(agent.api)), hungUp]);
    } finally {
      host.connections.delete(close);
    }
  };
  return {
    consoleOutput: (guestId, maxBytes) => call((api) => api.consoleOutput(guestId, maxBytes)),
    openVnc: (guestId) => call((api) => api.openVnc(guestId)),
    diagnostics: (guestId) => call((api) => api.diagnostics(guestId)),
    setPassword: (guestId, user, password) => call((api) => api.setPassword(guestId, user, password)),
  };
}

function copy<T>(value: T): T {
  return value === undefined ? value : (JSON.parse(JSON.stringify(value)) as T);
}
