import { type Route, route } from '#kernel/api/route.ts';
import type { NetworkDeps } from '../deps.ts';
import { badBody } from '../errors.ts';
import { actOn } from '../resources/actions.ts';
import { asObject } from '../resources/body.ts';
import { showItem } from '../resources/operations.ts';
import { AnyBody } from '../resources/schema.ts';
import * as t from '../resources/types.ts';
import { addInterfaceByPort, addInterfaceBySubnet, removeInterface } from './interfaces.ts';
import { changeExtraRoutes, checkInterfaceBody } from './logic.ts';
import { routerResource } from './resource.ts';

export const routerRoutes = (deps: NetworkDeps): Route[] => [
  route({
    method: 'PUT',
    path: '/v2.0/routers/:id/add_router_interface',
    name: 'addRouterInterface',
    body: AnyBody,
    handler: ({ ctx, params, body }) => {
      const { portId, subnetId } = checkInterfaceBody(asObject(body), false);
      const action = { id: params['id'] ?? '', rule: 'add_router_interface' };
      return actOn(deps, routerResource, ctx, action, (write) =>
        portId === undefined
          ? addInterfaceBySubnet(write, action.id, subnetId ?? '')
          : addInterfaceByPort(write, action.id, portId),
      );
    },
  }),
  route({
    method: 'PUT',
    path: '/v2.0/routers/:id/remove_router_interface',
    name: 'removeRouterInterface',
    body: AnyBody,
    handler: ({ ctx, params, body }) => {
      const by = checkInterfaceBody(asObject(body), true);
      const action = { id: params['id'] ?? '', rule: 'remove_router_interface' };
      return actOn(deps, routerResource, ctx, action, (write) => removeInterface(write, action.id, by));
    },
  }),
  ...(['add', 'remove'] as const).map((verb) =>
    route({
      method: 'PUT',
      path: `/v2.0/routers/:id/${verb}_extraroutes`,
      name: `${verb}RouterExtraRoutes`,
      body: AnyBody,
      handler: async ({ ctx, params, body }) => {
        const routes = readRoutes(body);
        const action = { id: params['id'] ?? '', rule: `${verb}_extraroutes` };
        await actOn(deps, routerResource, ctx, action, (write) => changeExtraRoutes(write, action.id, verb, routes));
        return { router: await showItem(deps, routerResource, ctx, action.id, []) };
      },
    }),
  ),
];

function readRoutes(body: unknown) {
  const given = asObject(asObject(body)?.['router'])?.['routes'];
  return t.set(t.hostRoute).read(given ?? undefined, (reason) => {
    throw badBody(`Invalid input for routes. Reason: ${reason}.`);
  });
}
