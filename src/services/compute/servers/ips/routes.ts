import { type Route, route } from '#kernel/api/route.ts';
import { NotFound } from '#kernel/errors.ts';
import type { ComputeDeps } from '../../deps.ts';
import { showServer } from '../show.ts';
import { addressesByNetwork } from '../view.ts';

/** @see https://docs.openstack.org/api-ref/compute/#servers-ips-servers-ips */
export const serverIpRoutes = (deps: ComputeDeps): Route[] => [
  route({
    method: 'GET',
    path: '/servers/:serverId/ips',
    name: 'listServerIps',
    documents: () => ({ policies: ['os_compute_api:ips:index'] }),
    handler: async ({ ctx, params }) => {
      const server = await showServer(deps, ctx, params['serverId'] ?? '', 'os_compute_api:ips:index');
      const found = [...addressesByNetwork(server)];
      return { addresses: Object.fromEntries(found.map(([name, list]) => [name, list.map(brief)])) };
    },
  }),
  route({
    method: 'GET',
    path: '/servers/:serverId/ips/:network',
    name: 'showServerIps',
    documents: () => ({ policies: ['os_compute_api:ips:show'] }),
    handler: async ({ ctx, params }) => {
      const server = await showServer(deps, ctx, params['serverId'] ?? '', 'os_compute_api:ips:show');
      const name = params['network'] ?? '';
      const found = addressesByNetwork(server).get(name);
      if (found === undefined)
        throw new NotFound('compute.server.network_absent', 'Instance is not a member of specified network');
      return { [name]: found.map(brief) };
    },
  }),
];

function brief({ version, addr }: { readonly version: number; readonly addr: string }): Record<string, unknown> {
  return { version, addr };
}
