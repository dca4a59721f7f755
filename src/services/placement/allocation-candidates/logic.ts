import { listAggregatesOf } from '../aggregates/store.ts';
import type { PlacementDeps } from '../deps.ts';
import { listInventoriesOf } from '../inventories/store.ts';
import { requireKnownClasses } from '../resource-classes/logic.ts';
import { listProviders } from '../resource-providers/store.ts';
import { requireKnownTraits } from '../traits/logic.ts';
import { listTraitsOf } from '../traits/store.ts';
import type { CandidatesQuery } from './request.ts';
import { type ProviderState, type Solution, solve } from './solve.ts';

export interface CandidatesAnswer {
  readonly solutions: readonly Solution[];
  /** The providers of every tree that a solution uses. */
  readonly states: readonly ProviderState[];
}

/** @throws {BadRequest} for unknown resource classes and traits. */
export async function findAllocationCandidates(deps: PlacementDeps, query: CandidatesQuery): Promise<CandidatesAnswer> {
  const classes = query.groups.flatMap(({ resources }) => Object.keys(resources));
  await requireKnownClasses(deps.db, classes, 'Invalid resource class in resources parameter: ');
  const traits = [...query.groups.map((group) => group.traits), query.rootTraits];
  await requireKnownTraits(
    deps.db,
    traits.flatMap(({ required, forbidden }) => [...required.flat(), ...forbidden]),
    '',
  );
  const states = await readStates(deps);
  const solutions = solve(states, query);
  const used = new Set(solutions.flatMap(({ resources }) => Object.keys(resources)));
  const roots = new Set(states.filter(({ row }) => used.has(row.id)).map(({ row }) => row.root_id));
  return { solutions, states: states.filter(({ row }) => roots.has(row.root_id)) };
}

/** Every provider with its inventories, traits and aggregates: four queries. */
async function readStates({ db }: PlacementDeps): Promise<ProviderState[]> {
  const rows = await listProviders(db, {});
  const inventories = Map.groupBy(await listInventoriesOf(db, {}), (row) => row.provider_id);
  const traits = await listTraitsOf(db);
  const aggregates = await listAggregatesOf(db);
  return rows.map((row) => ({
    row,
    inventories: new Map((inventories.get(row.id) ?? []).map((one) => [one.resource_class, one])),
    traits: traits.get(row.id) ?? new Set(),
    aggregates: aggregates.get(row.id) ?? new Set(),
  }));
}
