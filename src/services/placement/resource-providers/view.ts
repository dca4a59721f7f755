import { features } from '../microversions.ts';
import type { ProviderRow } from '../tables.ts';

type Has = (feature: string) => boolean;

/** A provider as the API shows it. Links are relative to the service's root, as the real service's are to its mount. */
export function viewProvider(row: ProviderRow, has: Has): Record<string, unknown> {
  const url = `/resource_providers/${row.id}`;
  const rels = [
    'inventories',
    'usages',
    ...(has(features.aggregates) ? ['aggregates'] : []),
    ...(has(features.traits) ? ['traits'] : []),
    ...(has(features.providerAllocationsLink) ? ['allocations'] : []),
  ];
  return {
    uuid: row.id,
    name: row.name,
    generation: row.generation,
    links: [{ rel: 'self', href: url }, ...rels.map((rel) => ({ rel, href: `${url}/${rel}` }))],
    ...(has(features.nestedProviders) ? { parent_provider_uuid: row.parent_id, root_provider_uuid: row.root_id } : {}),
  };
}
