import { type Route, route } from '#kernel/api/route.ts';
import { fresh, type PlacementDeps } from '../deps.ts';
import { features } from '../microversions.ts';
import { findAllocationCandidates } from './logic.ts';
import { readCandidatesQuery } from './request.ts';
import { viewCandidates } from './view.ts';

export const allocationCandidateRoutes = (deps: PlacementDeps): Route[] => [
  route({
    method: 'GET',
    path: '/allocation_candidates',
    name: 'listAllocationCandidates',
    policy: 'placement:allocation_candidates:list',
    since: features.allocationCandidates,
    handler: async (request) => {
      const query = readCandidatesQuery(request.url, request.has);
      const answer = await findAllocationCandidates(deps, query);
      return fresh(request, {
        body: viewCandidates(answer, query, request.has),
        modifiedAt: deps.clock.now().getTime(),
      });
    },
  }),
];
