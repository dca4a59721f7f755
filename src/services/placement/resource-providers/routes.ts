import { type Route, route } from '#kernel/api/route.ts';
import { fresh, type PlacementDeps } from '../deps.ts';
import { features } from '../microversions.ts';
import { changeProvider, createProvider, findProviders, removeProvider, showProvider } from './logic.ts';
import { CreateProviderBody, ListProvidersQuery, UpdateProviderBody } from './schema.ts';
import { viewProvider } from './view.ts';

export const resourceProviderRoutes = (deps: PlacementDeps): Route[] => [
  route({
    method: 'GET',
    path: '/resource_providers',
    name: 'listResourceProviders',
    policy: 'placement:resource_providers:list',
    query: ListProvidersQuery,
    handler: async (request) => {
      const rows = await findProviders(deps, request.query, request.has);
      return fresh(request, {
        body: { resource_providers: rows.map((row) => viewProvider(row, request.has)) },
        modifiedAt: rows.length === 0 ? deps.clock.now().getTime() : Math.max(...rows.map((row) => row.updated_at)),
      });
    },
  }),
  route({
    method: 'POST',
    path: '/resource_providers',
    name: 'createResourceProvider',
    policy: 'placement:resource_providers:create',
    body: CreateProviderBody,
    handler: async (request) => {
      const row = await createProvider(deps, request.body);
      const headers = { location: `${request.baseUrl}/resource_providers/${row.id}` };
      const isShown = request.has(features.createdProviderBody);
      return fresh(request, {
        status: isShown ? 200 : 201,
        headers,
        body: isShown ? viewProvider(row, request.has) : undefined,
        modifiedAt: row.updated_at,
      });
    },
  }),
  route({
    method: 'GET',
    path: '/resource_providers/:id',
    name: 'showResourceProvider',
    policy: 'placement:resource_providers:show',
    handler: async (request) => {
      const row = await showProvider(deps, request.params['id'] ?? '');
      return fresh(request, { body: viewProvider(row, request.has), modifiedAt: row.updated_at });
    },
  }),
  route({
    method: 'PUT',
    path: '/resource_providers/:id',
    name: 'updateResourceProvider',
    policy: 'placement:resource_providers:update',
    body: UpdateProviderBody,
    handler: async (request) => {
      const row = await changeProvider(deps, request.params['id'] ?? '', {
        name: request.body.name,
        parentId: request.body.parent_provider_uuid,
        allowsMoving: request.has(features.reparenting),
      });
      return fresh(request, { body: viewProvider(row, request.has), modifiedAt: row.updated_at });
    },
  }),
  route({
    method: 'DELETE',
    path: '/resource_providers/:id',
    name: 'deleteResourceProvider',
    policy: 'placement:resource_providers:delete',
    status: 204,
    handler: (request) => removeProvider(deps, request.params['id'] ?? ''),
  }),
];
