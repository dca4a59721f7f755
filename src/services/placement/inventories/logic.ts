import type { Db } from '#kernel/db/database.ts';
import { Conflict } from '#kernel/errors.ts';
import { raiseGeneration } from '../resource-providers/store.ts';
import type { InventoryRow, PlacementTables, ProviderRow } from '../tables.ts';
import { INVENTORY_DEFAULTS } from './capacity.ts';
import { deleteInventory, insertInventory, listInventories, updateInventory } from './store.ts';

/** An inventory as given: what is absent takes the default. */
export interface InventoryInput {
  readonly total: number;
  readonly reserved?: number;
  readonly min_unit?: number;
  readonly max_unit?: number;
  readonly step_size?: number;
  readonly allocation_ratio?: number;
}

export type FullInventory = Required<InventoryInput>;

export function withDefaults(input: InventoryInput): FullInventory {
  return {
    total: input.total,
    reserved: input.reserved ?? INVENTORY_DEFAULTS.reserved,
    min_unit: input.min_unit ?? INVENTORY_DEFAULTS.min_unit,
    max_unit: input.max_unit ?? INVENTORY_DEFAULTS.max_unit,
    step_size: input.step_size ?? INVENTORY_DEFAULTS.step_size,
    allocation_ratio: input.allocation_ratio ?? INVENTORY_DEFAULTS.allocation_ratio,
  };
}

/** @throws {Conflict} `placement.concurrent_update` when the provider has changed since it was read. */
export async function raiseOrConflict(
  tx: Db<PlacementTables>,
  provider: ProviderRow,
  nowMs: number,
): Promise<ProviderRow> {
  if (!(await raiseGeneration(tx, provider.id, provider.generation, nowMs)))
    throw new Conflict('placement.concurrent_update', 'resource provider generation conflict');
  return { ...provider, generation: provider.generation + 1, updated_at: nowMs };
}

/**
 * Makes a provider's inventories these and no others, in the caller's transaction. What is in use may change, not go.
 * @throws {Conflict} `placement.inventory.inuse`; `placement.concurrent_update`.
 */
export async function setInventoriesOf(
  tx: Db<PlacementTables>,
  provider: ProviderRow,
  wanted: Readonly<Record<string, FullInventory>>,
  nowMs: number,
): Promise<ProviderRow> {
  const before = await listInventories(tx, provider.id);
  const going = before.filter((row) => wanted[row.resource_class] === undefined);
  refuseInUse(provider.id, going);
  for (const row of going) await deleteInventory(tx, provider.id, row.resource_class);
  for (const [resourceClass, inventory] of Object.entries(wanted)) {
    const there = before.find((row) => row.resource_class === resourceClass);
    const row = { provider_id: provider.id, resource_class: resourceClass, ...inventory, updated_at: nowMs };
    if (there === undefined) await insertInventory(tx, { ...row, used: 0, created_at: nowMs });
    else await updateInventory(tx, row);
  }
  return raiseOrConflict(tx, provider, nowMs);
}

/** @throws {Conflict} `placement.inventory.inuse`. */
export function refuseInUse(providerId: string, going: readonly InventoryRow[]): void {
  const inUse = going.filter((row) => row.used > 0).map((row) => row.resource_class);
  if (inUse.length === 0) return;
  throw new Conflict(
    'placement.inventory.inuse',
    `update conflict: Inventory for '${inUse.join(', ')}' on resource provider '${providerId}' in use.`,
  );
}

/** Whether stored inventories already are what is wanted. */
export function isSame(before: readonly InventoryRow[], wanted: Readonly<Record<string, FullInventory>>): boolean {
  return (
    before.length === Object.keys(wanted).length &&
    before.every((row) => {
      const want = wanted[row.resource_class];
      return (
        want !== undefined && (Object.keys(want) as (keyof FullInventory)[]).every((key) => want[key] === row[key])
      );
    })
  );
}
