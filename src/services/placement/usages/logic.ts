import type { PlacementDeps } from '../deps.ts';
import { getProvider } from '../resource-providers/store.ts';
import { type ConsumerUsage, listConsumerUsages, usageOf } from './store.ts';

export async function showProviderUsages(deps: PlacementDeps, providerId: string): Promise<Record<string, unknown>> {
  const provider = await getProvider(deps.db, providerId);
  return { resource_provider_generation: provider.generation, usages: await usageOf(deps.db, providerId) };
}

/**
 * Sums what a project holds: by resource class, or by consumer type and class.
 * @see placement's objects/usage.py
 */
export async function sumUsages(
  deps: PlacementDeps,
  query: {
    readonly projectId: string;
    readonly userId: string | undefined;
    readonly consumerType: string | undefined;
    readonly byType: boolean;
  },
): Promise<Record<string, unknown>> {
  const rows = await listConsumerUsages(deps.db, query);
  if (!query.byType) return sumByClass(rows);
  const wanted = query.consumerType ?? '';
  const typeOf = (row: ConsumerUsage): string => (wanted === 'all' ? 'all' : (row.consumerType ?? 'unknown'));
  const groups = Map.groupBy(rows, typeOf);
  const found = [...groups].filter(([type]) => wanted === '' || wanted === 'all' || type === wanted);
  return Object.fromEntries(
    found.map(([type, group]) => [
      type,
      { ...sumByClass(group), consumer_count: new Set(group.map((row) => row.consumerId)).size },
    ]),
  );
}

function sumByClass(rows: readonly ConsumerUsage[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const row of rows) sums[row.resourceClass] = (sums[row.resourceClass] ?? 0) + row.used;
  return sums;
}
