import type { InventoryRow } from '../tables.ts';

/** What an inventory says about how much may be taken of it. */
export type Inventory = Pick<
  InventoryRow,
  'total' | 'reserved' | 'min_unit' | 'max_unit' | 'step_size' | 'allocation_ratio' | 'used'
>;

/** Largest value of the integer fields: what the real service's database holds. */
export const MAX_INT = 0x7f_ff_ff_ff;

export const INVENTORY_DEFAULTS = {
  reserved: 0,
  min_unit: 1,
  max_unit: MAX_INT,
  step_size: 1,
  allocation_ratio: 1,
} as const;

/**
 * How much may be allocated in all.
 * @see placement's objects/inventory.py `capacity`
 */
export function capacityOf(inventory: Pick<Inventory, 'total' | 'reserved' | 'allocation_ratio'>): number {
  return Math.trunc((inventory.total - inventory.reserved) * inventory.allocation_ratio);
}

export type Lack = 'capacity' | 'constraints';

/** Why an amount cannot be taken from an inventory, or undefined when it can. */
export function lackOf(inventory: Inventory, amount: number): Lack | undefined {
  if (amount < inventory.min_unit || amount > inventory.max_unit || amount % inventory.step_size !== 0)
    return 'constraints';
  return inventory.used + amount > capacityOf(inventory) ? 'capacity' : undefined;
}
