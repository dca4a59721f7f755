/**
 * The compute side of the host agent.
 *
 * Theory of operation. The controller's desired guests come by long poll and are kept on the disk; the loop makes the
 * host equal to them and reports. The driver is the only one that touches the host. Guests wait for their taps, which
 * the network agent makes: as long as one does, the host is looked at again in short turns.
 */
import { join } from 'node:path';
import type { Clock } from '#kernel/clock.ts';
import { NotFound, ServiceUnavailable } from '#kernel/errors.ts';
import type { Log } from '#kernel/log.ts';
import type { AgentApi } from '#protocol/agent.ts';
import type { ControllerApi } from '#protocol/controller.ts';
import type { DesiredGuests, GuestsReport } from '#protocol/guests.ts';
import { followDesired } from '../desired.ts';
import { createLoop, type LoopLimits, type Reconciler } from '../loop.ts';
import { type AppliedHost, applyStep } from './apply.ts';
import { type ComputeActual, type ComputeDriver, DriverError } from './drivers/contract.ts';
import { type ComputeStep, laneOf, planCompute } from './plan.ts';
import { isWaitingForTaps, keptGuests, reportCompute } from './report.ts';

/** A guest gets this long to shut down by itself, as with nova's `shutdown_timeout`; then its power is taken away. */
export const SHUT_DOWN_GRACE_MS = 60_000;
/** How soon a guest starts once its tap is there. Shorter costs CPU while waiting. */
const TAP_POLL_MS = 200;
/** Guests worked on at once. Each lane may wait for a download or for a guest to shut down, so they must be many. */
const COMPUTE_LANES = 16;

export interface ComputeAgentParts {
  readonly driver: ComputeDriver;
  readonly controller: Pick<ControllerApi, 'waitForGuests' | 'reportGuests' | 'uploadImage'>;
  readonly hostId: string;
  /** Where the desired state is kept. */
  readonly dataDir: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly shutDownGraceMs?: number;
  readonly limits?: Partial<LoopLimits>;
}

export interface ComputeAgent {
  /** Runs until `signal` aborts. Guests go on running. */
  run(signal: AbortSignal): Promise<void>;
  /** Has the host looked at again now, such as when the network agent has made taps. */
  poke(): void;
  /** What the controller may ask. */
  readonly api: AgentApi;
  /** Guests of ours that the controller does not know and that are kept, as last seen. */
  kept(): readonly string[];
  /** The desired guests last heard, for the metadata service; undefined before the first. */
  desired(): DesiredGuests | undefined;
}

/** Builds the compute agent of one host. Nothing happens before {@link ComputeAgent.run}. */
export function createComputeAgent(parts: ComputeAgentParts): ComputeAgent {
  const { driver, controller, hostId, clock } = parts;
  const log = parts.log.child({ part: 'compute' });
  const applied: AppliedHost = {
    driver,
    shutDownGraceMs: parts.shutDownGraceMs ?? SHUT_DOWN_GRACE_MS,
    uploadImage: (imageId, data, signal) => controller.uploadImage(hostId, imageId, data, signal),
  };
  let desired: DesiredGuests | undefined;
  /** The revision at which a snapshot was uploaded. To forget it costs another upload, which is harmless. */
  const uploadedAt = new Map<string, number>();
  let isWaiting = false;
  let onWaiting: (() => void) | undefined;
  let kept: readonly string[] = [];

  const reconciler: Reconciler<DesiredGuests, ComputeActual, ComputeStep, GuestsReport> = {
    name: 'compute',
    observe: (signal) => driver.observe(signal),
    // A controller that has a snapshot soon says so: until it says anything, it is not given it again.
    plan: (wanted, actual) =>
      planCompute(wanted, actual).filter(
        (step) => step.action !== 'upload snapshot' || uploadedAt.get(step.imageId) !== wanted.revision,
      ),
    async apply(step, signal) {
      const revision = desired?.revision ?? 0;
      await applyStep(applied, step, signal);
      if (step.action === 'upload snapshot') uploadedAt.set(step.imageId, revision);
      if (step.action === 'remove snapshot') uploadedAt.delete(step.imageId);
    },
    lane: laneOf,
    report(wanted, actual, failures) {
      const present = new Map(actual.guests.map((guest) => [guest.id, guest]));
      isWaiting = wanted.guests.some((guest) => isWaitingForTaps(guest, present.get(guest.id), actual));
      kept = keptGuests(wanted, actual);
      if (isWaiting) onWaiting?.();
      return reportCompute(wanted, actual, failures);
    },
  };
  const loop = createLoop({
    reconciler,
    send: (report) => controller.reportGuests(hostId, report),
    clock,
    log,
    limits: { lanes: COMPUTE_LANES, ...parts.limits },
  });

  function untilWaiting(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      onWaiting = () => {
        signal.removeEventListener('abort', resolveNow);
        onWaiting = undefined;
        resolve();
      };
      const resolveNow = onWaiting;
      signal.addEventListener('abort', resolveNow, { once: true });
      if (signal.aborted) resolveNow();
    });
  }

  /** Looks again in short turns as long as a guest waits for its tap. */
  async function watchTaps(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (!isWaiting) await untilWaiting(signal);
      await clock.sleep(TAP_POLL_MS, signal);
      if (isWaiting) loop.poke();
    }
  }

  return {
    async run(signal) {
      driver.onChange(() => loop.poke(), signal);
      const source = {
        file: join(parts.dataDir, 'desired-guests.json'),
        wait: (since: number, inner: AbortSignal) => controller.waitForGuests(hostId, since, inner),
        onDesired(next: DesiredGuests) {
          desired = next;
          loop.setDesired(next);
        },
        clock,
        log,
      };
      await Promise.all([loop.run(signal), followDesired(source, signal), watchTaps(signal)]);
    },
    poke: () => loop.poke(),
    api: {
      consoleOutput: (guestId, maxBytes) => asAnswer(() => driver.consoleOutput(guestId, maxBytes)),
      openVnc: (guestId) => asAnswer(() => driver.openVnc(guestId)),
      diagnostics: (guestId) => asAnswer(() => driver.diagnostics(guestId)),
      setPassword: (guestId, user, password) => asAnswer(() => driver.setPassword(guestId, user, password)),
    },
    kept: () => kept,
    desired: () => desired,
  };
}

/** What the driver refuses becomes what the controller expects. */
async function asAnswer<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (cause) {
    if (!(cause instanceof DriverError)) throw cause;
    if (cause.code === 'guest.absent') throw new NotFound('agent.guest.absent', cause.message, { cause });
    throw new ServiceUnavailable(`agent.${cause.code}`, cause.message, { cause });
  }
}
