import { type Method, type Route, route } from '#kernel/api/route.ts';
import { Gone } from '#kernel/errors.ts';

/**
 * Operations that nova has taken out; each answers 410 to whoever still asks.
 * @see nova/api/openstack/compute/{agents,cells,certificates,cloudpipe,…}.py
 */
const GONE: readonly (readonly [Method, string])[] = [
  ['GET', '/os-agents'],
  ['POST', '/os-agents'],
  ['PUT', '/os-agents/:id'],
  ['DELETE', '/os-agents/:id'],
  ['GET', '/os-cells'],
  ['POST', '/os-cells'],
  ['GET', '/os-cells/capacities'],
  ['GET', '/os-cells/detail'],
  ['GET', '/os-cells/info'],
  ['POST', '/os-cells/sync_instances'],
  ['GET', '/os-cells/:id'],
  ['PUT', '/os-cells/:id'],
  ['DELETE', '/os-cells/:id'],
  ['GET', '/os-cells/:id/capacities'],
  ['POST', '/os-certificates'],
  ['GET', '/os-certificates/:id'],
  ['GET', '/os-cloudpipe'],
  ['POST', '/os-cloudpipe'],
  ['PUT', '/os-cloudpipe/:id'],
  ['GET', '/servers/:serverId/consoles'],
  ['POST', '/servers/:serverId/consoles'],
  ['GET', '/servers/:serverId/consoles/:id'],
  ['DELETE', '/servers/:serverId/consoles/:id'],
  ['GET', '/os-fixed-ips/:id'],
  ['POST', '/os-fixed-ips/:id/action'],
  ['GET', '/os-floating-ip-dns'],
  ['PUT', '/os-floating-ip-dns/:domain'],
  ['DELETE', '/os-floating-ip-dns/:domain'],
  ['GET', '/os-floating-ip-dns/:domain/entries/:id'],
  ['PUT', '/os-floating-ip-dns/:domain/entries/:id'],
  ['DELETE', '/os-floating-ip-dns/:domain/entries/:id'],
  ['GET', '/os-floating-ips-bulk'],
  ['POST', '/os-floating-ips-bulk'],
  ['GET', '/os-floating-ips-bulk/:id'],
  ['PUT', '/os-floating-ips-bulk/:id'],
  ['GET', '/os-fping'],
  ['GET', '/os-fping/:id'],
  ['POST', '/os-networks'],
  ['POST', '/os-networks/add'],
  ['DELETE', '/os-networks/:id'],
  ['POST', '/os-networks/:id/action'],
  ['GET', '/os-security-group-default-rules'],
  ['POST', '/os-security-group-default-rules'],
  ['GET', '/os-security-group-default-rules/:id'],
  ['DELETE', '/os-security-group-default-rules/:id'],
  ['POST', '/os-tenant-networks'],
  ['DELETE', '/os-tenant-networks/:id'],
  ['GET', '/servers/:serverId/os-virtual-interfaces'],
];

export const goneRoutes: readonly Route[] = GONE.map(([method, path]) =>
  route({
    method,
    path,
    name: 'gone',
    handler: () => {
      throw new Gone('compute.gone', 'This resource is no longer available. No forwarding address is given.');
    },
  }),
);
