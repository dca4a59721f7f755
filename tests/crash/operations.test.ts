/** Explaining, cancelling and forcing, while hosts are away and while what is ended ends by itself. */
import { afterAll, describe, expect, it } from 'vitest';
import { leftOver } from '../support/invariants.ts';
import { serverBody } from '../support/openstack.ts';
import { createServer, deleteServers, forgetPrepared, inWorld, serversOf, type World } from '../support/world.ts';

afterAll(forgetPrepared);

// biome-ignore lint/suspicious/noExplicitAny: answers are looked into
type Body = any;

async function create(world: World): Promise<string> {
  const answer = await world.ask('compute', 'POST /v2.1/servers', { body: serverBody(world.around, 'one') });
  await world.pass(2_000);
  return answer?.body.server.id;
}

async function explain(world: World, id: string): Promise<Body> {
  return (await world.ask('operations', `GET /v1/resources/${id}`))?.body.resource;
}

async function end(world: World, verb: 'cancel' | 'force', id: string): Promise<string> {
  const answer = await world.ask('operations', `POST /v1/resources/${id}/${verb}`, { body: {} });
  return answer?.status === 202 ? answer.body.outcome : `${answer?.status} ${answer?.body.error.message}`;
}

const stateOf = (world: World, id: string): Body =>
  world.tables.rows('select * from servers').find((server) => server['id'] === id);
const wake = (world: World): void => {
  for (const host of world.hosts) world.restartAgent(host);
};
const sleepHosts = (world: World): void => {
  for (const host of world.hosts) host.kill();
};

describe('a server whose host is away while it is built', () => {
  it('is explained: the agent owns the next step, is behind, and the build has an end', () =>
    inWorld({ seed: 1 }, async (world) => {
      sleepHosts(world);
      const id = await create(world);
      const told = await explain(world, id);
      expect(told).toMatchObject({ type: 'compute.server', name: 'one', state: 'BUILD (spawning)', is_final: false });
      const [wait] = told.waits;
      expect(wait).toMatchObject({ owner: { kind: 'agent', host: 'fake-1', is_up: true } });
      expect(wait.owner.reported_revision).toBeLessThan(wait.owner.desired_revision);
      expect(Date.parse(wait.until)).toBeGreaterThan(Date.parse(wait.since));
      await world.pass(60_000);
      expect((await explain(world, id)).waits[0].owner.is_up).toBe(false);
    }));

  it.each(['cancel', 'force'] as const)('ends in ERROR by %s, once, and leaves nothing when its host is back', (verb) =>
    inWorld({ seed: 2 }, async (world) => {
      sleepHosts(world);
      const id = await create(world);
      expect(await end(world, verb, id)).toBe('accepted');
      expect(await end(world, verb, id)).toBe('nothing');
      await world.pass(5_000);
      expect(stateOf(world, id)).toMatchObject({ vm_state: 'error', task_state: null });
      expect(await explain(world, id)).toMatchObject({ state: 'ERROR', is_final: true });
      wake(world);
      await world.settle(`after ${verb}`);
      await deleteServers(world);
      await world.settle('deleted');
      expect(leftOver(world.tables)).toEqual([]);
    }),
  );
});

describe('a deletion whose host is away', () => {
  it('cannot be turned back, goes on by force without the host, and the host gives the guest up later', () =>
    inWorld({ seed: 3 }, async (world) => {
      await createServer(world);
      await world.settle('created');
      sleepHosts(world);
      const [server] = serversOf(world);
      const id = String(server?.id);
      await deleteServers(world);
      await world.pass(1_000);
      expect(await end(world, 'cancel', id)).toMatch(/^409 .*cannot be turned back/);
      expect((await explain(world, id)).waits[0]).toMatchObject({ owner: { kind: 'agent' } });
      expect(await end(world, 'force', id)).toBe('accepted');
      await world.pass(1_000);
      expect((await world.ask('compute', `GET /v2.1/servers/${id}`))?.status).toBe(404);
      expect(await end(world, 'force', id)).toBe('nothing');
      wake(world);
      await world.settle('host back');
      expect(leftOver(world.tables)).toEqual([]);
    }));
});

describe('a power action whose host is away', () => {
  it('is turned back: the server stays as it was, whatever the host had begun', () =>
    inWorld({ seed: 4 }, async (world) => {
      await createServer(world);
      await world.settle('created');
      sleepHosts(world);
      const id = String(serversOf(world)[0]?.id);
      await world.ask('compute', `POST /v2.1/servers/${id}/action`, { body: { 'os-stop': null } });
      expect(await end(world, 'cancel', id)).toBe('accepted');
      expect(await end(world, 'cancel', id)).toBe('nothing');
      expect(stateOf(world, id)).toMatchObject({ vm_state: 'active', task_state: null });
      wake(world);
      await world.settle('host back');
      expect(stateOf(world, id)).toMatchObject({ vm_state: 'active', task_state: null });
    }));

  it('is ended by force in ERROR with a fault, and its deadline is no more', () =>
    inWorld({ seed: 5 }, async (world) => {
      await createServer(world);
      await world.settle('created');
      sleepHosts(world);
      const id = String(serversOf(world)[0]?.id);
      await world.ask('compute', `POST /v2.1/servers/${id}/action`, { body: { 'os-stop': null } });
      expect(await end(world, 'force', id)).toBe('accepted');
      expect(stateOf(world, id)).toMatchObject({ vm_state: 'error', task_state: null, deadline_at: null });
      const { history } = await explain(world, id);
      expect(history[0].failure.message).toContain('did not finish powering-off');
      wake(world);
      await world.settle('host back');
    }));
});

describe('what else waits for a host that is away', () => {
  it.each([
    ['a snapshot', 'cancel', { createImage: { name: 'picture' } }],
    ['a snapshot', 'force', { createImage: { name: 'picture' } }],
    ['a resume of a suspended server', 'cancel', { resume: null }],
  ] as const)('%s is ended by %s, and the server is as it was', (_what, verb, action) =>
    inWorld({ seed: 7 }, async (world) => {
      await createServer(world);
      await world.settle('created');
      const id = String(serversOf(world)[0]?.id);
      const act = (body: object) => world.ask('compute', `POST /v2.1/servers/${id}/action`, { body });
      if ('resume' in action) await act({ suspend: null });
      await world.settle('before');
      const before = stateOf(world, id).vm_state;
      sleepHosts(world);
      expect((await act(action))?.status).toBe(202);
      expect(await end(world, verb, id)).toBe('accepted');
      expect(await end(world, verb, id)).toBe('nothing');
      expect(stateOf(world, id)).toMatchObject({ vm_state: before, task_state: null });
      wake(world);
      await world.settle('host back');
      expect(stateOf(world, id)).toMatchObject({ vm_state: before, task_state: null });
    }),
  );
});

/** Moments of a build at which its end is asked for, in milliseconds after the request. */
const MOMENTS = [0, 1, 250, 500, 750, 1_000, 1_500];

describe('ending a build that ends by itself', () => {
  it.each(['cancel', 'force'] as const)('by %s at any moment: what was accepted is so, and nothing is left', (verb) =>
    inWorld({ seed: 6 }, async (world) => {
      for (const ms of MOMENTS) {
        const answer = await world.ask('compute', 'POST /v2.1/servers', { body: serverBody(world.around, `at ${ms}`) });
        const id: string = answer?.body.server.id;
        await world.pass(ms);
        const outcome = await end(world, verb, id);
        await world.settle(`${verb} at ${ms}`);
        expect([ms, outcome, stateOf(world, id)?.vm_state]).toEqual([
          ms,
          outcome,
          outcome === 'accepted' ? 'error' : 'active',
        ]);
      }
      await deleteServers(world);
      await world.settle('deleted');
      expect(leftOver(world.tables)).toEqual([]);
    }),
  );
});

describe('ending a resize at any moment', () => {
  it.each(['cancel', 'force'] as const)('by %s leaves the server as it was, or says why not', (verb) =>
    inWorld({ seed: 8 }, async (world) => {
      const flavor = await world.ask('compute', 'POST /v2.1/flavors', {
        body: { flavor: { name: 'proof.large', ram: 128, vcpus: 2, disk: 1 } },
      });
      const outcomes = new Set<string>();
      for (const ms of [0, 1, 500, 1_000]) {
        await createServer(world);
        await world.settle('created');
        const id = String(serversOf(world)[0]?.id);
        const body = { resize: { flavorRef: flavor?.body.flavor.id } };
        expect((await world.ask('compute', `POST /v2.1/servers/${id}/action`, { body }))?.status).toBe(202);
        await world.pass(ms);
        const outcome = await end(world, verb, id);
        await world.settle(`${verb} at ${ms}`);
        const { vm_state: state } = stateOf(world, id);
        outcomes.add(`${outcome.slice(0, 8)} ${state}`);
        await deleteServers(world);
        await world.settle('deleted');
        expect(leftOver(world.tables)).toEqual([]);
      }
      const possible = ['accepted active', 'accepted error', 'nothing resized', '409 Inst resized'];
      expect([...outcomes].filter((outcome) => !possible.includes(outcome))).toEqual([]);
    }),
  );
});
