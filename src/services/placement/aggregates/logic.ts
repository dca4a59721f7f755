import { inTransaction } from '#kernel/db/transaction.ts';
import { Conflict } from '#kernel/errors.ts';
import type { PlacementDeps } from '../deps.ts';
import { raiseOrConflict } from '../inventories/logic.ts';
import { getProvider } from '../resource-providers/store.ts';
import type { ProviderRow } from '../tables.ts';
import { listAggregates, replaceAggregates } from './store.ts';

export interface ProviderAggregates {
  readonly provider: ProviderRow;
  readonly aggregateIds: readonly string[];
}

export async function showAggregates(deps: PlacementDeps, providerId: string): Promise<ProviderAggregates> {
  return { provider: await getProvider(deps.db, providerId), aggregateIds: await listAggregates(deps.db, providerId) };
}

/** @throws {Conflict} `placement.concurrent_update` when a generation is given and is no longer the provider's. */
export async function changeAggregates(
  deps: PlacementDeps,
  providerId: string,
  wanted: { readonly aggregateIds: readonly string[]; readonly generation: number | undefined },
): Promise<ProviderAggregates> {
  return inTransaction(deps.db, async (tx) => {
    const provider = await getProvider(tx, providerId);
    if (wanted.generation !== undefined && wanted.generation !== provider.generation)
      throw new Conflict(
        'placement.concurrent_update',
        "Resource provider's generation already changed. Please update the generation and try again.",
      );
    await replaceAggregates(tx, providerId, wanted.aggregateIds);
    const isRaised = wanted.generation !== undefined;
    return {
      provider: isRaised ? await raiseOrConflict(tx, provider, deps.clock.now().getTime()) : provider,
      aggregateIds: wanted.aggregateIds,
    };
  });
}
