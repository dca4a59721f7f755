import type { RequestContext } from '#kernel/auth/context.ts';
import type { NetworkDeps } from '../deps.ts';
import { networkSource } from '../networks/store.ts';
import type { NetworkRow } from '../networks/tables.ts';
import { scopeOf } from '../resources/access.ts';
import { EVERYTHING } from '../resources/query.ts';
import { selectRows } from '../resources/store.ts';
import { listSubnetsOfNetworks } from '../subnets/store.ts';

/** The IPv4 subnets that floating IPs are taken from; none for who may not see pools: as in every list, what one may not see is left out. */
export async function listFloatingIpPools(
  deps: NetworkDeps,
  ctx: RequestContext,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  if (!deps.policy.allows(ctx, 'get_floatingip_pool', { project_id: ctx.projectId })) return [];
  const query = { ...EVERYTHING, filters: { 'router:external': ['true'] } };
  const networks = await selectRows<NetworkRow>(deps.db, networkSource, scopeOf(deps, ctx), query);
  const subnets = await listSubnetsOfNetworks(
    deps.db,
    networks.map(({ id }) => id),
  );
  return subnets
    .filter((subnet) => subnet.ip_version === 4)
    .map((subnet) => ({
      subnet_id: subnet.id,
      subnet_name: subnet.name,
      network_id: subnet.network_id,
      cidr: subnet.cidr,
      project_id: ctx.projectId,
      tenant_id: ctx.projectId,
    }));
}
