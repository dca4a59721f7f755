import { Type } from 'typebox';
import { type ApiRequest, Reply, type Route, route } from '#kernel/api/route.ts';
import { fresh, type PlacementDeps } from '../deps.ts';
import { features } from '../microversions.ts';
import { Generation } from '../shapes.ts';
import {
  changeProviderTraits,
  ensureTrait,
  listTraits,
  type ProviderTraits,
  removeTrait,
  requireTrait,
  showProviderTraits,
} from './logic.ts';

const ListTraitsQuery = Type.Object(
  { name: Type.Optional(Type.String({ maxLength: 8_192 })), associated: Type.Optional(Type.String()) },
  { additionalProperties: false },
);

const ProviderTraitsBody = Type.Object(
  {
    traits: Type.Array(Type.String({ minLength: 1, maxLength: 255 }), { maxItems: 2_000 }),
    resource_provider_generation: Generation,
  },
  { additionalProperties: false },
);

const since = features.traits;

export const traitRoutes = (deps: PlacementDeps): Route[] => [
  route({
    method: 'GET',
    path: '/traits',
    name: 'listTraits',
    policy: 'placement:traits:list',
    since,
    query: ListTraitsQuery,
    handler: async (request) =>
      fresh(request, {
        body: { traits: await listTraits(deps.db, request.query) },
        modifiedAt: deps.clock.now().getTime(),
      }),
  }),
  route({
    method: 'GET',
    path: '/traits/:name',
    name: 'showTrait',
    policy: 'placement:traits:show',
    since,
    handler: async (request) => {
      await requireTrait(deps.db, request.params['name'] ?? '');
      return fresh(request, { status: 204, modifiedAt: deps.clock.now().getTime() });
    },
  }),
  route({
    method: 'PUT',
    path: '/traits/:name',
    name: 'ensureTrait',
    policy: 'placement:traits:update',
    since,
    handler: async (request) => {
      const name = request.params['name'] ?? '';
      const isNew = await ensureTrait(deps, name);
      return new Reply({ status: isNew ? 201 : 204, headers: { location: `${request.baseUrl}/traits/${name}` } });
    },
  }),
  route({
    method: 'DELETE',
    path: '/traits/:name',
    name: 'deleteTrait',
    policy: 'placement:traits:delete',
    since,
    status: 204,
    handler: (request) => removeTrait(deps, request.params['name'] ?? ''),
  }),
  route({
    method: 'GET',
    path: '/resource_providers/:id/traits',
    name: 'listResourceProviderTraits',
    policy: 'placement:resource_providers:traits:list',
    since,
    handler: async (request) => reply(deps, request, await showProviderTraits(deps, request.params['id'] ?? '')),
  }),
  route({
    method: 'PUT',
    path: '/resource_providers/:id/traits',
    name: 'updateResourceProviderTraits',
    policy: 'placement:resource_providers:traits:update',
    since,
    body: ProviderTraitsBody,
    handler: async (request) =>
      reply(
        deps,
        request,
        await changeProviderTraits(deps, request.params['id'] ?? '', {
          traits: request.body.traits,
          generation: request.body.resource_provider_generation,
        }),
      ),
  }),
  route({
    method: 'DELETE',
    path: '/resource_providers/:id/traits',
    name: 'deleteResourceProviderTraits',
    policy: 'placement:resource_providers:traits:delete',
    since,
    status: 204,
    handler: async (request) => {
      await changeProviderTraits(deps, request.params['id'] ?? '', { traits: [], generation: undefined });
    },
  }),
];

function reply(deps: PlacementDeps, request: Pick<ApiRequest, 'has'>, { provider, traits }: ProviderTraits): Reply {
  return fresh(request, {
    body: { traits, resource_provider_generation: provider.generation },
    modifiedAt: deps.clock.now().getTime(),
  });
}
