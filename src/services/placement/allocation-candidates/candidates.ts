import type { Db } from '#kernel/db/database.ts';
import { capacityOf, lackOf } from '../inventories/capacity.ts';
import { listInventoriesOf } from '../inventories/store.ts';
import type { InventoryRow, PlacementTables } from '../tables.ts';
import { listTraitsOf } from '../traits/store.ts';

/** What is asked of a single provider. */
export interface CandidateRequest {
  readonly resources: Readonly<Record<string, number>>;
  readonly requiredTraits?: readonly string[] | undefined;
  readonly forbiddenTraits?: readonly string[] | undefined;
  /** Only these; any when absent. */
  readonly providerIds?: readonly string[] | undefined;
}

/** One thing a provider has not enough of. */
export type Lacking =
  | { readonly kind: 'resource'; readonly resourceClass: string; readonly asked: number; readonly free: number }
  | { readonly kind: 'constraint'; readonly resourceClass: string; readonly asked: number; readonly maxUnit: number }
  | { readonly kind: 'missing trait' | 'forbidden trait'; readonly trait: string };

/** One provider, with what it has and why it doesn't fit (nothing when it does). */
export interface Candidate {
  readonly providerId: string;
  readonly free: Readonly<Record<string, number>>;
  readonly capacity: Readonly<Record<string, number>>;
  readonly lacking: readonly Lacking[];
}

/**
 * Every provider with an inventory of what is asked, with what it has free and what it lacks: the scheduler's view of
 * the hosts, in two queries however many there are.
 */
export async function listCandidates(db: Db<PlacementTables>, request: CandidateRequest): Promise<Candidate[]> {
  const classes = Object.keys(request.resources);
  if (classes.length === 0) return [];
  const inventories = await listInventoriesOf(db, { providerIds: request.providerIds, resourceClasses: classes });
  const asksTraits = [...(request.requiredTraits ?? []), ...(request.forbiddenTraits ?? [])].length > 0;
  const traits = asksTraits ? await listTraitsOf(db, request.providerIds) : new Map<string, Set<string>>();
  return [...Map.groupBy(inventories, (row) => row.provider_id)].map(([providerId, rows]) =>
    judge(providerId, rows, { request, traits: traits.get(providerId) ?? new Set() }),
  );
}

function judge(
  providerId: string,
  rows: readonly InventoryRow[],
  { request, traits }: { readonly request: CandidateRequest; readonly traits: ReadonlySet<string> },
): Candidate {
  const byClass = new Map(rows.map((row) => [row.resource_class, row]));
  const lacking: Lacking[] = [];
  for (const [resourceClass, asked] of Object.entries(request.resources)) {
    const row = byClass.get(resourceClass);
    const lack = row === undefined ? 'capacity' : lackOf(row, asked);
    if (lack === 'constraints') lacking.push({ kind: 'constraint', resourceClass, asked, maxUnit: row?.max_unit ?? 0 });
    if (lack === 'capacity') lacking.push({ kind: 'resource', resourceClass, asked, free: freeOf(row) });
  }
  for (const trait of request.requiredTraits ?? [])
    if (!traits.has(trait)) lacking.push({ kind: 'missing trait', trait });
  for (const trait of request.forbiddenTraits ?? [])
    if (traits.has(trait)) lacking.push({ kind: 'forbidden trait', trait });
  return {
    providerId,
    free: Object.fromEntries(rows.map((row) => [row.resource_class, freeOf(row)])),
    capacity: Object.fromEntries(rows.map((row) => [row.resource_class, capacityOf(row)])),
    lacking,
  };
}

function freeOf(row: InventoryRow | undefined): number {
  return row === undefined ? 0 : Math.max(0, capacityOf(row) - row.used);
}
