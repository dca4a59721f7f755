/** The controller dies at every write of a build and of a deletion: another one goes on, and nothing is left over. */
import { describe, expect, it } from 'vitest';
import { HOST, type ServersUnderTest } from '../api/servers.ts';
import { revive, startMortal } from './support/mortal.ts';

async function usage(cloud: ServersUnderTest): Promise<number | undefined> {
  return (await cloud.placement.usageOf(cloud.db as never, HOST))['VCPU'];
}

async function deleteAndCount(cloud: ServersUnderTest, id: string): Promise<unknown> {
  await cloud.ask(`DELETE /v2.1/servers/${id}`, { as: 'member' });
  await cloud.settle();
  for (let i = 0; i < 3; i++) {
    await cloud.clock.advance(1_100);
    await cloud.settle();
    await cloud.pass();
  }
  return leftovers(cloud);
}

async function leftovers(cloud: ServersUnderTest): Promise<unknown> {
  return {
    ports: cloud.networks.ports.size,
    vcpus: await usage(cloud),
    guests: (await cloud.db.selectFrom('server_guests').selectAll().execute()).length,
    servers: (await cloud.ask('GET /v2.1/servers', { as: 'member' })).body.servers.length,
    tasks: (await cloud.db.selectFrom('tasks').selectAll().where('state', '=', 'pending').execute()).length,
  };
}

const NOTHING = { ports: 0, vcpus: 0, guests: 0, servers: 0, tasks: 0 };
/** More writes than a build or a deletion has: the last deaths come after the end. */
const WRITES = 40;

describe('a controller that dies', () => {
  it('at any write of a build leaves one whole server, and nothing once it is deleted', async () => {
    for (let writes = 0; writes < WRITES; writes++) {
      const { cloud, death } = await startMortal();
      death.writesLeft = writes;
      const answer = await cloud.create();
      death.isDead = true;
      await revive(cloud, death);
      await cloud.pass();
      const { body } = await cloud.ask('GET /v2.1/servers/detail', { as: 'member' });
      if (answer.status === 202) {
        const [server] = body.servers;
        expect([writes, server?.status, cloud.networks.ports.size, await usage(cloud)]).toEqual([
          writes,
          'ACTIVE',
          1,
          1,
        ]);
        expect([writes, await deleteAndCount(cloud, server.id)]).toEqual([writes, NOTHING]);
      } else {
        expect([writes, answer.status, await leftovers(cloud)]).toEqual([writes, 500, NOTHING]);
      }
      await cloud.close();
    }
  });

  it('at any write of a deletion leaves nothing', async () => {
    for (let writes = 0; writes < WRITES; writes++) {
      const { cloud, death } = await startMortal();
      const { body } = await cloud.create();
      await cloud.pass();
      death.writesLeft = writes;
      const answer = await cloud.ask(`DELETE /v2.1/servers/${body.server.id}`, { as: 'member' });
      await cloud.settle();
      await cloud.pass().catch(() => undefined);
      death.isDead = true;
      await revive(cloud, death);
      if (answer.status !== 204)
        expect([writes, await cloud.show(body.server.id)]).toMatchObject([writes, { status: 'ACTIVE' }]);
      expect([writes, await deleteAndCount(cloud, body.server.id)]).toEqual([writes, NOTHING]);
      await cloud.close();
    }
  });

  it('at any write of a failing build returns everything', async () => {
    for (let writes = 0; writes < WRITES; writes++) {
      const { cloud, death } = await startMortal();
      cloud.networks.failing = true;
      death.writesLeft = writes;
      const answer = await cloud.create();
      death.isDead = true;
      await revive(cloud, death);
      const { body } = await cloud.ask('GET /v2.1/servers/detail', { as: 'member' });
      if (answer.status === 202) {
        expect([writes, body.servers[0]?.status, await usage(cloud)]).toEqual([writes, 'ERROR', 0]);
        expect([writes, await deleteAndCount(cloud, body.servers[0].id)]).toEqual([writes, NOTHING]);
      }
      await cloud.close();
    }
  });
});
