import { inTransaction } from '#kernel/db/transaction.ts';
import { BadRequest, Conflict, NotFound } from '#kernel/errors.ts';
import type { PlacementDeps } from '../deps.ts';
import { findUnknownClass } from '../resource-classes/logic.ts';
import { getProvider } from '../resource-providers/store.ts';
import type { InventoryRow, ProviderRow } from '../tables.ts';
import { capacityOf } from './capacity.ts';
import { type FullInventory, type InventoryInput, raiseOrConflict, setInventoriesOf, withDefaults } from './logic.ts';
import { deleteInventory, insertInventory, listInventories, updateInventory } from './store.ts';

export interface ProviderInventories {
  readonly provider: ProviderRow;
  readonly rows: readonly InventoryRow[];
}

const bad = (message: string): BadRequest => new BadRequest('placement.undefined_code', message);

/** Whether everything may be reserved; from 1.26 on it may. */
export interface CapacityRule {
  readonly reservedCanBeTotal: boolean;
}

/** @throws {BadRequest} when nothing (or less) is left to allocate. */
export function requireCapacity(
  words: string,
  wanted: { readonly providerId: string; readonly resourceClass: string; readonly inventory: FullInventory },
  rule: CapacityRule,
): void {
  const capacity = capacityOf(wanted.inventory);
  if (capacity > 0 || (capacity === 0 && rule.reservedCanBeTotal)) return;
  const than = rule.reservedCanBeTotal ? 'greater than total' : 'greater than or equal to total';
  throw bad(
    `${words} for resource provider ${wanted.providerId}: Invalid inventory for '${wanted.resourceClass}' on resource provider '${wanted.providerId}'. The reserved value is ${than}.`,
  );
}

export async function showInventories(deps: PlacementDeps, providerId: string): Promise<ProviderInventories> {
  return { provider: await getProvider(deps.db, providerId), rows: await listInventories(deps.db, providerId) };
}

/** @throws {NotFound}. */
export async function showInventory(
  deps: PlacementDeps,
  providerId: string,
  resourceClass: string,
): Promise<{ provider: ProviderRow; row: InventoryRow }> {
  const { provider, rows } = await showInventories(deps, providerId);
  const row = rows.find((one) => one.resource_class === resourceClass);
  if (row === undefined)
    throw new NotFound('placement.undefined_code', `No inventory of class ${resourceClass} for ${providerId}`);
  return { provider, row };
}

interface NamedInventory extends CapacityRule {
  readonly providerId: string;
  readonly resourceClass: string;
  readonly input: InventoryInput;
  readonly generation?: number;
}

/** @throws {Conflict} when the class is there already or the provider has changed; {BadRequest}. */
export async function createInventory(deps: PlacementDeps, wanted: NamedInventory): Promise<ProviderInventories> {
  const { providerId, resourceClass } = wanted;
  const inventory = withDefaults(wanted.input);
  const now = deps.clock.now().getTime();
  return inTransaction(deps.db, async (tx) => {
    const provider = await getProvider(tx, providerId);
    requireCapacity('Unable to create inventory', { providerId, resourceClass, inventory }, wanted);
    if ((await findUnknownClass(tx, [resourceClass])) !== undefined)
      throw bad(
        `Unable to create inventory for resource provider ${providerId}: No such resource class ${resourceClass}.`,
      );
    const before = await listInventories(tx, providerId);
    if (before.some((row) => row.resource_class === resourceClass))
      throw new Conflict(
        'placement.concurrent_update',
        `Update conflict: Inventory of class ${resourceClass} is already there.`,
      );
    const row: InventoryRow = {
      provider_id: providerId,
      resource_class: resourceClass,
      ...inventory,
      used: 0,
      created_at: now,
      updated_at: now,
    };
    await insertInventory(tx, row);
    return { provider: await raiseOrConflict(tx, provider, now), rows: [row] };
  });
}

export async function changeInventory(deps: PlacementDeps, wanted: NamedInventory): Promise<ProviderInventories> {
  const { providerId, resourceClass } = wanted;
  const inventory = withDefaults(wanted.input);
  const now = deps.clock.now().getTime();
  return inTransaction(deps.db, async (tx) => {
    const provider = await getProvider(tx, providerId);
    requireGeneration(provider, wanted.generation);
    requireCapacity('Unable to update inventory', { providerId, resourceClass, inventory }, wanted);
    const before = (await listInventories(tx, providerId)).find((row) => row.resource_class === resourceClass);
    if (before === undefined)
      throw bad(
        `No inventory record with resource class for resource provider ${providerId}: No inventory of class ${resourceClass} found.`,
      );
    const row = { ...before, ...inventory, updated_at: now };
    const { used: _used, created_at: _createdAt, ...patch } = row;
    await updateInventory(tx, patch);
    return { provider: await raiseOrConflict(tx, provider, now), rows: [row] };
  });
}

/** @throws {Conflict} `placement.concurrent_update`. */
export function requireGeneration(provider: ProviderRow, generation: number | undefined): void {
  if (generation !== undefined && generation !== provider.generation)
    throw new Conflict('placement.concurrent_update', 'resource provider generation conflict');
}

export async function replaceInventories(
  deps: PlacementDeps,
  providerId: string,
  wanted: CapacityRule & {
    readonly inventories: Readonly<Record<string, InventoryInput>>;
    readonly generation: number | undefined;
  },
): Promise<ProviderInventories> {
  return inTransaction(deps.db, async (tx) => {
    const provider = await getProvider(tx, providerId);
    requireGeneration(provider, wanted.generation);
    const full = Object.fromEntries(
      Object.entries(wanted.inventories).map(([name, input]) => [name, withDefaults(input)]),
    );
    const unknown = await findUnknownClass(tx, Object.keys(full));
    if (unknown !== undefined)
      throw bad(
        `Unknown resource class in inventory for resource provider ${providerId}: No such resource class ${unknown}.`,
      );
    for (const [resourceClass, inventory] of Object.entries(full))
      requireCapacity('Unable to update inventory', { providerId, resourceClass, inventory }, wanted);
    const raised = await setInventoriesOf(tx, provider, full, deps.clock.now().getTime());
    return { provider: raised, rows: await listInventories(tx, providerId) };
  });
}

/** @throws {Conflict} while it is in use; {NotFound}. */
export async function removeInventory(deps: PlacementDeps, providerId: string, resourceClass: string): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    const provider = await getProvider(tx, providerId);
    const row = (await listInventories(tx, providerId)).find((one) => one.resource_class === resourceClass);
    if (row === undefined)
      throw new NotFound(
        'placement.undefined_code',
        `No inventory of class ${resourceClass} found for delete: No inventory of class ${resourceClass} found.`,
      );
    if (row.used > 0)
      throw new Conflict(
        'placement.concurrent_update',
        `Unable to delete inventory of class ${resourceClass}: Inventory for '${resourceClass}' on resource provider '${providerId}' in use.`,
      );
    await deleteInventory(tx, providerId, resourceClass);
    await raiseOrConflict(tx, provider, deps.clock.now().getTime());
  });
}
