/** Servers whose controller dies at a write of the test's choice. */
import type { KyselyPlugin } from 'kysely';
import type { Db } from '#kernel/db/database.ts';
import type { ComputePeers } from '#services/compute/index.ts';
import { fakeNetworks } from '../../api/compute-peers.ts';
import { type ServersUnderTest, startServers } from '../../api/servers.ts';

/** Lets so many writes through, and then nothing at all, as a process that is dead. */
export interface Death {
  writesLeft: number;
  isDead: boolean;
}

function dyingDatabase(death: Death): (db: Db) => Db {
  const plugin: KyselyPlugin = {
    transformQuery({ node }) {
      if (death.isDead) throw new Error('the controller is dead');
      if (node.kind !== 'SelectQueryNode') {
        if (death.writesLeft === 0) {
          death.isDead = true;
          throw new Error('the controller dies');
        }
        death.writesLeft -= 1;
      }
      return node;
    },
    transformResult: async ({ result }) => result,
  };
  return (db) => db.withPlugin(plugin);
}

/** A controller that lives; its database fails from the write on that `death` says. */
export async function startMortal(
  peers: Partial<ComputePeers> = {},
): Promise<{ cloud: ServersUnderTest; death: Death }> {
  const death: Death = { writesLeft: Number.POSITIVE_INFINITY, isDead: false };
  const network = fakeNetworks();
  const cloud = await startServers({ network, ...peers }, dyingDatabase(death));
  await cloud.beat();
  return { cloud, death };
}

/** Another controller goes on. */
export async function revive(cloud: ServersUnderTest, death: Death): Promise<void> {
  death.isDead = false;
  death.writesLeft = Number.POSITIVE_INFINITY;
  await cloud.restartTasks();
  await cloud.beat();
}
