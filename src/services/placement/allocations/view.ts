import { features } from '../microversions.ts';
import type { AllocationRow, ProviderRow } from '../tables.ts';
import type { ConsumerHoldings } from './logic.ts';

type Has = (feature: string) => boolean;

const amounts = (rows: readonly AllocationRow[]): Record<string, number> =>
  Object.fromEntries(rows.map((row) => [row.resource_class, row.used]));

/** What a consumer holds, by provider. */
export function viewConsumer(
  { consumer, allocations, providers }: ConsumerHoldings,
  has: Has,
): Record<string, unknown> {
  const generations = new Map(providers.map((row) => [row.id, row.generation]));
  const byProvider = [...Map.groupBy(allocations, (row) => row.provider_id)].map(([id, rows]) => [
    id,
    { resources: amounts(rows), generation: generations.get(id) },
  ]);
  const isThere = allocations.length > 0 && consumer !== undefined;
  return {
    allocations: Object.fromEntries(byProvider),
    ...(isThere && has(features.allocationsByProvider)
      ? { project_id: consumer.project_id, user_id: consumer.user_id }
      : {}),
    ...(isThere && has(features.consumerGeneration) ? { consumer_generation: consumer.generation } : {}),
    ...(isThere && has(features.consumerTypes) ? { consumer_type: consumer.consumer_type ?? 'unknown' } : {}),
  };
}

/** What is held of a provider, by consumer. */
export function viewProviderAllocations(
  provider: ProviderRow,
  allocations: readonly (AllocationRow & { generation: number | null })[],
  has: Has,
): Record<string, unknown> {
  const byConsumer = [...Map.groupBy(allocations, (row) => row.consumer_id)].map(([id, rows]) => [
    id,
    {
      resources: amounts(rows),
      ...(has(features.consumerGeneration) ? { consumer_generation: rows[0]?.generation ?? null } : {}),
    },
  ]);
  return { allocations: Object.fromEntries(byConsumer), resource_provider_generation: provider.generation };
}
