/**
 * The whole cloud under a storm: two controllers over one database, three hosts, users who create, stop, start, reboot and delete,
 * while controllers and agents are killed, hosts lose power, calls and answers get lost, and devices disappear. Then the storm ends, and
 * everything must come to rest as desired, without anybody's help.
 *
 * Each seed is one story. PILEUS_SIM_SEED=… tells one again; PILEUS_SIM_COUNT=… tells more.
 */
import { afterAll, expect, it } from 'vitest';
import { pick, type Random, seededRandom } from '#kernel/random.ts';
import { crashFakeHost, stopFakeGuest } from '../../src/agents/compute/drivers/fake/driver.ts';
import { leftOver } from '../support/invariants.ts';
import { serverBody } from '../support/openstack.ts';
import { deleteServers, forgetPrepared, inWorld, serversOf, type World } from '../support/world.ts';

afterAll(forgetPrepared);

const FIRST = Number(process.env['PILEUS_SIM_SEED'] ?? 1);
const COUNT = Number(process.env['PILEUS_SIM_COUNT'] ?? (process.env['PILEUS_SIM_SEED'] === undefined ? 6 : 1));
/** Events of one storm. */
const EVENTS = 60;
/** Servers at once: enough to collide, few enough to read. */
const MAX_SERVERS = 8;

interface Storm {
  readonly world: World;
  readonly chance: Random;
  readonly story: string[];
}

type Happening = (storm: Storm) => Promise<string | undefined> | string | undefined;

async function ask({ world }: Storm, line: string, body?: unknown): Promise<string> {
  const answer = await world.ask('compute', line, body === undefined ? {} : { body });
  if (answer !== undefined && answer.status >= 500) throw new Error(`${line}: ${answer.status} ${answer.text}`);
  return `${line} ${body === undefined ? '' : JSON.stringify(body)}: ${answer?.status ?? 'no answer'}`;
}

function anyServer({ world, chance }: Storm): string | undefined {
  const servers = serversOf(world);
  return servers.length === 0 ? undefined : pick(chance, servers).id;
}

const act =
  (action: object): Happening =>
  (storm) => {
    const id = anyServer(storm);
    return id === undefined ? undefined : ask(storm, `POST /v2.1/servers/${id}/action`, action);
  };

/** What may happen, and how often among the others. */
const HAPPENINGS: readonly (readonly [weight: number, happening: Happening])[] = [
  [
    6,
    (storm) =>
      serversOf(storm.world).length >= MAX_SERVERS
        ? undefined
        : ask(storm, 'POST /v2.1/servers', serverBody(storm.world.around, 'leaf')),
  ],
  [
    4,
    (storm) => {
      const id = anyServer(storm);
      return id === undefined ? undefined : ask(storm, `DELETE /v2.1/servers/${id}`);
    },
  ],
  [2, act({ 'os-stop': null })],
  [2, act({ 'os-start': null })],
  [2, act({ reboot: { type: 'HARD' } })],
  [1, act({ reboot: { type: 'SOFT' } })],
  [1, act({ pause: null })],
  [1, act({ unpause: null })],
  [
    3,
    async ({ world, chance }) => {
      const living = world.controllers.filter(({ isAlive }) => isAlive);
      const [victim] = living;
      if (victim === undefined) return undefined;
      const left = chance.below(30);
      let seen = 0;
      victim.database.onStatement = () => {
        if (seen++ >= left) victim.kill();
      };
      await world.pass(chance.below(4_000));
      if (living.length < 2) await world.startController();
      return `a controller is to be killed ${left} statements on`;
    },
  ],
  [
    2,
    async ({ world }) =>
      world.controllers.filter(({ isAlive }) => isAlive).length < 2
        ? (await world.startController(), 'a controller starts')
        : undefined,
  ],
  [
    3,
    async ({ world, chance }) => {
      const host = pick(chance, world.hosts);
      host.kill();
      await world.pass(chance.below(60_000));
      world.restartAgent(host);
      return `the agent of ${host.name} is killed and comes back`;
    },
  ],
  [
    1,
    ({ world, chance }) => {
      const host = pick(chance, world.hosts);
      host.kill();
      crashFakeHost(host.guests, `session ${chance.below(1_000_000)}`);
      world.restartAgent(host);
      return `${host.name} loses power and comes back`;
    },
  ],
  [
    1,
    ({ world, chance }) => {
      const host = pick(chance, world.hosts);
      const keys = [...host.networks.present.keys()];
      if (keys.length === 0) return undefined;
      const key = pick(chance, keys);
      host.networks.lose(key);
      return `${host.name} loses ${key}`;
    },
  ],
  [
    1,
    ({ world, chance }) => {
      const host = pick(chance, world.hosts);
      const ids = [...host.guests.guests.keys()];
      if (ids.length === 0) return undefined;
      const id = pick(chance, ids);
      stopFakeGuest(host.guests, id);
      return `guest ${id} stops by itself`;
    },
  ],
];

const DICE = HAPPENINGS.flatMap(([weight, happening]) => Array.from({ length: weight }, () => happening));

async function rage(storm: Storm): Promise<void> {
  const { world, chance, story } = storm;
  world.wire = () => {
    const dice = chance.below(100);
    return dice < 5 ? 'drop' : dice < 10 ? 'lose-answer' : undefined;
  };
  for (let event = 0; event < EVENTS; event++) {
    const told = await pick(chance, DICE)(storm);
    if (told !== undefined) story.push(`${world.clock.now().toISOString()} ${told}`);
    await world.pass(chance.below(3_000));
  }
  world.wire = () => undefined;
  for (const controller of world.controllers) controller.database.onStatement = undefined;
  if (!world.controllers.some(({ isAlive }) => isAlive)) await world.startController();
}

it.each(Array.from({ length: COUNT }, (_, i) => FIRST + i))(
  'after storm %i everything comes to rest',
  async (seed) => {
    const story: string[] = [];
    try {
      await inWorld({ seed, hosts: 3 }, async (world) => {
        await world.startController();
        await rage({ world, chance: seededRandom(seed), story });
        await world.settle('after the storm');
        await deleteServers(world);
        await world.settle('after the deletes');
        expect(leftOver(world.tables)).toEqual([]);
      });
    } catch (error) {
      throw new Error(`PILEUS_SIM_SEED=${seed} tells it again:\n${story.join('\n')}`, { cause: error });
    }
  },
  120_000,
);
