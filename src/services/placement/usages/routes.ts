import { Type } from 'typebox';
import { type Route, route } from '#kernel/api/route.ts';
import { since } from '#kernel/api/schema.ts';
import { fresh, type PlacementDeps } from '../deps.ts';
import { features } from '../microversions.ts';
import { Owner } from '../shapes.ts';
import { showProviderUsages, sumUsages } from './logic.ts';

const UsagesQuery = Type.Object(
  {
    project_id: Owner,
    user_id: Type.Optional(Owner),
    consumer_type: since(
      '1.38',
      Type.Optional(Type.String({ pattern: '^[A-Z0-9_]+$|^all|^unknown$', minLength: 1, maxLength: 255 })),
    ),
  },
  { additionalProperties: false },
);

export const usageRoutes = (deps: PlacementDeps): Route[] => [
  route({
    method: 'GET',
    path: '/resource_providers/:id/usages',
    name: 'showResourceProviderUsages',
    policy: 'placement:resource_providers:usages',
    handler: async (request) => {
      const body = await showProviderUsages(deps, request.params['id'] ?? '');
      return fresh(request, { body, modifiedAt: deps.clock.now().getTime() });
    },
  }),
  route({
    method: 'GET',
    path: '/usages',
    name: 'showUsages',
    since: features.usages,
    query: UsagesQuery,
    handler: async (request) => {
      deps.policy.enforce(request.ctx, 'placement:usages', { project_id: request.query.project_id });
      const { project_id: projectId, user_id: userId, consumer_type: consumerType } = request.query;
      const usages = await sumUsages(deps, {
        projectId,
        userId,
        consumerType,
        byType: request.has(features.consumerTypes),
      });
      return fresh(request, { body: { usages }, modifiedAt: deps.clock.now().getTime() });
    },
  }),
];
