import type { Db } from '#kernel/db/database.ts';
import { fromJson } from '#kernel/db/json.ts';
import { listNetworksById, listSharedIds } from '../networks/store.ts';
import { standardView, type WireObject } from '../resources/resource.ts';
import { type Scope, tagsOf } from '../resources/store.ts';
import type { NetworkTables } from '../tables.ts';
import type { SubnetRow } from './tables.ts';

export async function viewSubnets(
  db: Db<NetworkTables>,
  rows: readonly SubnetRow[],
  scope: Scope,
): Promise<WireObject[]> {
  const networkIds = [...new Set(rows.map((row) => row.network_id))];
  const shared = await listSharedIds(db, 'network', networkIds, scope.projectId);
  const external = new Set(
    (await listNetworksById(db, networkIds)).filter((network) => network.is_external === 1).map(({ id }) => id),
  );
  const tags = await tagsOf(
    db,
    rows.map(({ id }) => id),
  );
  return rows.map((row) => ({
    ...standardView(row),
    name: row.name,
    network_id: row.network_id,
    ip_version: row.ip_version,
    cidr: row.cidr,
    gateway_ip: row.gateway_ip,
    allocation_pools: fromJson(row.allocation_pools),
    dns_nameservers: fromJson(row.dns_nameservers),
    host_routes: fromJson(row.host_routes),
    enable_dhcp: row.enable_dhcp === 1,
    ipv6_ra_mode: row.ipv6_ra_mode,
    ipv6_address_mode: row.ipv6_address_mode,
    subnetpool_id: row.subnetpool_id,
    service_types: fromJson(row.service_types),
    dns_publish_fixed_ip: row.dns_publish_fixed_ip === 1,
    shared: shared.has(row.network_id),
    'router:external': external.has(row.network_id),
    tags: tags.get(row.id) ?? [],
  }));
}
