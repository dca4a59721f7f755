import { python } from '#kernel/api/validate.ts';
import { cidrHas } from '#kernel/net.ts';
import { badRequest } from '../errors.ts';
import { cidrOf } from '../subnets/ranges.ts';
import type { HostRoute } from '../subnets/tables.ts';

/** neutron's max_routes. */
const MAX_ROUTES = 30;

/**
 * Every next hop must be a neighbour of the router, and not the router itself.
 * @throws {BadRequest} `InvalidRoutes`.
 */
export function checkRoutes(
  routerId: string,
  routes: readonly HostRoute[],
  interfaces: readonly { readonly cidr: string; readonly address: string }[],
): void {
  if (routes.length > MAX_ROUTES)
    throw badRequest(
      'RoutesExhausted',
      `Unable to complete operation for ${routerId}. The number of routes exceeds the maximum ${MAX_ROUTES}.`,
    );
  for (const { nexthop } of routes) {
    if (!interfaces.some(({ cidr }) => cidrHas(cidrOf(cidr), nexthop)))
      throw invalidRoutes(routes, 'the nexthop is not connected with router');
    if (interfaces.some(({ address }) => address === nexthop))
      throw invalidRoutes(routes, 'the nexthop is used by router');
  }
}

export function readRoutes(
  routes: readonly { readonly destination?: string | undefined; readonly nexthop?: string | undefined }[],
): HostRoute[] {
  return routes.map(({ destination = '', nexthop = '' }) => ({ destination, nexthop }));
}

function invalidRoutes(routes: readonly HostRoute[], reason: string) {
  return badRequest('InvalidRoutes', `Invalid format for routes: ${python(routes)}, ${reason}`);
}
