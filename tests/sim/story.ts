/**
 * A story: what happens when, decided beforehand from the seed. Each event has a chance of its own, so that leaving one out
 * changes nothing in the others but what they find.
 */
import { stopFakeGuest } from '../../src/agents/compute/drivers/fake/driver.ts';
import type { Ledger } from './ledger.ts';
import { type Chance, createChance } from './machine/chance.ts';
import { kill } from './machine/processes.ts';
import { makeWeather, WEATHERS } from './weather.ts';
import { OPERATION_DICE, OPERATIONS } from './workload/index.ts';
import { pickFrom } from './workload/operation.ts';
import type { World } from './world.ts';

export interface StoryEvent {
  /** Since its round began. */
  readonly atMs: number;
  readonly what: string;
  readonly seed: number;
}

export interface Round {
  readonly events: readonly StoryEvent[];
  /** How long nothing happens after it. */
  readonly quietMs: number;
}

export interface Story {
  readonly seed: number;
  readonly hosts: number;
  readonly controllers: number;
  readonly rounds: readonly Round[];
}

export interface Stage {
  readonly world: World;
  readonly ledger: Ledger;
}

type Fault = (stage: Stage, chance: Chance) => Promise<string | undefined> | string | undefined;

const HOUR_MS = 3_600_000;
const MAX_CONTROLLERS = 3;
/** Points that a process may still pass before it dies: within one request, one report, one file. */
const MAX_FUSE = 60;

/** From now on a server may be off without anybody having asked for it. */
function mayBeOff(ledger: Ledger, id: string): void {
  const entry = ledger.entries.get(id);
  if (entry !== undefined) ledger.set(entry, 'status', ledger.begin(['SHUTOFF']));
}

const FAULTS: Readonly<Record<string, readonly [weight: number, fault: Fault]>> = {
  'kill a controller': [
    3,
    ({ world }, chance) => {
      const victim = pickFrom(chance, world.controllers);
      if (victim === undefined) return undefined;
      if (chance.percent(30)) kill(victim.process);
      else victim.process.fuse = chance.below(MAX_FUSE);
      return `${victim.process.name} is to die in ${victim.process.fuse ?? 'no'} points`;
    },
  ],
  'start a controller': [
    4,
    async ({ world }) => {
      if (world.controllers.length >= MAX_CONTROLLERS) return undefined;
      try {
        return `${(await world.startController()).process.name} starts`;
      } catch (error) {
        // as a real one does when its database does not answer
        return `a controller could not start: ${error instanceof Error ? error.message : 'for no reason'}`;
      }
    },
  ],
  'kill an agent': [
    4,
    async ({ world }, chance) => {
      const host = pickFrom(chance, world.hosts);
      const process = host?.agent?.process;
      if (host === undefined || process === undefined) return undefined;
      if (chance.percent(30)) host.killAgent();
      else process.fuse = chance.below(MAX_FUSE);
      const downMs = chance.below(chance.percent(20) ? 300_000 : 20_000);
      await world.machine.clock.sleep(downMs);
      host.startAgent();
      return `the agent of ${host.name} was killed for ${downMs} ms`;
    },
  ],
  'cut the power of a host': [
    1,
    async ({ world, ledger }, chance) => {
      const host = pickFrom(chance, world.hosts);
      if (host === undefined) return undefined;
      for (const id of host.guests.guests.keys()) mayBeOff(ledger, id);
      host.cutPower(chance);
      const downMs = chance.below(120_000);
      await world.machine.clock.sleep(downMs);
      host.startAgent();
      return `${host.name} lost its power for ${downMs} ms`;
    },
  ],
  'lose a device': [
    1,
    ({ world }, chance) => {
      const host = pickFrom(chance, world.hosts);
      const key = pickFrom(chance, [...(host?.networks.present.keys() ?? [])]);
      if (host === undefined || key === undefined) return undefined;
      host.networks.lose(key);
      return `${host.name} loses ${key}`;
    },
  ],
  'a guest stops by itself': [
    1,
    ({ world, ledger }, chance) => {
      const host = pickFrom(chance, world.hosts);
      const id = pickFrom(chance, [...(host?.guests.guests.keys() ?? [])]);
      if (host === undefined || id === undefined) return undefined;
      mayBeOff(ledger, id);
      stopFakeGuest(host.guests, id);
      return `guest ${id} stops by itself`;
    },
  ],
};

const FAULT_DICE = Object.entries(FAULTS).flatMap(([name, [weight]]) => Array.from({ length: weight }, () => name));
const WEATHER_NAMES = Object.keys(WEATHERS);

/**
 * Makes up a story that lasts about so many hours.
 * @param calm How long nothing happens between the bad times, compared with everyday runs: less finds more per hour of computing.
 */
export function makeStory(seed: number, hours: number, calm = 1): Story {
  const chance = createChance(seed);
  const rounds: Round[] = [];
  let leftMs = hours * HOUR_MS;
  // in a calm story a quiet time may be a night
  const longHours = calm < 0.5 ? 3 : 8;
  while (leftMs > 0) {
    const quietMs = Math.min(
      Math.max(leftMs, 0),
      calm * (chance.percent(25) ? longHours : 0.2) * HOUR_MS * (0.5 + chance.unit()),
    );
    const round = makeRound(chance, quietMs);
    rounds.push(round);
    leftMs -= quietMs + (round.events.at(-1)?.atMs ?? 0);
  }
  return { seed, hosts: 2 + chance.below(2), controllers: 1 + chance.below(3), rounds };
}

function makeRound(chance: Chance, quietMs: number): Round {
  const events: StoryEvent[] = [];
  const wild = chance.percent(30) ? 3 : 1;
  const [operations, weather, faults] = [20 + chance.below(60), chance.below(4 * wild), chance.below(6 * wild)];
  const lengthMs = 60_000 + chance.below(9 * 60_000);
  const add = (count: number, what: () => string): void => {
    for (let i = 0; i < count; i++)
      events.push({ atMs: chance.below(lengthMs), what: what(), seed: chance.below(2 ** 31) });
  };
  // several at once find what one after the other does not
  for (let left = operations; left > 0; ) {
    const burst = Math.min(left, chance.percent(30) ? 2 + chance.below(6) : 1);
    const atMs = chance.below(lengthMs);
    for (let i = 0; i < burst; i++)
      events.push({
        atMs,
        what: `do ${pickFrom(chance, OPERATION_DICE)}`,
        seed: chance.below(2 ** 31),
      });
    left -= burst;
  }
  add(weather, () => `weather ${pickFrom(chance, WEATHER_NAMES)}`);
  add(faults, () => `fault ${pickFrom(chance, FAULT_DICE)}`);
  return { events: events.toSorted((a, b) => a.atMs - b.atMs), quietMs: Math.floor(quietMs) };
}

/** Has one event happen, and tells what came of it. */
export async function happen(stage: Stage, event: StoryEvent): Promise<string | undefined> {
  const { world, ledger } = stage;
  const chance = createChance(event.seed);
  const [kind = '', ...rest] = event.what.split(' ');
  const name = rest.join(' ');
  if (kind === 'weather') {
    const weather = makeWeather({
      name,
      seed: event.seed,
      nowMs: world.machine.clock.nowMs(),
      hostIds: world.hosts.map(({ id }) => id),
    });
    world.sky.weathers.push(weather);
    return `${name} until ${new Date(weather.endMs).toISOString()}`;
  }
  if (kind === 'fault') return FAULTS[name]?.[1](stage, chance);
  const operation = OPERATIONS.get(name);
  const user = pickFrom(chance, world.users.slice(1));
  if (operation === undefined || user === undefined) throw new Error(`no event '${event.what}'`);
  const told = await operation({ world, ledger, chance, user });
  return told === undefined ? undefined : `${user.name}: ${told}`;
}
