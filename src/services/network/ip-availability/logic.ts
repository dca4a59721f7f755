import type { RequestContext } from '#kernel/auth/context.ts';
import { fromJson } from '#kernel/db/json.ts';
import type { NetworkDeps } from '../deps.ts';
import { networkNotFound, networkSource } from '../networks/store.ts';
import type { NetworkRow } from '../networks/tables.ts';
import { countAddressesOf } from '../ports/store.ts';
import { EVERYTHING } from '../resources/query.ts';
import { selectRows, WHOLE_CLOUD } from '../resources/store.ts';
import { numericRanges } from '../subnets/ranges.ts';
import { listSubnetsOfNetworks } from '../subnets/store.ts';
import type { SubnetRow } from '../subnets/tables.ts';

type Shown = Readonly<Record<string, unknown>>;

export const AVAILABILITY_FILTERS = new Set(['network_id', 'network_name', 'tenant_id', 'project_id', 'ip_version']);

/** How many addresses networks have and how many are used; for administrators. */
export async function listIpAvailability(
  deps: NetworkDeps,
  ctx: RequestContext,
  filters: Readonly<Record<string, readonly string[]>>,
): Promise<Shown[]> {
  if (!deps.policy.allows(ctx, 'get_network_ip_availability')) return [];
  const { ip_version: versions, network_id: id, network_name: name, ...owner } = filters;
  const query = {
    ...EVERYTHING,
    filters: { ...owner, ...(id === undefined ? {} : { id }), ...(name === undefined ? {} : { name }) },
  };
  const networks = await selectRows<NetworkRow>(deps.db, networkSource, WHOLE_CLOUD, query);
  const all = await listSubnetsOfNetworks(
    deps.db,
    networks.map((network) => network.id),
  );
  const subnets = all.filter((subnet) => versions === undefined || versions.includes(String(subnet.ip_version)));
  const used = await countAddressesOf(
    deps.db,
    subnets.map((subnet) => subnet.id),
  );
  return networks.flatMap((network) => {
    const own = subnets.filter((subnet) => subnet.network_id === network.id);
    return versions !== undefined && own.length === 0 ? [] : [view(network, own, used)];
  });
}

/** @throws {NotFound} */
export async function showIpAvailability(deps: NetworkDeps, ctx: RequestContext, networkId: string): Promise<Shown> {
  const found = (await listIpAvailability(deps, ctx, { network_id: [networkId] }))[0];
  if (found === undefined) throw networkNotFound(networkId);
  return found;
}

function view(network: NetworkRow, subnets: readonly SubnetRow[], used: ReadonlyMap<string, number>): Shown {
  const totals = subnets.map((subnet) => totalOf(subnet));
  return {
    network_id: network.id,
    network_name: network.name,
    project_id: network.project_id,
    tenant_id: network.project_id,
    total_ips: Number(totals.reduce((sum, total) => sum + total, 0n)),
    used_ips: subnets.reduce((sum, subnet) => sum + (used.get(subnet.id) ?? 0), 0),
    subnet_ip_availability: subnets.map((subnet, i) => ({
      subnet_id: subnet.id,
      subnet_name: subnet.name,
      ip_version: subnet.ip_version,
      cidr: subnet.cidr,
      total_ips: Number(totals[i] ?? 0n),
      used_ips: used.get(subnet.id) ?? 0,
    })),
  };
}

function totalOf(subnet: SubnetRow): bigint {
  return numericRanges(fromJson(subnet.allocation_pools)).reduce((sum, { first, last }) => sum + last - first + 1n, 0n);
}
