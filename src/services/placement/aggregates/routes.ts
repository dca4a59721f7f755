import { Type } from 'typebox';
import { type ApiRequest, type Reply, type Route, route } from '#kernel/api/route.ts';
import { fresh, type PlacementDeps } from '../deps.ts';
import { features } from '../microversions.ts';
import { Generation, Uuid } from '../shapes.ts';
import { changeAggregates, type ProviderAggregates, showAggregates } from './logic.ts';

const AggregateIds = Type.Array(Uuid, { uniqueItems: true, maxItems: 1_000 });
const AggregatesBody = Type.Object(
  { aggregates: AggregateIds, resource_provider_generation: Generation },
  { additionalProperties: false },
);

const path = '/resource_providers/:id/aggregates';

export const aggregateRoutes = (deps: PlacementDeps): Route[] => [
  route({
    method: 'GET',
    path,
    name: 'listResourceProviderAggregates',
    policy: 'placement:resource_providers:aggregates:list',
    since: features.aggregates,
    handler: async (request) => reply(deps, request, await showAggregates(deps, request.params['id'] ?? '')),
  }),
  route({
    method: 'PUT',
    path,
    name: 'setResourceProviderAggregates',
    policy: 'placement:resource_providers:aggregates:update',
    since: features.aggregates,
    before: features.aggregateGeneration,
    body: AggregateIds,
    handler: async (request) =>
      reply(
        deps,
        request,
        await changeAggregates(deps, request.params['id'] ?? '', { aggregateIds: request.body, generation: undefined }),
      ),
  }),
  route({
    method: 'PUT',
    path,
    name: 'updateResourceProviderAggregates',
    policy: 'placement:resource_providers:aggregates:update',
    since: features.aggregateGeneration,
    body: AggregatesBody,
    handler: async (request) =>
      reply(
        deps,
        request,
        await changeAggregates(deps, request.params['id'] ?? '', {
          aggregateIds: request.body.aggregates,
          generation: request.body.resource_provider_generation,
        }),
      ),
  }),
];

function reply(deps: PlacementDeps, request: Pick<ApiRequest, 'has'>, found: ProviderAggregates): Reply {
  const generation = request.has(features.aggregateGeneration)
    ? { resource_provider_generation: found.provider.generation }
    : {};
  return fresh(request, {
    body: { aggregates: found.aggregateIds, ...generation },
    modifiedAt: deps.clock.now().getTime(),
  });
}
