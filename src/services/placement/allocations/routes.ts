import { type ApiRequest, type Route, route } from '#kernel/api/route.ts';
import { fresh, type PlacementDeps, requireMethod } from '../deps.ts';
import { features } from '../microversions.ts';
import {
  consumerIdOf,
  deleteAllocations,
  setAllocations,
  showAllocations,
  showProviderAllocations,
  type Wanted,
} from './logic.ts';
import {
  AllocationListBody,
  AllocationsBody,
  type ConsumerInput,
  EmptyableAllocationsBody,
  ManyAllocationsBody,
} from './schema.ts';
import { viewConsumer, viewProviderAllocations } from './view.ts';

const path = '/allocations/:consumerId';
const update = 'placement:allocations:update';

export const allocationRoutes = (deps: PlacementDeps): Route[] => [
  route({
    method: 'GET',
    path,
    name: 'listAllocations',
    policy: 'placement:allocations:list',
    handler: async (request) => {
      const found = await showAllocations(deps, request.params['consumerId'] ?? '');
      const modifiedAt = found.allocations[0]?.created_at ?? deps.clock.now().getTime();
      return fresh(request, { body: viewConsumer(found, request.has), modifiedAt });
    },
  }),
  route({
    method: 'PUT',
    path,
    name: 'setAllocationList',
    policy: update,
    before: features.allocationsByProvider,
    body: AllocationListBody,
    status: 204,
    handler: async (request) => {
      const consumerId = consumerIdOf(request.params['consumerId'] ?? '');
      const { allocations, project_id: projectId, user_id: userId } = request.body;
      const resources = Object.fromEntries(
        allocations.map(({ resource_provider: provider, resources: amounts }) => [
          provider.uuid.toLowerCase(),
          amounts,
        ]),
      );
      const wanted = { consumerId, projectId, userId, generation: undefined, consumerType: undefined, resources };
      await setAllocations(deps, [wanted], consumerId);
    },
  }),
  route({
    method: 'PUT',
    path,
    name: 'setAllocationsByProvider',
    policy: update,
    since: features.allocationsByProvider,
    before: features.consumerGeneration,
    body: AllocationsBody,
    status: 204,
    handler: (request) => setOne(deps, request),
  }),
  route({
    method: 'PUT',
    path,
    name: 'updateAllocations',
    policy: update,
    since: features.consumerGeneration,
    body: EmptyableAllocationsBody,
    status: 204,
    handler: (request) => setOne(deps, request),
  }),
  route({
    method: 'DELETE',
    path,
    name: 'deleteAllocations',
    policy: 'placement:allocations:delete',
    status: 204,
    handler: (request) => deleteAllocations(deps, request.params['consumerId'] ?? ''),
  }),
  route({
    method: 'POST',
    path: '/allocations',
    name: 'manageAllocations',
    policy: 'placement:allocations:manage',
    body: ManyAllocationsBody,
    status: 204,
    handler: async (request) => {
      requireMethod(request, features.manageAllocations);
      const wanted = Object.entries(request.body).map(([id, input]) => wantedOf(consumerIdOf(id), input, request));
      await setAllocations(deps, wanted, undefined);
    },
  }),
  route({
    method: 'GET',
    path: '/resource_providers/:id/allocations',
    name: 'listResourceProviderAllocations',
    policy: 'placement:resource_providers:allocations:list',
    handler: async (request) => {
      const { provider, allocations } = await showProviderAllocations(deps, request.params['id'] ?? '');
      const modifiedAt = allocations[0]?.created_at ?? deps.clock.now().getTime();
      return fresh(request, { body: viewProviderAllocations(provider, allocations, request.has), modifiedAt });
    },
  }),
];

type ConsumerRequest = Pick<ApiRequest<Record<string, string>, unknown, ConsumerInput>, 'params' | 'body' | 'has'>;

async function setOne(deps: PlacementDeps, request: ConsumerRequest): Promise<void> {
  const consumerId = consumerIdOf(request.params['consumerId'] ?? '');
  await setAllocations(deps, [wantedOf(consumerId, request.body, request)], consumerId);
}

/** One consumer's part of a body, from 1.12 on. */
export function wantedOf(consumerId: string, input: ConsumerInput, request: Pick<ApiRequest, 'has'>): Wanted {
  return {
    consumerId,
    projectId: input.project_id,
    userId: input.user_id,
    generation: request.has(features.consumerGeneration) ? input.consumer_generation : undefined,
    consumerType: input.consumer_type,
    resources: Object.fromEntries(
      Object.entries(input.allocations).map(([id, { resources }]) => [id.toLowerCase(), resources]),
    ),
  };
}
