import { type ApiRequest, type Reply, type Route, route } from '#kernel/api/route.ts';
import { fresh, type PlacementDeps, requireMethod } from '../deps.ts';
import { features } from '../microversions.ts';
import {
  changeInventory,
  createInventory,
  type ProviderInventories,
  removeInventory,
  replaceInventories,
  showInventories,
  showInventory,
} from './change.ts';
import { CreateInventoryBody, InventoriesBody, UpdateInventoryBody } from './schema.ts';
import { viewInventories, viewInventory } from './view.ts';

const all = '/resource_providers/:id/inventories';
const one = '/resource_providers/:id/inventories/:resourceClass';

const idOf = (request: Pick<ApiRequest, 'params'>): string => request.params['id'] ?? '';
const classOf = (request: Pick<ApiRequest, 'params'>): string => request.params['resourceClass'] ?? '';
const rule = (request: Pick<ApiRequest, 'has'>) => ({ reservedCanBeTotal: request.has(features.reservedCanBeTotal) });

export const inventoryRoutes = (deps: PlacementDeps): Route[] => [
  route({
    method: 'GET',
    path: all,
    name: 'listInventories',
    policy: 'placement:resource_providers:inventories:list',
    handler: async (request) => replyAll(deps, request, await showInventories(deps, idOf(request))),
  }),
  route({
    method: 'POST',
    path: all,
    name: 'createInventory',
    policy: 'placement:resource_providers:inventories:create',
    body: CreateInventoryBody,
    handler: async (request) => {
      const { resource_class: resourceClass, resource_provider_generation: _generation, ...input } = request.body;
      const found = await createInventory(deps, { providerId: idOf(request), resourceClass, input, ...rule(request) });
      return replyOne(request, found, {
        status: 201,
        headers: { location: `${request.baseUrl}/resource_providers/${idOf(request)}/inventories/${resourceClass}` },
      });
    },
  }),
  route({
    method: 'PUT',
    path: all,
    name: 'setInventories',
    policy: 'placement:resource_providers:inventories:update',
    body: InventoriesBody,
    handler: async (request) =>
      replyAll(
        deps,
        request,
        await replaceInventories(deps, idOf(request), {
          inventories: request.body.inventories,
          generation: request.body.resource_provider_generation,
          ...rule(request),
        }),
      ),
  }),
  route({
    method: 'DELETE',
    path: all,
    name: 'deleteInventories',
    policy: 'placement:resource_providers:inventories:delete',
    status: 204,
    handler: async (request) => {
      requireMethod(request, features.deleteAllInventories);
      await replaceInventories(deps, idOf(request), { inventories: {}, generation: undefined, ...rule(request) });
    },
  }),
  route({
    method: 'GET',
    path: one,
    name: 'showInventory',
    policy: 'placement:resource_providers:inventories:show',
    handler: async (request) => {
      const { provider, row } = await showInventory(deps, idOf(request), classOf(request));
      return replyOne(request, { provider, rows: [row] });
    },
  }),
  route({
    method: 'PUT',
    path: one,
    name: 'updateInventory',
    policy: 'placement:resource_providers:inventories:update',
    body: UpdateInventoryBody,
    handler: async (request) => {
      const { resource_provider_generation: generation, ...input } = request.body;
      const wanted = { providerId: idOf(request), resourceClass: classOf(request), input, generation };
      return replyOne(request, await changeInventory(deps, { ...wanted, ...rule(request) }));
    },
  }),
  route({
    method: 'DELETE',
    path: one,
    name: 'deleteInventory',
    policy: 'placement:resource_providers:inventories:delete',
    status: 204,
    handler: (request) => removeInventory(deps, idOf(request), classOf(request)),
  }),
];

function replyAll(
  deps: PlacementDeps,
  request: Pick<ApiRequest, 'has'>,
  { provider, rows }: ProviderInventories,
): Reply {
  const modifiedAt = rows.length === 0 ? deps.clock.now().getTime() : Math.max(...rows.map((row) => row.updated_at));
  return fresh(request, { body: viewInventories(provider, rows), modifiedAt });
}

function replyOne(
  request: Pick<ApiRequest, 'has'>,
  { provider, rows }: ProviderInventories,
  more: { readonly status?: number; readonly headers?: Readonly<Record<string, string>> } = {},
): Reply {
  const row = rows[0];
  if (row === undefined) throw new Error('an inventory without a row');
  return fresh(request, {
    body: { ...viewInventory(row), resource_provider_generation: provider.generation },
    modifiedAt: row.updated_at,
    ...more,
  });
}
