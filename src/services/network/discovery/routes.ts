import { type Route, route } from '#kernel/api/route.ts';
import type { NetworkDeps } from '../deps.ts';
import { notFound } from '../errors.ts';
import { EXTENSIONS } from './extensions.ts';

/** What `GET /v2.0/` lists, as neutron does. */
const RESOURCES = [
  'networks',
  'subnets',
  'ports',
  'subnetpools',
  'routers',
  'floatingips',
  'security-groups',
  'security-group-rules',
];

export const discoveryRoutes = (deps: NetworkDeps): Route[] => [
  route({
    method: 'GET',
    path: '/',
    name: 'listVersions',
    auth: 'none',
    handler: ({ baseUrl }) => ({
      versions: [{ id: 'v2.0', status: 'CURRENT', links: [{ rel: 'self', href: `${baseUrl}/v2.0/` }] }],
    }),
  }),
  route({
    method: 'GET',
    path: '/v2.0',
    name: 'showVersion',
    auth: 'none',
    handler: ({ baseUrl }) => ({
      resources: RESOURCES.map((collection) => ({
        name: collection.replace(/s$/, ''),
        collection,
        links: [{ rel: 'self', href: `${baseUrl}/v2.0/${collection}` }],
      })),
    }),
  }),
  route({
    method: 'GET',
    path: '/v2.0/extensions',
    name: 'listExtensions',
    handler: () => ({ extensions: EXTENSIONS }),
  }),
  route({
    method: 'GET',
    path: '/v2.0/extensions/:alias',
    name: 'showExtension',
    handler: ({ params }) => {
      const extension = EXTENSIONS.find(({ alias }) => alias === params['alias']);
      if (extension === undefined)
        throw notFound('ExtensionsNotFound', `Extensions not found: extensions=${params['alias']}.`);
      return { extension };
    },
  }),
  route({
    method: 'GET',
    path: '/v2.0/availability_zones',
    name: 'listAvailabilityZones',
    handler: ({ ctx }) => {
      deps.policy.enforce(ctx, 'get_availability_zone');
      const zone = { name: deps.options.availabilityZone, state: 'available' };
      return { availability_zones: ['network', 'router'].map((resource) => ({ ...zone, resource })) };
    },
  }),
  route({
    method: 'GET',
    path: '/v2.0/service-providers',
    name: 'listServiceProviders',
    handler: ({ ctx }) => {
      deps.policy.enforce(ctx, 'get_service_provider');
      return { service_providers: [{ service_type: 'L3_ROUTER_NAT', name: 'single_node', default: true }] };
    },
  }),
];
