import { Type } from 'typebox';
import { type Route, route } from '#kernel/api/route.ts';
import type { ComputeDeps } from '../deps.ts';
import { queryOf } from '../fields.ts';
import { findLimits } from './logic.ts';
import { limitsBody } from './view.ts';

/** @see https://docs.openstack.org/api-ref/compute/#limits-limits */
export const limitRoutes = (deps: ComputeDeps): Route[] => [
  route({
    method: 'GET',
    path: '/limits',
    name: 'showLimits',
    policy: 'os_compute_api:limits',
    query: queryOf({ tenant_id: Type.Optional(Type.String()) }),
    handler: async (request) => {
      const { limits, usage } = await findLimits(deps, request.ctx, request.query.tenant_id);
      return limitsBody(request, limits, usage);
    },
  }),
];
