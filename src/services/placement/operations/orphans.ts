/** Placement's ways for something to be owned by nobody. */
import type { Orphan, OrphanCheck } from '#kernel/operations/explanation.ts';
import { release } from '../allocations/claim.ts';
import { findConsumer, listConsumers } from '../allocations/store.ts';
import type { PlacementDeps } from '../deps.ts';

/** What compute's own claims are called; others who claim through the API have names of their own, and look after them. */
const SERVERS_TYPE = 'INSTANCE';
/** Consumers looked at with one question to compute. */
const BATCH = 500;

/** @param listLiving Which of these servers are there; compute knows. */
export function placementOrphans(
  deps: PlacementDeps,
  listLiving: (ids: readonly string[]) => Promise<ReadonlySet<string>>,
): OrphanCheck[] {
  return [
    {
      name: 'placement.allocation_without_server',
      find: (limit) => findAllocationsWithoutServer(deps, listLiving, limit),
      async clear(id) {
        const consumer = await findConsumer(deps.db, id);
        // a server that is gone does not come back
        if (consumer?.consumer_type !== SERVERS_TYPE || (await listLiving([id])).has(id)) return false;
        await release(deps.db, id, deps.clock.now().getTime());
        return true;
      },
    },
  ];
}

async function findAllocationsWithoutServer(
  deps: PlacementDeps,
  listLiving: (ids: readonly string[]) => Promise<ReadonlySet<string>>,
  limit: number,
): Promise<Orphan[]> {
  const found: Orphan[] = [];
  for (let after = ''; found.length < limit; ) {
    const page = await listConsumers(deps.db, { type: SERVERS_TYPE, after, limit: BATCH });
    const living = await listLiving(page.map(({ id }) => id));
    found.push(
      ...page
        .filter(({ id }) => !living.has(id))
        .map(({ id, created_at: since }) => ({
          id,
          what: { en: `what server ${id} has claimed of a host`, zh: `服务器 ${id} 在主机上占用的资源` },
          why: { en: 'the server does not exist', zh: '该服务器不存在' },
          since,
        })),
    );
    const last = page.at(-1);
    if (last === undefined || page.length < BATCH) break;
    after = last.id;
  }
  return found.slice(0, limit);
}
