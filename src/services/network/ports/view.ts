import type { Db } from '#kernel/db/database.ts';
import { fromJson } from '#kernel/db/json.ts';
import type { NetworkDeps } from '../deps.ts';
import { listHostsByName } from '../hosts/store.ts';
import { findNetworkDomains } from '../networks/store.ts';
import { standardView, type WireObject } from '../resources/resource.ts';
import { type Scope, tagsOf } from '../resources/store.ts';
import type { NetworkTables } from '../tables.ts';
import { addressesOf, groupsOf } from './store.ts';
import type { PortRow } from './tables.ts';

export async function viewPorts(
  db: Db<NetworkTables>,
  rows: readonly PortRow[],
  _scope: Scope,
  deps: NetworkDeps,
): Promise<WireObject[]> {
  const ids = rows.map(({ id }) => id);
  const addresses = await addressesOf(db, ids);
  const groups = await groupsOf(db, ids);
  const tags = await tagsOf(db, ids);
  const domains = await findNetworkDomains(db, [...new Set(rows.map((row) => row.network_id))]);
  const hostnames = [...new Set(rows.map(({ host }) => host).filter((host) => host !== ''))];
  const drivers = new Map((await listHostsByName(db, hostnames)).map((host) => [host.hostname, host.driver]));
  return rows.map((row) => {
    const own = addresses.get(row.id) ?? [];
    const domain = domains.get(row.network_id) || deps.options.dnsDomain;
    const vifType = vifTypeOf(row.host, drivers);
    return {
      ...standardView(row),
      name: row.name,
      network_id: row.network_id,
      mac_address: row.mac_address,
      admin_state_up: row.admin_state_up === 1,
      status: row.status,
      device_id: row.device_id,
      device_owner: row.device_owner,
      fixed_ips: own.map(({ subnet_id, address }) => ({ subnet_id, ip_address: address })),
      port_security_enabled: row.port_security_enabled === 1,
      security_groups: groups.get(row.id) ?? [],
      allowed_address_pairs: fromJson(row.allowed_address_pairs),
      extra_dhcp_opts: fromJson(row.extra_dhcp_opts),
      dns_name: row.dns_name,
      dns_assignment: own.map(({ address }) => {
        const hostname = row.dns_name === '' ? defaultHostname(address) : row.dns_name;
        return { ip_address: address, hostname, fqdn: `${hostname}.${domain.replace(/\.?$/, '.')}` };
      }),
      'binding:host_id': row.host,
      'binding:vnic_type': row.vnic_type,
      'binding:profile': fromJson(row.profile),
      'binding:vif_type': vifType,
      'binding:vif_details': vifType === 'bridge' ? { connectivity: 'l2', port_filter: true } : {},
      tags: tags.get(row.id) ?? [],
    };
  });
}

/** `host-10-0-0-3`, as neutron names what has no name. */
export function defaultHostname(address: string): string {
  return `host-${address.replace(/[.:]+/g, '-').replace(/-$/, '-0')}`;
}

function vifTypeOf(host: string, drivers: ReadonlyMap<string, string>): string {
  if (host === '') return 'unbound';
  const driver = drivers.get(host);
  if (driver === undefined) return 'binding_failed';
  return driver === 'openvswitch' ? 'ovs' : 'bridge';
}
