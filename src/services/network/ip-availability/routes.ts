import { type Route, route } from '#kernel/api/route.ts';
import type { NetworkDeps } from '../deps.ts';
import { readQuery } from '../resources/query.ts';
import { AVAILABILITY_FILTERS, listIpAvailability, showIpAvailability } from './logic.ts';

export const ipAvailabilityRoutes = (deps: NetworkDeps): Route[] => [
  route({
    method: 'GET',
    path: '/v2.0/network-ip-availabilities',
    name: 'listIpAvailability',
    handler: async ({ ctx, query }) => ({
      network_ip_availabilities: await listIpAvailability(
        deps,
        ctx,
        readQuery(query, {}, AVAILABILITY_FILTERS).filters,
      ),
    }),
  }),
  route({
    method: 'GET',
    path: '/v2.0/network-ip-availabilities/:id',
    name: 'showIpAvailability',
    handler: async ({ ctx, params }) => ({
      network_ip_availability: await showIpAvailability(deps, ctx, params['id'] ?? ''),
    }),
  }),
];
