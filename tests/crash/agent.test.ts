/** An agent is killed before and after each call to its driver, during a create, a stop and start, and a delete; another one goes on. */
import { afterAll, describe, expect, it } from 'vitest';
import { leftOver } from '../support/invariants.ts';
import { createServer, deleteServers, forgetPrepared, inWorld, serversOf, type World } from '../support/world.ts';

afterAll(forgetPrepared);

async function act(world: World, action: object): Promise<void> {
  for (const { id } of serversOf(world))
    await world.ask('compute', `POST /v2.1/servers/${id}/action`, { body: action });
}

const stories: readonly (readonly [
  name: string,
  before: ((world: World) => Promise<void>)[],
  story: (world: World) => Promise<void>,
])[] = [
  ['a create', [], createServer],
  ['a stop', [createServer], (world) => act(world, { 'os-stop': null })],
  ['a hard reboot', [createServer], (world) => act(world, { reboot: { type: 'HARD' } })],
  ['a delete', [createServer], deleteServers],
];

/** Runs a story whose agent dies at its `nth` moment of contact with the driver; tells how many moments there were. */
async function runWithKillAt(nth: number, [name, before, story]: (typeof stories)[number]): Promise<number> {
  let moments = 0;
  let isArmed = false;
  let onMoment = (): void => {};
  const onCall = (): void => {
    if (!isArmed) return;
    moments++;
    if (moments === nth) onMoment();
  };
  return inWorld({ seed: nth, onCall }, async (world) => {
    for (const step of before) {
      await step(world);
      await world.settle('before');
    }
    const [host] = world.hosts;
    onMoment = () => {
      host?.kill();
      throw new Error('killed');
    };
    isArmed = true;
    await story(world);
    await world.pass(2_000);
    isArmed = false;
    if (host !== undefined) world.restartAgent(host);
    await world.settle(`${name}, agent killed at its moment ${nth}`);
    expect([nth, serversOf(world).every(({ vm_state }) => vm_state !== 'error')]).toEqual([nth, true]);
    await deleteServers(world);
    await world.settle(`delete, after ${name} with an agent killed at its moment ${nth}`);
    expect([nth, leftOver(world.tables)]).toEqual([nth, []]);
    return moments;
  });
}

describe('an agent killed around each call to its driver', () => {
  it.each(stories)('during %s leaves what was asked for, and nothing else', async (...story) => {
    const moments = await runWithKillAt(0, story);
    expect(moments).toBeGreaterThan(4);
    for (let nth = 1; nth <= Math.min(moments, 24); nth++) await runWithKillAt(nth, story);
  });
});
