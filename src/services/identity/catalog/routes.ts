import { type Route, route } from '#kernel/api/route.ts';
import { type IdentityDeps, v3Url } from '../deps.ts';
import { readQuery } from '../query.ts';
import {
  changeEndpoint,
  changeRegion,
  changeService,
  createEndpoint,
  createRegion,
  createService,
  readEndpoint,
  readEndpoints,
  readRegion,
  readRegions,
  readService,
  readServices,
  removeEndpoint,
  removeRegion,
  removeService,
} from './logic.ts';
import {
  CreateEndpointBody,
  CreateRegionBody,
  CreateServiceBody,
  UpdateEndpointBody,
  UpdateRegionBody,
  UpdateServiceBody,
} from './schema.ts';
import { showEndpoint, showRegion, showService } from './view.ts';

export const catalogRoutes = (deps: IdentityDeps): Route[] => [
  ...regionRoutes(deps),
  ...serviceRoutes(deps),
  ...endpointRoutes(deps),
];

const regionRoutes = (deps: IdentityDeps): Route[] => [
  route({
    method: 'GET',
    path: '/v3/regions',
    name: 'listRegions',
    policy: 'identity:list_regions',
    handler: (request) => readRegions(deps, readQuery(request.query), v3Url(request)),
  }),
  route({
    method: 'POST',
    path: '/v3/regions',
    name: 'createRegion',
    policy: 'identity:create_region',
    status: 201,
    body: CreateRegionBody,
    handler: async (request) => ({
      region: showRegion(await createRegion(deps, request.body.region), v3Url(request)),
    }),
  }),
  route({
    method: 'GET',
    path: '/v3/regions/:regionId',
    name: 'showRegion',
    policy: 'identity:get_region',
    handler: async (request) => ({
      region: showRegion(await readRegion(deps, request.params['regionId'] ?? ''), v3Url(request)),
    }),
  }),
  route({
    method: 'PUT',
    path: '/v3/regions/:regionId',
    name: 'createRegionWithId',
    policy: 'identity:create_region',
    status: 201,
    body: CreateRegionBody,
    handler: async (request) => {
      const row = await createRegion(deps, request.body.region, request.params['regionId'] ?? '');
      return { region: showRegion(row, v3Url(request)) };
    },
  }),
  route({
    method: 'PATCH',
    path: '/v3/regions/:regionId',
    name: 'updateRegion',
    policy: 'identity:update_region',
    body: UpdateRegionBody,
    handler: async (request) => {
      const row = await changeRegion(deps, request.params['regionId'] ?? '', request.body.region);
      return { region: showRegion(row, v3Url(request)) };
    },
  }),
  route({
    method: 'DELETE',
    path: '/v3/regions/:regionId',
    name: 'deleteRegion',
    policy: 'identity:delete_region',
    status: 204,
    handler: ({ params }) => removeRegion(deps, params['regionId'] ?? ''),
  }),
];

const serviceRoutes = (deps: IdentityDeps): Route[] => [
  route({
    method: 'GET',
    path: '/v3/services',
    name: 'listServices',
    policy: 'identity:list_services',
    handler: (request) => readServices(deps, readQuery(request.query), v3Url(request)),
  }),
  route({
    method: 'POST',
    path: '/v3/services',
    name: 'createService',
    policy: 'identity:create_service',
    status: 201,
    body: CreateServiceBody,
    handler: async (request) => ({
      service: showService(await createService(deps, request.body.service), v3Url(request)),
    }),
  }),
  route({
    method: 'GET',
    path: '/v3/services/:serviceId',
    name: 'showService',
    policy: 'identity:get_service',
    handler: async (request) => ({
      service: showService(await readService(deps, request.params['serviceId'] ?? ''), v3Url(request)),
    }),
  }),
  route({
    method: 'PATCH',
    path: '/v3/services/:serviceId',
    name: 'updateService',
    policy: 'identity:update_service',
    body: UpdateServiceBody,
    handler: async (request) => {
      const row = await changeService(deps, request.params['serviceId'] ?? '', request.body.service);
      return { service: showService(row, v3Url(request)) };
    },
  }),
  route({
    method: 'DELETE',
    path: '/v3/services/:serviceId',
    name: 'deleteService',
    policy: 'identity:delete_service',
    status: 204,
    handler: ({ params }) => removeService(deps, params['serviceId'] ?? ''),
  }),
];

const endpointRoutes = (deps: IdentityDeps): Route[] => [
  route({
    method: 'GET',
    path: '/v3/endpoints',
    name: 'listEndpoints',
    policy: 'identity:list_endpoints',
    handler: (request) => readEndpoints(deps, readQuery(request.query), v3Url(request)),
  }),
  route({
    method: 'POST',
    path: '/v3/endpoints',
    name: 'createEndpoint',
    policy: 'identity:create_endpoint',
    status: 201,
    body: CreateEndpointBody,
    handler: async (request) => ({
      endpoint: showEndpoint(await createEndpoint(deps, request.body.endpoint), v3Url(request)),
    }),
  }),
  route({
    method: 'GET',
    path: '/v3/endpoints/:endpointId',
    name: 'showEndpoint',
    policy: 'identity:get_endpoint',
    handler: async (request) => ({
      endpoint: showEndpoint(await readEndpoint(deps, request.params['endpointId'] ?? ''), v3Url(request)),
    }),
  }),
  route({
    method: 'PATCH',
    path: '/v3/endpoints/:endpointId',
    name: 'updateEndpoint',
    policy: 'identity:update_endpoint',
    body: UpdateEndpointBody,
    handler: async (request) => {
      const row = await changeEndpoint(deps, request.params['endpointId'] ?? '', request.body.endpoint);
      return { endpoint: showEndpoint(row, v3Url(request)) };
    },
  }),
  route({
    method: 'DELETE',
    path: '/v3/endpoints/:endpointId',
    name: 'deleteEndpoint',
    policy: 'identity:delete_endpoint',
    status: 204,
    handler: ({ params }) => removeEndpoint(deps, params['endpointId'] ?? ''),
  }),
];
