import { inTransaction } from '#kernel/db/transaction.ts';
import { BadRequest, Conflict } from '#kernel/errors.ts';
import { requireConsumers, takeOrRefuse, type Wanted } from '../allocations/logic.ts';
import { returnAllocations } from '../allocations/store.ts';
import type { PlacementDeps } from '../deps.ts';
import { type CapacityRule, requireCapacity } from '../inventories/change.ts';
import { type InventoryInput, setInventoriesOf, withDefaults } from '../inventories/logic.ts';
import { requireKnownClasses } from '../resource-classes/logic.ts';
import { findProvider } from '../resource-providers/store.ts';

export interface Reshape extends CapacityRule {
  /** New inventories of providers, each for the generation that the caller has seen. */
  readonly inventories: Readonly<
    Record<string, { readonly generation: number; readonly inventories: Readonly<Record<string, InventoryInput>> }>
  >;
  readonly allocations: readonly Wanted[];
}

/**
 * Moves inventory between providers together with what is allocated of it, all or nothing.
 * @throws {BadRequest} `placement.resource_provider.not_found`; {Conflict} `placement.concurrent_update`,
 *   `placement.inventory.inuse`.
 * @see placement's objects/reshaper.py
 */
export async function reshape(deps: PlacementDeps, wanted: Reshape): Promise<void> {
  const nowMs = deps.clock.now().getTime();
  await inTransaction(deps.db, async (tx) => {
    await requireConsumers(tx, wanted.allocations);
    // What consumers hold is given back first, so that its inventory may go elsewhere.
    for (const { consumerId } of wanted.allocations) await returnAllocations(tx, consumerId);
    for (const [providerId, { generation, inventories }] of Object.entries(wanted.inventories)) {
      const provider = await findProvider(tx, providerId);
      if (provider === undefined)
        throw new BadRequest(
          'placement.resource_provider.not_found',
          `Resource provider ${providerId} in inventories not found: No resource provider with uuid ${providerId} found`,
        );
      if (provider.generation !== generation)
        throw new Conflict(
          'placement.concurrent_update',
          `resource provider generation conflict for provider ${providerId}: actual: ${provider.generation}, given: ${generation}`,
        );
      const full = Object.fromEntries(Object.entries(inventories).map(([name, input]) => [name, withDefaults(input)]));
      await requireKnownClasses(tx, Object.keys(full), 'Unknown resource class in inventory: ');
      for (const [resourceClass, inventory] of Object.entries(full))
        requireCapacity('Unable to update inventory', { providerId, resourceClass, inventory }, wanted);
      await setInventoriesOf(tx, provider, full, nowMs);
    }
    await takeOrRefuse(tx, wanted.allocations, { who: undefined, nowMs });
  });
}
