/** Performs a story in a world of its own, looks at everything that must hold, and says how it went. */
import { type Broken, lookAtAll } from './checks/index.ts';
import { clearUp } from './clear-up.ts';
import { createLedger } from './ledger.ts';
import { happen, type Stage, type Story, type StoryEvent } from './story.ts';
import { openWorld, type World } from './world.ts';

export interface Outcome {
  /** Of everything that happened, to the last statement. */
  readonly hash: string;
  readonly broken: readonly Broken[];
  /** What happened, for people. */
  readonly lines: readonly string[];
  readonly complaints: readonly string[];
  readonly simulatedMs: number;
  readonly counts: Readonly<Record<string, number>>;
}

/** Leases, back-offs, repeated reports and a hung driver's deadline, one after the other: what takes longer is stuck. */
const SETTLE_MS = 40 * 60_000;
const LOOK_EVERY_MS = 4_000;
/** What must always hold is looked at after every so many events. */
const LOOK_EVERY_EVENTS = 8;

/**
 * A report that was under way for long shows an older state when it comes, until the agent repeats its newest one (five minutes):
 * so long, what was at rest may look as if it were not.
 */
const LATE_REPORT_MS = 6 * 60_000;

class Violated extends Error {
  readonly broken: readonly Broken[];
  constructor(broken: readonly Broken[]) {
    super(broken.map(({ check }) => check).join('; '));
    this.broken = broken;
  }
}

export interface PerformOptions {
  readonly onLine?: (line: string) => void;
}

export async function perform(story: Story, options: PerformOptions = {}): Promise<Outcome> {
  const world = await openWorld({ ...story, onLine: options.onLine });
  const stage: Stage = { world, ledger: createLedger() };
  const lines: string[] = [];
  const startMs = world.machine.clock.nowMs();
  let broken: readonly Broken[] = [];
  try {
    for (const round of story.rounds) {
      await rage(stage, round.events, lines);
      await comeToRest(stage, story);
      lines.push(`${at(world)} at rest`);
      await world.pass(round.quietMs);
      await untilAtRest(stage, LATE_REPORT_MS);
      if (round.quietMs >= QUIET_MS) await insist(stage, ['after quiet']);
    }
    stage.ledger.entries.clear();
    const why = await clearUp(world, () => comeToRest(stage, story));
    if (why.length > 0) throw new Violated([{ check: 'everything can be given back, and nothing is left', why }]);
  } catch (error) {
    if (error instanceof Violated) broken = error.broken;
    else broken = [{ check: 'the laboratory itself goes on', why: [String((error as Error).stack)] }];
  } finally {
    world.stop();
  }
  return {
    hash: world.hash(),
    broken,
    lines,
    complaints: [...world.complaints()],
    simulatedMs: world.machine.clock.nowMs() - startMs,
    counts: world.counts,
  };
}

/** Everything that tidies up has come by after this long: the image janitor's hourly sweep is the slowest. */
const QUIET_MS = 2.2 * 3_600_000;

const at = (world: World): string => world.machine.clock.now().toISOString().slice(11, 23);

async function insist(stage: Stage, times: Parameters<typeof lookAtAll>[1]): Promise<void> {
  const broken = await lookAtAll(stage, times);
  if (broken.length > 0) throw new Violated(broken);
}

/** The events of a round, each at its time, whatever the others are still doing. */
async function rage(stage: Stage, events: readonly StoryEvent[], lines: string[]): Promise<void> {
  const { world } = stage;
  const { clock } = world.machine;
  const beganMs = clock.nowMs();
  const going = new Set<Promise<void>>();
  const failures: unknown[] = [];
  for (const [index, event] of events.entries()) {
    // those of one moment begin together
    if (events[index - 1]?.atMs !== event.atMs) await clock.advanceTo(beganMs + event.atMs);
    const started = at(world);
    const work = happen(stage, event)
      .then((told) => {
        if (told !== undefined) lines.push(`${started}..${at(world)} ${told}`);
      })
      .catch((error: unknown) => void failures.push(error))
      .finally(() => void going.delete(work));
    going.add(work);
    if (index % LOOK_EVERY_EVENTS === 0) await insist(stage, ['always']);
  }
  await world.during(Promise.all(going));
  if (failures.length > 0) throw failures[0];
}

/** The bad times end: everybody lives again, and in a while everything must be as it should. */
async function comeToRest(stage: Stage, story: Story): Promise<void> {
  const { world } = stage;
  world.sky.clear();
  for (const { process } of world.controllers) process.fuse = undefined;
  while (world.controllers.length < story.controllers) await world.during(world.startController());
  for (const host of world.hosts) {
    if (host.agent === undefined || host.agent.process.isDead) host.startAgent();
    else host.agent.process.fuse = undefined;
  }
  await untilAtRest(stage, SETTLE_MS);
}

/** Lets time pass until everything is as it should be, looking at what must always hold on the way. */
async function untilAtRest(stage: Stage, patienceMs: number): Promise<void> {
  const { world } = stage;
  const endMs = world.machine.clock.nowMs() + patienceMs;
  for (let stepMs = LOOK_EVERY_MS; ; stepMs = Math.min(stepMs * 1.5, 60_000)) {
    await world.pass(stepMs);
    await insist(stage, ['always']);
    if ((await lookAtAll(stage, ['at rest'], true)).length === 0) return;
    if (world.machine.clock.nowMs() > endMs) await insist(stage, ['at rest']);
  }
}
