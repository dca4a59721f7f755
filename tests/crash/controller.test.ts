/**
 * A controller is killed before each statement of a create and of a delete. A second one goes on over the same file.
 * Everything ends ACTIVE or cleanly gone; nothing leaks.
 *
 * PILEUS_CRASH=all tries every statement instead of every few, PILEUS_CRASH=58 that one.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { errorText } from '#kernel/errors.ts';
import { leftOver } from '../support/invariants.ts';
import { createServer, deleteServers, forgetPrepared, inWorld, serversOf, type World } from '../support/world.ts';

afterAll(forgetPrepared);

const WHICH = process.env['PILEUS_CRASH'];
/** How many of a story's statements are tried unless all are. */
const TRIES = 12;

/** Time for the host to hear of it and to report; a lease is four times as long. */
const SOON_MS = 7_000;

type Story = (world: World) => Promise<void>;

/** Kills the first controller before its `nth` statement from now. */
function killAt(world: World, nth: number): void {
  const [controller] = world.controllers;
  if (controller === undefined) return;
  let left = nth;
  controller.database.onStatement = () => {
    if (--left === 0) controller.kill();
  };
}

/** The statements before which a kill is tried: of all that there are until the cloud is at rest. */
async function pointsOf(story: Story, before: Story): Promise<number[]> {
  if (Number(WHICH) > 0) return [Number(WHICH)];
  const count = await inWorld({ seed: 1 }, async (world) => {
    await before(world);
    await world.settle('before counting');
    const [controller] = world.controllers;
    let statements = 0;
    if (controller !== undefined) controller.database.onStatement = () => void statements++;
    await story(world);
    await world.settle('counting');
    return statements;
  });
  const every = WHICH === 'all' ? 1 : Math.max(1, Math.floor(count / TRIES));
  return Array.from({ length: Math.ceil(count / every) }, (_, i) => 1 + i * every);
}

/** Tells a story once for each point, and what went wrong at which. */
async function troubleOf(story: Story, before: Story, after: Story): Promise<string[]> {
  const trouble: string[] = [];
  for (const point of await pointsOf(story, before)) {
    const once = async (world: World): Promise<void> => {
      await before(world);
      await world.settle('before');
      killAt(world, point);
      await story(world);
      await world.pass(1_000);
      world.controllers[0]?.kill();
      await world.startController();
      await world.settle('after the kill');
      await after(world);
      await deleteServers(world);
      await world.settle('after the last delete');
      expect(leftOver(world.tables)).toEqual([]);
    };
    await inWorld({ seed: point }, once).catch((error: unknown) => trouble.push(`${point}: ${errorText(error)}`));
  }
  return trouble;
}

/** Kills the first controller before the first statement that `is` recognises. */
function killBefore(world: World, is: (sql: string) => boolean): void {
  const [controller] = world.controllers;
  if (controller === undefined) return;
  controller.database.onStatement = (sql) => {
    if (is(sql)) controller.kill();
  };
}

const nothing: Story = async () => {};

describe('a controller killed', () => {
  it('before a statement of a create leaves a server that becomes ACTIVE, or none', async () => {
    const oneOrNone: Story = async (world) => {
      expect([[], ['active']]).toContainEqual(serversOf(world).map(({ vm_state }) => vm_state));
    };
    expect(await troubleOf(createServer, nothing, oneOrNone)).toEqual([]);
  });

  it('between handing a server to its host and writing that down leaves it ACTIVE, though the host is quicker', async () => {
    await inWorld({ seed: 1 }, async (world) => {
      let isHandedOver = false;
      killBefore(world, (sql) => {
        isHandedOver ||= sql.startsWith('insert into "server_guests"');
        return isHandedOver && sql.startsWith('update "tasks"');
      });
      await createServer(world);
      await world.pass(1_000);
      expect([isHandedOver, world.controllers[0]?.isAlive]).toEqual([true, false]);
      await world.startController();
      await world.settle('after the kill');
      expect(serversOf(world).map(({ vm_state }) => vm_state)).toEqual(['active']);
    });
  });

  it('and started again over its own folder goes on at once: no lease is waited for', async () => {
    const late: string[] = [];
    for (const point of await pointsOf(createServer, nothing)) {
      await inWorld({ seed: point }, async (world) => {
        killAt(world, point);
        await createServer(world);
        await world.pass(1_000);
        world.controllers[0]?.kill();
        await world.startController('controller-0');
        await world.pass(SOON_MS);
        const states = serversOf(world).map(({ vm_state }) => vm_state);
        if (states.some((state) => state !== 'active')) late.push(`${point}: ${states.join()}`);
      });
    }
    expect(late).toEqual([]);
  });

  it('before a statement of a delete leaves nothing in the end', async () => {
    expect(await troubleOf(deleteServers, createServer, nothing)).toEqual([]);
  });

  it('before a statement of a create that is deleted at once leaves nothing in the end', async () => {
    const story: Story = async (world) => {
      await createServer(world);
      await deleteServers(world);
    };
    expect(await troubleOf(story, nothing, nothing)).toEqual([]);
  });
});
