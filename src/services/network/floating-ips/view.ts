import type { Db } from '#kernel/db/database.ts';
import { listPorts } from '../ports/store.ts';
import { standardView, type WireObject } from '../resources/resource.ts';
import { tagsOf } from '../resources/store.ts';
import type { NetworkTables } from '../tables.ts';
import type { FloatingIpRow } from './tables.ts';

export async function viewFloatingIps(db: Db<NetworkTables>, rows: readonly FloatingIpRow[]): Promise<WireObject[]> {
  const ids = [...new Set(rows.flatMap((row) => row.fixed_port_id ?? []))];
  const ports = new Map((await listPorts(db, { ids })).map((port) => [port.id, port]));
  const tags = await tagsOf(
    db,
    rows.map(({ id }) => id),
  );
  return rows.map((row) => {
    const port = ports.get(row.fixed_port_id ?? '');
    return {
      ...standardView(row),
      floating_network_id: row.floating_network_id,
      floating_ip_address: row.floating_ip_address,
      port_id: row.fixed_port_id,
      fixed_ip_address: row.fixed_ip_address,
      router_id: row.router_id,
      status: row.status,
      dns_name: row.dns_name,
      dns_domain: row.dns_domain,
      port_details:
        port === undefined
          ? null
          : {
              name: port.name,
              network_id: port.network_id,
              mac_address: port.mac_address,
              admin_state_up: port.admin_state_up === 1,
              status: port.status,
              device_id: port.device_id,
              device_owner: port.device_owner,
            },
      tags: tags.get(row.id) ?? [],
    };
  });
}
