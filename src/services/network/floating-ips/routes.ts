import { type Route, route } from '#kernel/api/route.ts';
import type { NetworkDeps } from '../deps.ts';
import { listFloatingIpPools } from './pools.ts';

export const floatingIpRoutes = (deps: NetworkDeps): Route[] => [
  route({
    method: 'GET',
    path: '/v2.0/floatingip_pools',
    name: 'listFloatingIpPools',
    handler: async ({ ctx }) => ({ floatingip_pools: await listFloatingIpPools(deps, ctx) }),
  }),
];
