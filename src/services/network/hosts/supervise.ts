import { systemContext } from '#kernel/auth/context.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { errorChain } from '#kernel/errors.ts';
import type { NetworkDeps } from '../deps.ts';
import { findNetwork } from '../networks/store.ts';
import { newWrite, type Write } from '../resources/resource.ts';
import { WHOLE_CLOUD } from '../resources/store.ts';
import {
  chooseDhcpHost,
  chooseRouterHost,
  ensureDhcp,
  ensureRouterHost,
  isAlive,
  moveDhcp,
  placeRouter,
} from './schedule.ts';
import {
  listDhcpBindings,
  listHosts,
  listNetworksWithoutDhcp,
  listRouterIdsOfHosts,
  listRoutersWithoutHost,
} from './store.ts';

/** How often hosts are looked at. A dead one is noticed this much later than it could be. */
const LOOK_EVERY_MS = 5_000;

/** Gives a host to every DHCP server and router that has none. */
export async function placeWaiting(write: Write): Promise<void> {
  for (const networkId of await listNetworksWithoutDhcp(write.tx)) await ensureDhcp(write, networkId);
  for (const routerId of await listRoutersWithoutHost(write.tx)) await ensureRouterHost(write, routerId);
}

/** Moves what silent hosts had to others, where there are others. */
export async function leaveDeadHosts(write: Write): Promise<void> {
  const nowMs = write.deps.clock.now().getTime();
  const hosts = await listHosts(write.tx);
  const dead = hosts.filter((host) => !isAlive(host, nowMs)).map(({ id }) => id);
  if (dead.length === 0 || dead.length === hosts.length) return;
  for (const { network_id: networkId } of await listDhcpBindings(write.tx, { hostIds: dead })) {
    const network = await findNetwork(write.tx, networkId);
    const host = network === undefined ? undefined : await chooseDhcpHost(write, network);
    if (host !== undefined) await moveDhcp(write, networkId, host);
  }
  for (const routerId of await listRouterIdsOfHosts(write.tx, dead)) {
    const host = await chooseRouterHost(write, routerId, hosts);
    if (host !== undefined) await placeRouter(write, routerId, host);
  }
}

/** Looks after hosts while the controller runs. Any number of controllers may: each look is one transaction. */
export async function superviseHosts(deps: NetworkDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await deps.clock.sleep(LOOK_EVERY_MS, signal);
    if (signal.aborted) return;
    try {
      await superviseOnce(deps);
    } catch (error) {
      deps.log.error({ error: errorChain(error) }, 'looking after network hosts failed, next look follows');
    }
  }
}

export async function superviseOnce(deps: NetworkDeps): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    const write = newWrite(deps, tx, systemContext(null), WHOLE_CLOUD);
    await leaveDeadHosts(write);
    await placeWaiting(write);
  });
}
