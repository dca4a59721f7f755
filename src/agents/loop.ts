/**
 * The only reconcile loop.
 *
 * Theory of operation. A host is made equal to its desired state by one repeated pass: observe, plan, report what was seen,
 * start what is due. The pass does not wait for what it starts: each resource's lane works by itself, and its end begins the next
 * pass, which sees and reports what came of it.
 * The loop wakes because the desired state changed, because the host said something, or because time passed; it
 * forgets why before it begins, so that the path after a restart is the path of every day. Observation comes first and
 * whole; the plan is a pure function of desired and actual; a step that fails marks its own resource, is tried again with
 * back-off, and stops none of the others. Nothing is kept in memory that a restart would miss, but for the back-off.
 * Without a controller the loop goes on with the desired state last heard, which is kept on the disk.
 */
import type { Clock } from '#kernel/clock.ts';
import { errorChain } from '#kernel/errors.ts';
import type { Log } from '#kernel/log.ts';

/** One thing to do on the host. `resource` says whose fault record a failure becomes. */
export interface Step {
  readonly resource: string;
  /** What it does, for the log and for fault records: `start guest`. */
  readonly what: string;
  /** For steps that take longer than {@link LoopLimits.stepMs}. */
  readonly deadlineMs?: number | undefined;
}

export interface Failure {
  /** Stable and dotted. */
  readonly code: string;
  readonly message: string;
  readonly attempts: number;
}

/** What differs between the agents: everything but the order of things. */
export interface Reconciler<Desired, Actual, S extends Step, Report> {
  readonly name: string;
  /** Reads all that is there. Rejects when the host cannot be read; nothing is then done. */
  observe(signal: AbortSignal): Promise<Actual>;
  /** Pure. Removals first. No step when all is well. */
  plan(desired: Desired, actual: Actual): readonly S[];
  /** Carries one step out; repeating it is harmless. */
  apply(step: S, signal: AbortSignal): Promise<void>;
  /** What to tell the controller. `failures` are by `Step.resource`. */
  report(desired: Desired, actual: Actual, failures: ReadonlyMap<string, Failure>): Report;
  /** Steps with the same lane run one after the other; different lanes side by side. */
  lane(step: S): string;
}

export interface LoopLimits {
  /** The whole state is looked at again after this long, come what may. Shorter costs CPU, longer leaves drift unseen. */
  readonly periodMs: number;
  /** One step's deadline. Too small kills slow image downloads, too large lets a hung command hold its lane. */
  readonly stepMs: number;
  /** One observation's deadline. */
  readonly observeMs: number;
  /** How many lanes run at once. */
  readonly lanes: number;
}

export const DEFAULT_LOOP_LIMITS: LoopLimits = { periodMs: 30_000, stepMs: 600_000, observeMs: 30_000, lanes: 4 };

/** First wait after a failed step; it doubles up to {@link MAX_BACKOFF_MS}. */
const FIRST_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 60_000;
/** Nothing new is told again after this long, for a controller whose database was put back to an older state. */
const REPEAT_REPORT_MS = 300_000;

export interface Loop<Desired> {
  /** A new desired state; the newest wins. */
  setDesired(desired: Desired): void;
  /** Something changed on the host. */
  poke(): void;
  /** Runs until `signal` aborts, and then until the step under way has ended. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
}

interface Retry extends Failure {
  readonly notBeforeMs: number;
  readonly lane: string;
}

/** Builds the loop of one agent. Nothing happens before {@link Loop.run}. */
export function createLoop<Desired, Actual, S extends Step, Report>(parts: {
  readonly reconciler: Reconciler<Desired, Actual, S, Report>;
  /** Tells the controller; may fail, and is then repeated with the next pass. */
  readonly send: (report: Report) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits?: Partial<LoopLimits>;
}): Loop<Desired> {
  const { reconciler, clock } = parts;
  const limits = { ...DEFAULT_LOOP_LIMITS, ...parts.limits };
  const log = parts.log.child({ agent: reconciler.name });
  const bell = createBell(clock);
  const reporter = createReporter(parts.send, clock, log);
  const retries = new Map<string, Retry>();
  const busyLanes = new Map<string, Promise<void>>();
  let desired: Desired | undefined;

  async function pass(signal: AbortSignal): Promise<void> {
    const wanted = desired;
    if (wanted === undefined) return;
    // what was under way while the host was read may have ended since: planned upon, it would be done twice
    const wasBusy = new Set(busyLanes.keys());
    const actual = await withDeadline(limits.observeMs, signal, (inner) => reconciler.observe(inner));
    const steps = reconciler.plan(wanted, actual);
    forgetSettled(retries, steps);
    reporter.tell(reconciler.report(wanted, actual, retries));
    const now = clock.monotonicMs();
    const due = steps.filter((step) => (retries.get(step.resource)?.notBeforeMs ?? 0) <= now);
    for (const [lane, laneSteps] of Map.groupBy(due, (step) => reconciler.lane(step))) {
      if (wasBusy.has(lane) || busyLanes.has(lane) || busyLanes.size >= limits.lanes) continue;
      const work = runLane(laneSteps, signal).finally(() => {
        busyLanes.delete(lane);
        bell.ring();
      });
      busyLanes.set(lane, work);
    }
  }

  async function runLane(steps: readonly S[], signal: AbortSignal): Promise<void> {
    for (const step of steps) {
      if (signal.aborted) return;
      if ((retries.get(step.resource)?.notBeforeMs ?? 0) > clock.monotonicMs()) continue;
      try {
        await withDeadline(step.deadlineMs ?? limits.stepMs, signal, (inner) => reconciler.apply(step, inner));
      } catch (error) {
        if (signal.aborted) return;
        noteFailure(step, error);
      }
    }
  }

  function noteFailure(step: S, error: unknown): void {
    const attempts = (retries.get(step.resource)?.attempts ?? 0) + 1;
    const backoffMs = Math.min(FIRST_BACKOFF_MS * 2 ** (attempts - 1), MAX_BACKOFF_MS);
    const message = errorChain(error);
    retries.set(step.resource, {
      code: codeOf(error),
      message,
      attempts,
      notBeforeMs: clock.monotonicMs() + backoffMs,
      lane: reconciler.lane(step),
    });
    log.warn({ resource: step.resource, step: step.what, attempts, backoffMs, error: message }, 'step failed');
  }

  function nextWaitMs(): number {
    const now = clock.monotonicMs();
    let waitMs = limits.periodMs;
    // what is due while its lane is still at work has to wait for that, and the lane's end rings
    const hasRoom = busyLanes.size < limits.lanes;
    for (const { notBeforeMs, lane } of retries.values())
      if (hasRoom && !busyLanes.has(lane)) waitMs = Math.min(waitMs, Math.max(notBeforeMs - now, 10));
    return waitMs;
  }

  return {
    setDesired(next) {
      desired = next;
      bell.ring();
    },
    poke: () => bell.ring(),
    async run(signal) {
      const reporting = reporter.run(signal);
      while (!signal.aborted) {
        try {
          await pass(signal);
        } catch (error) {
          if (!signal.aborted) log.error({ error: errorChain(error) }, 'pass failed');
          // A host that could not be read is read again soon, whatever the period is.
          await clock.sleep(FIRST_BACKOFF_MS, signal);
          continue;
        }
        await bell.wait(nextWaitMs(), signal);
      }
      await Promise.all([...busyLanes.values(), reporting]);
    },
  };
}

/**
 * Tells the controller how things stand, beside the work and never in its way: a controller that hangs delays no guest.
 * Only the newest report counts; the same one is not told twice in a row, but for {@link REPEAT_REPORT_MS}.
 */
function createReporter<Report>(
  send: (report: Report) => Promise<void>,
  clock: Clock,
  log: Log,
): { tell(report: Report): void; run(signal: AbortSignal): Promise<void> } {
  const bell = createBell(clock);
  let newest: { readonly report: Report; readonly text: string } | undefined;
  let told: string | undefined;
  let toldMs = 0;
  return {
    tell(report) {
      const text = JSON.stringify(report);
      if (text === newest?.text) return;
      newest = { report, text };
      bell.ring();
    },
    async run(signal) {
      while (!signal.aborted) {
        const next = newest;
        const repeatInMs = toldMs + REPEAT_REPORT_MS - clock.monotonicMs();
        if (next === undefined || (next.text === told && repeatInMs > 0)) {
          await bell.wait(Math.max(repeatInMs, FIRST_BACKOFF_MS), signal);
          continue;
        }
        try {
          await send(next.report);
          told = next.text;
          toldMs = clock.monotonicMs();
        } catch (error) {
          log.debug({ error: errorChain(error) }, 'report not delivered, will be repeated');
          await clock.sleep(FIRST_BACKOFF_MS, signal);
        }
      }
    },
  };
}

/** A resource that no longer needs a step has recovered. */
function forgetSettled(retries: Map<string, Retry>, steps: readonly Step[]): void {
  const pending = new Set(steps.map((step) => step.resource));
  for (const resource of retries.keys()) if (!pending.has(resource)) retries.delete(resource);
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'agent.step.failed';
}

/** Runs `work` with a signal that aborts at the deadline or with `outer`; rejects at the deadline even if `work` hangs. */
async function withDeadline<T>(ms: number, outer: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const deadline = AbortSignal.timeout(ms);
  const signal = AbortSignal.any([outer, deadline]);
  let giveUp: (() => void) | undefined;
  const late = new Promise<never>((_, reject) => {
    giveUp = () => reject(new Error(`gave up after ${ms / 1000} s`));
    deadline.addEventListener('abort', giveUp, { once: true });
  });
  try {
    return await Promise.race([work(signal), late]);
  } finally {
    if (giveUp !== undefined) deadline.removeEventListener('abort', giveUp);
  }
}

/** Remembers that it was rung until somebody waits. */
function createBell(clock: Clock): { ring(): void; wait(ms: number, signal: AbortSignal): Promise<void> } {
  let isRung = false;
  let waiting: AbortController | undefined;
  return {
    ring() {
      isRung = true;
      waiting?.abort();
    },
    async wait(ms, signal) {
      if (!isRung) {
        waiting = new AbortController();
        await clock.sleep(ms, AbortSignal.any([signal, waiting.signal]));
        waiting = undefined;
      }
      isRung = false;
    },
  };
}
