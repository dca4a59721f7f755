import { capacityOf } from '../inventories/capacity.ts';
import { features } from '../microversions.ts';
import type { CandidatesAnswer } from './logic.ts';
import type { CandidatesQuery } from './request.ts';
import type { ProviderState, Solution } from './solve.ts';

type Has = (feature: string) => boolean;

/** Candidates as the API shows them at a microversion. */
export function viewCandidates(
  { solutions, states }: CandidatesAnswer,
  query: CandidatesQuery,
  has: Has,
): Record<string, unknown> {
  const asked = new Set(query.groups.flatMap(({ resources }) => Object.keys(resources)));
  const used = new Set(solutions.flatMap(({ resources }) => Object.keys(resources)));
  const shown = has(features.nestedCandidates) ? states : states.filter(({ row }) => used.has(row.id));
  return {
    allocation_requests: solutions.map((solution) => viewSolution(solution, has)),
    provider_summaries: Object.fromEntries(shown.map((state) => [state.row.id, viewSummary(state, asked, has)])),
  };
}

function viewSolution({ resources, mappings }: Solution, has: Has): Record<string, unknown> {
  const entries = Object.entries(resources);
  if (!has(features.allocationsByProvider))
    return { allocations: entries.map(([uuid, amounts]) => ({ resource_provider: { uuid }, resources: amounts })) };
  return {
    allocations: Object.fromEntries(entries.map(([id, amounts]) => [id, { resources: amounts }])),
    ...(has(features.mappings) ? { mappings } : {}),
  };
}

function viewSummary(state: ProviderState, asked: ReadonlySet<string>, has: Has): Record<string, unknown> {
  const shown = [...state.inventories.values()].filter(
    (row) => has(features.allResourcesInSummaries) || asked.has(row.resource_class),
  );
  return {
    resources: Object.fromEntries(
      shown.map((row) => [row.resource_class, { capacity: capacityOf(row), used: row.used }]),
    ),
    ...(has(features.traitsInCandidates) ? { traits: [...state.traits] } : {}),
    ...(has(features.nestedCandidates)
      ? { parent_provider_uuid: state.row.parent_id, root_provider_uuid: state.row.root_id }
      : {}),
  };
}
