/**
 * What must not grow: statements, counted. The short version of `pileus simulate` for every run of the tests, which measures no time.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { serverBody } from '../../support/openstack.ts';
import { createWorld, forgetPrepared, serversOf, type World } from '../../support/world.ts';

const worlds: World[] = [];
afterAll(async () => {
  for (const world of worlds) await world.stop();
  await forgetPrepared();
});

async function startWorld(hosts: number): Promise<World> {
  const world = await createWorld({ seed: 1, hosts });
  worlds.push(world);
  const body = { quota_class_set: { instances: -1, cores: -1, ram: -1 } };
  await world.ask('compute', 'PUT /v2.1/os-quota-class-sets/default', { body });
  return world;
}

async function addServers(world: World, count: number): Promise<void> {
  const before = serversOf(world).length;
  const body = serverBody(world.around, 'counted', { min_count: count, max_count: count });
  const answer = await world.ask('compute', 'POST /v2.1/servers', { body });
  if (answer?.status !== 202) throw new Error(answer?.text);
  await world.settle('servers');
  expect(serversOf(world)).toHaveLength(before + count);
}

/** The fewest statements that some askings took: whatever else goes on meanwhile only adds. */
async function statementsOf(world: World, line: string): Promise<number> {
  const counts: number[] = [];
  for (let i = 0; i < 7; i++) {
    const before = statements(world);
    const answer = await world.ask('compute', line);
    if (answer?.status !== 200) throw new Error(answer?.text);
    counts.push(statements(world) - before);
  }
  return Math.min(...counts);
}

function statements(world: World): number {
  return world.controllers[0]?.database.statements ?? 0;
}

describe('the number of statements', () => {
  it('of a show and of a page does not depend on how many hosts and servers there are', async () => {
    const small = await startWorld(1);
    await addServers(small, 2);
    const large = await startWorld(8);
    await addServers(large, 30);
    const [one] = serversOf(small);
    const [other] = serversOf(large);
    expect(await statementsOf(large, `GET /v2.1/servers/${other?.id}`)).toBeLessThanOrEqual(
      await statementsOf(small, `GET /v2.1/servers/${one?.id}`),
    );
    expect(await statementsOf(large, 'GET /v2.1/servers/detail')).toBeLessThanOrEqual(
      await statementsOf(small, 'GET /v2.1/servers/detail'),
    );
  });

  it('of a server from POST to ACTIVE does not rise with the servers that there are', async () => {
    const world = await startWorld(2);
    const costs: number[] = [];
    for (const count of [8, 8, 8]) {
      const before = statements(world);
      await addServers(world, count);
      costs.push((statements(world) - before) / count);
    }
    expect((costs[2] ?? 0) / (costs[0] ?? 0)).toBeLessThan(1.5);
  });

  it('of hosts that wait is a few for each heartbeat, and none for each that waits', async () => {
    const world = await startWorld(8);
    await world.pass(60_000);
    const before = statements(world);
    await world.pass(60_000);
    const perBeat = (statements(world) - before) / (8 * 6);
    expect(perBeat).toBeLessThan(40);
  });
});
