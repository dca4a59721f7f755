import type { Db } from '#kernel/db/database.ts';
import { fromJson } from '#kernel/db/json.ts';
import type { NetworkDeps } from '../deps.ts';
import { listDhcpBindings } from '../hosts/store.ts';
import { standardView, type WireObject } from '../resources/resource.ts';
import { type Scope, tagsOf } from '../resources/store.ts';
import type { NetworkTables } from '../tables.ts';
import { listSharedIds, listSubnetsOf } from './store.ts';
import type { NetworkRow } from './tables.ts';

export async function viewNetworks(
  db: Db<NetworkTables>,
  rows: readonly NetworkRow[],
  scope: Scope,
  deps: NetworkDeps,
): Promise<WireObject[]> {
  const ids = rows.map(({ id }) => id);
  const [subnets, shared, tags, dhcp] = [
    Map.groupBy(await listSubnetsOf(db, ids), (subnet) => subnet.network_id),
    await listSharedIds(db, 'network', ids, scope.projectId),
    await tagsOf(db, ids),
    new Set((await listDhcpBindings(db, { networkIds: ids })).map((binding) => binding.network_id)),
  ];
  return rows.map((row) => {
    const own = subnets.get(row.id) ?? [];
    const scopeOf = (version: 4 | 6): string | null =>
      own.find((subnet) => subnet.ip_version === version && subnet.address_scope_id !== null)?.address_scope_id ?? null;
    return {
      ...standardView(row),
      name: row.name,
      status: 'ACTIVE',
      admin_state_up: row.admin_state_up === 1,
      subnets: own.map((subnet) => subnet.id),
      shared: shared.has(row.id),
      mtu: row.mtu,
      'router:external': row.is_external === 1,
      'provider:network_type': row.network_type,
      'provider:physical_network': row.physical_network,
      'provider:segmentation_id': row.segmentation_id,
      port_security_enabled: row.port_security_enabled === 1,
      ...(row.is_external === 1 ? { is_default: row.is_default === 1 } : {}),
      dns_domain: row.dns_domain,
      availability_zone_hints: fromJson(row.availability_zone_hints),
      availability_zones: dhcp.has(row.id) ? [deps.options.availabilityZone] : [],
      ipv4_address_scope: scopeOf(4),
      ipv6_address_scope: scopeOf(6),
      tags: tags.get(row.id) ?? [],
    };
  });
}
