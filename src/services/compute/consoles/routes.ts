import { type ApiRequest, type Route, route } from '#kernel/api/route.ts';
import type { ComputeDeps } from '../deps.ts';
import { compute } from '../microversions.ts';
import { openRemoteConsole, showConsoleToken } from './logic.ts';
import { type RemoteConsole, RemoteConsole26, RemoteConsole28 } from './schema.ts';

/** @see https://docs.openstack.org/api-ref/compute/#server-consoles */
export const consoleRoutes = (deps: ComputeDeps): Route[] => {
  const create = async ({ ctx, params }: ApiRequest, wanted: RemoteConsole): Promise<unknown> => ({
    remote_console: { ...wanted, url: await openRemoteConsole(deps, ctx, params['serverId'] ?? '', wanted) },
  });
  const creation = { method: 'POST', path: '/servers/:serverId/remote-consoles', name: 'createConsole' } as const;
  return [
    route({
      ...creation,
      since: compute.remoteConsoles,
      before: compute.mksConsoles,
      body: RemoteConsole26,
      handler: (request) => create(request, request.body.remote_console),
    }),
    route({
      ...creation,
      since: compute.mksConsoles,
      body: RemoteConsole28,
      handler: (request) => create(request, request.body.remote_console),
    }),
    route({
      method: 'GET',
      path: '/os-console-auth-tokens/:token',
      name: 'showConsoleToken',
      policy: 'os_compute_api:os-console-auth-tokens',
      handler: async ({ params, has }) => ({
        console: await showConsoleToken(deps, params['token'] ?? '', has(compute.consoleTokensOfAnyType)),
      }),
    }),
  ];
};
