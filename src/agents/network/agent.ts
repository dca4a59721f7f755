/**
 * The network side of a host's agent.
 *
 * Theory of operation. The controller's desired networks (or the copy on the disk) are turned into a design; the one
 * reconcile loop compares it with the host and hands every difference to the driver as a step of its own, in a lane of its
 * own. All lanes start in the same turn of the event loop, so that the driver sees the steps of a pass together and pays for them
 * once. Nothing else is kept: killed at any moment, the agent finds its way by looking.
 */
import { join } from 'node:path';
import type { Clock } from '#kernel/clock.ts';
import type { Log } from '#kernel/log.ts';
import type { ControllerApi } from '#protocol/controller.ts';
import type { DesiredNetworks, NetworksReport } from '#protocol/networks.ts';
import { followDesired } from '../desired.ts';
import { createLoop, type LoopLimits, type Reconciler } from '../loop.ts';
import type { Design, NetworkDriver, Snapshot } from './drivers/contract.ts';
import { type NetworkStep, planNetworks } from './plan.ts';
import { reportNetworks } from './report.ts';

/** Each resource is a lane; the driver works them off together. */
const LANES = 100_000;
/** A batch of some thousand resources; a hung command is cut off long before, by its own deadline. */
const STEP_MS = 180_000;

export interface NetworkAgentOptions {
  readonly hostId: string;
  readonly driver: NetworkDriver;
  readonly controller: Pick<ControllerApi, 'waitForNetworks' | 'reportNetworks'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Where the desired state last heard is kept. */
  readonly dataDir: string;
  readonly limits?: Partial<LoopLimits>;
  /** Told in each pass how things stood when it began: what a pass has made is told by the next one. */
  readonly onApplied?: (report: NetworksReport) => void;
}

export interface NetworkAgent {
  /** Runs until `signal` aborts and the batch under way has ended. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
  /** Resolves once the port is up on this host; rejects when `signal` aborts before. */
  whenPortReady(portId: string, signal: AbortSignal): Promise<void>;
  /** Something changed on the host. */
  poke(): void;
}

export function createNetworkAgent(options: NetworkAgentOptions): NetworkAgent {
  const { driver, controller, hostId, clock, log } = options;
  const designOf = rememberLast((desired: DesiredNetworks) => driver.design(desired));
  const ready = createReadiness();
  const reconciler: Reconciler<DesiredNetworks, Snapshot, NetworkStep, NetworksReport> = {
    name: 'network',
    observe: (signal) => driver.observe(signal),
    plan: (desired, snapshot) => planNetworks(designOf(desired), driver.compare(designOf(desired), snapshot)),
    apply: (step, signal) => driver.apply(step.change, signal),
    report(desired, snapshot, failures) {
      const design = designOf(desired);
      const report = reportNetworks(desired, design, driver.compare(design, snapshot), failures);
      ready.tell(report);
      options.onApplied?.(report);
      return report;
    },
    lane: (step) => step.resource,
  };
  const loop = createLoop({
    reconciler,
    send: (report) => controller.reportNetworks(hostId, report),
    clock,
    log,
    limits: { lanes: LANES, stepMs: STEP_MS, ...options.limits },
  });
  const desiredSource = {
    file: join(options.dataDir, 'desired-networks.json'),
    wait: (since: number, signal: AbortSignal) => controller.waitForNetworks(hostId, since, signal),
    onDesired: (desired: DesiredNetworks) => loop.setDesired(desired),
    clock,
    log: log.child({ agent: 'network' }),
  };
  return {
    async run(signal) {
      await Promise.all([followDesired(desiredSource, signal), loop.run(signal)]);
    },
    whenPortReady: (portId, signal) => ready.wait(portId, signal),
    poke: () => loop.poke(),
  };
}

/** A design is asked for several times in one pass and costs as much as it has ports. */
function rememberLast(make: (desired: DesiredNetworks) => Design): (desired: DesiredNetworks) => Design {
  let last: { readonly desired: DesiredNetworks; readonly design: Design } | undefined;
  return (desired) => {
    if (last?.desired !== desired) last = { desired, design: make(desired) };
    return last.design;
  };
}

interface Readiness {
  tell(report: NetworksReport): void;
  wait(portId: string, signal: AbortSignal): Promise<void>;
}

function createReadiness(): Readiness {
  let up: ReadonlySet<string> = new Set();
  const waiting = new Set<{ readonly portId: string; readonly resolve: () => void }>();
  return {
    tell(report) {
      up = new Set(report.ports.filter((port) => port.state === 'up').map((port) => port.id));
      for (const waiter of waiting) {
        if (!up.has(waiter.portId)) continue;
        waiting.delete(waiter);
        waiter.resolve();
      }
    },
    wait(portId, signal) {
      if (up.has(portId)) return Promise.resolve();
      return new Promise((resolve, reject) => {
        const giveUp = (): void => {
          waiting.delete(waiter);
          reject(signal.reason);
        };
        const waiter = {
          portId,
          resolve: () => {
            signal.removeEventListener('abort', giveUp);
            resolve();
          },
        };
        waiting.add(waiter);
        if (signal.aborted) giveUp();
        else signal.addEventListener('abort', giveUp, { once: true });
      });
    },
  };
}
