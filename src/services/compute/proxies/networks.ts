/** Networks as compute showed them until 2.35. @see nova/api/openstack/compute/networks.py, tenant_networks.py */

import { type Route, route } from '#kernel/api/route.ts';
import type { RequestContext } from '#kernel/auth/context.ts';
import { NotFound } from '#kernel/errors.ts';
import type { ComputeDeps } from '../deps.ts';
import { compute } from '../microversions.ts';
import { ask, isStatus } from './ask.ts';

interface Network {
  readonly id: string;
  readonly name: string;
}

/** Of nova-network's fields only the first two mean anything now. */
const FIELDS = 'cidr netmask gateway broadcast dns1 dns2 cidr_v6 gateway_v6 netmask_v6'.split(' ');
const ADMIN_FIELDS = [
  'created_at updated_at deleted_at deleted injected bridge vlan vpn_public_address vpn_public_port',
  'vpn_private_address dhcp_start project_id host bridge_interface multi_host priority rxtx_base mtu dhcp_server',
  'enable_dhcp share_address',
]
  .join(' ')
  .split(' ');

export const networkProxyRoutes = (deps: ComputeDeps): Route[] => {
  const view = (ctx: RequestContext, { id, name }: Network): Record<string, unknown> => {
    const names = deps.policy.allows(ctx, 'context_is_admin') ? [...FIELDS, ...ADMIN_FIELDS] : FIELDS;
    return { ...Object.fromEntries(names.map((field) => [field, null])), id, label: name };
  };
  const before = compute.noProxies;
  return [
    route({
      method: 'GET',
      path: '/os-networks',
      name: 'listNetworks',
      before,
      policy: 'os_compute_api:os-networks:list',
      handler: async ({ ctx }) => ({ networks: (await findNetworks(deps, ctx)).map((network) => view(ctx, network)) }),
    }),
    route({
      method: 'GET',
      path: '/os-networks/:networkId',
      name: 'showNetwork',
      before,
      policy: 'os_compute_api:os-networks:show',
      handler: async ({ ctx, params }) => ({
        network: view(ctx, await getNetwork(deps, ctx, params['networkId'] ?? '')),
      }),
    }),
    route({
      method: 'GET',
      path: '/os-tenant-networks',
      name: 'listProjectNetworks',
      before,
      policy: 'os_compute_api:os-tenant-networks:list',
      handler: async ({ ctx }) => ({ networks: (await findNetworks(deps, ctx)).map(tenantView) }),
    }),
    route({
      method: 'GET',
      path: '/os-tenant-networks/:networkId',
      name: 'showProjectNetwork',
      before,
      policy: 'os_compute_api:os-tenant-networks:show',
      handler: async ({ ctx, params }) => ({
        network: tenantView(await getNetwork(deps, ctx, params['networkId'] ?? '')),
      }),
    }),
  ];
};

/** Nova has always said `None` here. */
function tenantView({ id, name }: Network): Record<string, unknown> {
  return { id, cidr: 'None', label: name };
}

/** All that the caller may see. */
async function findNetworks({ network }: Pick<ComputeDeps, 'network'>, ctx: RequestContext): Promise<Network[]> {
  return (await ask<{ networks: Network[] }>(network, ctx, { method: 'GET', path: '/v2.0/networks' })).networks;
}

/** @throws {NotFound} `compute.network.absent` */
async function getNetwork(
  { network }: Pick<ComputeDeps, 'network'>,
  ctx: RequestContext,
  id: string,
): Promise<Network> {
  try {
    const path = `/v2.0/networks/${encodeURIComponent(id)}`;
    return (await ask<{ network: Network }>(network, ctx, { method: 'GET', path })).network;
  } catch (error) {
    throw isStatus(error, 404) ? new NotFound('compute.network.absent', 'Network not found') : error;
  }
}
