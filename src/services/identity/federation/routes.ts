import { Reply, type Route, route } from '#kernel/api/route.ts';
import { type IdentityDeps, v3Url } from '../deps.ts';
import { badRequest } from '../errors.ts';
import { readQuery } from '../query.ts';
import { readAuthDomains, readAuthProjects } from '../tokens/scopes.ts';
import { showToken } from '../tokens/view.ts';
import { issueFederatedToken } from './authenticate.ts';
import {
  readMapping,
  readMappings,
  readProtocol,
  readProtocols,
  readProvider,
  readProviders,
  readServiceProvider,
  readServiceProviders,
} from './list.ts';
import {
  changeMapping,
  changeProtocol,
  changeProvider,
  changeServiceProvider,
  createMapping,
  createProtocol,
  createProvider,
  createServiceProvider,
  removeMapping,
  removeProtocol,
  removeProvider,
  removeServiceProvider,
} from './logic.ts';
import {
  CreateProtocolBody,
  CreateProviderBody,
  CreateServiceProviderBody,
  MappingBody,
  UpdateProtocolBody,
  UpdateProviderBody,
  UpdateServiceProviderBody,
} from './schema.ts';
import { showMapping, showProtocol, showProvider, showServiceProvider } from './view.ts';

const BASE = '/v3/OS-FEDERATION';
const PROVIDER = `${BASE}/identity_providers/:id`;
const PROTOCOL = `${PROVIDER}/protocols/:protocolId`;

export const federationRoutes = (deps: IdentityDeps): Route[] => [
  ...providerRoutes(deps),
  ...protocolRoutes(deps),
  ...mappingRoutes(deps),
  ...serviceProviderRoutes(deps),
  route({
    method: 'GET',
    path: `${BASE}/projects`,
    name: 'listFederatedProjects',
    policy: 'identity:get_auth_projects',
    handler: (request) => readAuthProjects(deps, request.ctx, v3Url(request)),
  }),
  route({
    method: 'GET',
    path: `${BASE}/domains`,
    name: 'listFederatedDomains',
    policy: 'identity:get_auth_domains',
    handler: (request) => readAuthDomains(deps, request.ctx, v3Url(request)),
  }),
];

const providerRoutes = (deps: IdentityDeps): Route[] => [
  route({
    method: 'GET',
    path: `${BASE}/identity_providers`,
    name: 'listProviders',
    policy: 'identity:list_identity_providers',
    handler: (request) => readProviders(deps, readQuery(request.query), v3Url(request)),
  }),
  route({
    method: 'GET',
    path: `${BASE}/identity_providers/:id`,
    name: 'showProvider',
    policy: 'identity:get_identity_provider',
    handler: async (request) => ({
      identity_provider: showProvider(await readProvider(deps, request.params['id'] ?? ''), v3Url(request)),
    }),
  }),
  route({
    method: 'PUT',
    path: `${BASE}/identity_providers/:id`,
    name: 'createProvider',
    policy: 'identity:create_identity_provider',
    status: 201,
    body: CreateProviderBody,
    handler: async (request) => {
      const row = await createProvider(deps, checkedId(request.params['id']), request.body.identity_provider);
      return { identity_provider: showProvider(row, v3Url(request)) };
    },
  }),
  route({
    method: 'PATCH',
    path: `${BASE}/identity_providers/:id`,
    name: 'updateProvider',
    policy: 'identity:update_identity_provider',
    body: UpdateProviderBody,
    handler: async (request) => {
      const row = await changeProvider(deps, request.params['id'] ?? '', request.body.identity_provider);
      return { identity_provider: showProvider(row, v3Url(request)) };
    },
  }),
  route({
    method: 'DELETE',
    path: `${BASE}/identity_providers/:id`,
    name: 'deleteProvider',
    policy: 'identity:delete_identity_provider',
    status: 204,
    handler: ({ params }) => removeProvider(deps, params['id'] ?? ''),
  }),
];

const mappingRoutes = (deps: IdentityDeps): Route[] => [
  route({
    method: 'GET',
    path: `${BASE}/mappings`,
    name: 'listMappings',
    policy: 'identity:list_mappings',
    handler: (request) => readMappings(deps, v3Url(request)),
  }),
  route({
    method: 'GET',
    path: `${BASE}/mappings/:id`,
    name: 'showMapping',
    policy: 'identity:get_mapping',
    handler: async (request) => ({
      mapping: showMapping(await readMapping(deps, request.params['id'] ?? ''), v3Url(request)),
    }),
  }),
  route({
    method: 'PUT',
    path: `${BASE}/mappings/:id`,
    name: 'createMapping',
    policy: 'identity:create_mapping',
    status: 201,
    body: MappingBody,
    handler: async (request) => {
      const row = await createMapping(deps, checkedId(request.params['id']), request.body.mapping.rules);
      return { mapping: showMapping(row, v3Url(request)) };
    },
  }),
  route({
    method: 'PATCH',
    path: `${BASE}/mappings/:id`,
    name: 'updateMapping',
    policy: 'identity:update_mapping',
    body: MappingBody,
    handler: async (request) => {
      const row = await changeMapping(deps, request.params['id'] ?? '', request.body.mapping.rules);
      return { mapping: showMapping(row, v3Url(request)) };
    },
  }),
  route({
    method: 'DELETE',
    path: `${BASE}/mappings/:id`,
    name: 'deleteMapping',
    policy: 'identity:delete_mapping',
    status: 204,
    handler: ({ params }) => removeMapping(deps, params['id'] ?? ''),
  }),
];

const serviceProviderRoutes = (deps: IdentityDeps): Route[] => [
  route({
    method: 'GET',
    path: `${BASE}/service_providers`,
    name: 'listServiceProviders',
    policy: 'identity:list_service_providers',
    handler: (request) => readServiceProviders(deps, readQuery(request.query), v3Url(request)),
  }),
  route({
    method: 'GET',
    path: `${BASE}/service_providers/:id`,
    name: 'showServiceProvider',
    policy: 'identity:get_service_provider',
    handler: async (request) => ({
      service_provider: showServiceProvider(
        await readServiceProvider(deps, request.params['id'] ?? ''),
        v3Url(request),
      ),
    }),
  }),
  route({
    method: 'PUT',
    path: `${BASE}/service_providers/:id`,
    name: 'createServiceProvider',
    policy: 'identity:create_service_provider',
    status: 201,
    body: CreateServiceProviderBody,
    handler: async (request) => {
      const row = await createServiceProvider(deps, checkedId(request.params['id']), request.body.service_provider);
      return { service_provider: showServiceProvider(row, v3Url(request)) };
    },
  }),
  route({
    method: 'PATCH',
    path: `${BASE}/service_providers/:id`,
    name: 'updateServiceProvider',
    policy: 'identity:update_service_provider',
    body: UpdateServiceProviderBody,
    handler: async (request) => {
      const row = await changeServiceProvider(deps, request.params['id'] ?? '', request.body.service_provider);
      return { service_provider: showServiceProvider(row, v3Url(request)) };
    },
  }),
  route({
    method: 'DELETE',
    path: `${BASE}/service_providers/:id`,
    name: 'deleteServiceProvider',
    policy: 'identity:delete_service_provider',
    status: 204,
    handler: ({ params }) => removeServiceProvider(deps, params['id'] ?? ''),
  }),
];

const protocolRoutes = (deps: IdentityDeps): Route[] => [
  route({
    method: 'GET',
    path: `${PROVIDER}/protocols`,
    name: 'listProtocols',
    policy: 'identity:list_protocols',
    handler: (request) => readProtocols(deps, request.params['id'] ?? '', v3Url(request)),
  }),
  route({
    method: 'GET',
    path: PROTOCOL,
    name: 'showProtocol',
    policy: 'identity:get_protocol',
    handler: async (request) => {
      const { id = '', protocolId = '' } = request.params;
      return { protocol: showProtocol(await readProtocol(deps, id, protocolId), v3Url(request)) };
    },
  }),
  route({
    method: 'PUT',
    path: PROTOCOL,
    name: 'createProtocol',
    policy: 'identity:create_protocol',
    status: 201,
    body: CreateProtocolBody,
    handler: async (request) => {
      const { id = '', protocolId } = request.params;
      const row = await createProtocol(deps, id, checkedId(protocolId), request.body.protocol);
      return { protocol: showProtocol(row, v3Url(request)) };
    },
  }),
  route({
    method: 'PATCH',
    path: PROTOCOL,
    name: 'updateProtocol',
    policy: 'identity:update_protocol',
    body: UpdateProtocolBody,
    handler: async (request) => {
      const { id = '', protocolId = '' } = request.params;
      const row = await changeProtocol(deps, id, protocolId, request.body.protocol);
      return { protocol: showProtocol(row, v3Url(request)) };
    },
  }),
  route({
    method: 'DELETE',
    path: PROTOCOL,
    name: 'deleteProtocol',
    policy: 'identity:delete_protocol',
    status: 204,
    handler: ({ params }) => removeProtocol(deps, params['id'] ?? '', params['protocolId'] ?? ''),
  }),
  route({
    method: ['GET', 'POST'],
    path: `${PROTOCOL}/auth`,
    name: 'issueFederatedToken',
    auth: 'none',
    bodyKind: 'raw',
    handler: async ({ params, headers }) => {
      const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
      const token = await issueFederatedToken(deps, params['id'] ?? '', params['protocolId'] ?? '', bearer);
      return new Reply({
        status: 201,
        headers: { 'X-Subject-Token': token.id, Vary: 'X-Auth-Token' },
        body: showToken(token, undefined),
      });
    },
  }),
];

/** An id that a client chooses. @throws {BadRequest} for one that is too long or no word. */
function checkedId(id: string | undefined): string {
  if (id === undefined || !/^[\w.-]{1,64}$/.test(id))
    throw badRequest('federation.id', `'${(id ?? '').slice(0, 64)}' does not match '^[\\w.-]{1,64}$'`);
  return id;
}
