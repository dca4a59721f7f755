import type { InventoryRow, ProviderRow } from '../tables.ts';

export function viewInventory(row: InventoryRow): Record<string, number> {
  const { total, reserved, min_unit, max_unit, step_size, allocation_ratio } = row;
  return { total, reserved, min_unit, max_unit, step_size, allocation_ratio };
}

export function viewInventories(provider: ProviderRow, rows: readonly InventoryRow[]): Record<string, unknown> {
  return {
    resource_provider_generation: provider.generation,
    inventories: Object.fromEntries(rows.map((row) => [row.resource_class, viewInventory(row)])),
  };
}
