import { type Route, route } from '#kernel/api/route.ts';
import { Gone } from '#kernel/errors.ts';
import type { ComputeDeps } from '../deps.ts';
import { openServer } from './access.ts';

/** What clients of before still ask for: the password that a guest may have posted, and virtual interfaces. */
export const serverPasswordRoutes = (deps: ComputeDeps): Route[] => [
  route({
    method: 'GET',
    path: '/servers/:serverId/os-server-password',
    name: 'showServerPassword',
    documents: () => ({ policies: ['os_compute_api:os-server-password:show'] }),
    handler: async ({ ctx, params }) => {
      await openServer(deps, ctx, params['serverId'] ?? '', 'os_compute_api:os-server-password:show');
      // Guests have no way of posting one here.
      return { password: '' };
    },
  }),
  route({
    method: 'DELETE',
    path: '/servers/:serverId/os-server-password',
    name: 'clearServerPassword',
    documents: () => ({ policies: ['os_compute_api:os-server-password:clear'] }),
    status: 204,
    handler: async ({ ctx, params }) => {
      await openServer(deps, ctx, params['serverId'] ?? '', 'os_compute_api:os-server-password:clear');
    },
  }),
  route({
    method: 'GET',
    path: '/servers/:serverId/os-virtual-interfaces',
    name: 'listServerVirtualInterfaces',
    handler: () => {
      throw new Gone(
        'compute.virtual_interfaces.gone',
        'This resource is no longer available. No forwarding address is given.',
      );
    },
  }),
];
