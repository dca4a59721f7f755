import type { Db } from '#kernel/db/database.ts';
import { fromJson } from '#kernel/db/json.ts';
import type { NetworkDeps } from '../deps.ts';
import { addressesOf, listPorts } from '../ports/store.ts';
import { standardView, type WireObject } from '../resources/resource.ts';
import { type Scope, tagsOf } from '../resources/store.ts';
import type { NetworkTables } from '../tables.ts';
import type { RouterRow } from './tables.ts';

export async function viewRouters(
  db: Db<NetworkTables>,
  rows: readonly RouterRow[],
  _scope: Scope,
  deps: NetworkDeps,
): Promise<WireObject[]> {
  const portIds = rows.flatMap((row) => row.gateway_port_id ?? []);
  const ports = new Map((await listPorts(db, { ids: portIds })).map((port) => [port.id, port]));
  const addresses = await addressesOf(db, portIds);
  const tags = await tagsOf(
    db,
    rows.map(({ id }) => id),
  );
  return rows.map((row) => {
    const port = ports.get(row.gateway_port_id ?? '');
    return {
      ...standardView(row),
      name: row.name,
      status: row.status,
      admin_state_up: row.admin_state_up === 1,
      external_gateway_info:
        port === undefined
          ? null
          : {
              network_id: port.network_id,
              enable_snat: row.enable_snat === 1,
              external_fixed_ips: (addresses.get(port.id) ?? []).map(({ subnet_id, address }) => ({
                subnet_id,
                ip_address: address,
              })),
            },
      routes: fromJson(row.routes),
      availability_zone_hints: fromJson(row.availability_zone_hints),
      availability_zones: row.host_id === null ? [] : [deps.options.availabilityZone],
      flavor_id: row.flavor_id,
      tags: tags.get(row.id) ?? [],
    };
  });
}
