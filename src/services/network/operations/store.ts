/** What of network's rows nobody owns any more. */
import type { Db } from '#kernel/db/database.ts';
import type { NetworkTables } from '../tables.ts';

type Tx = Db<NetworkTables>;

/** Ports made for servers, in pages by id. */
export async function listPortsOfServers(
  db: Tx,
  afterId: string,
  limit: number,
): Promise<{ id: string; server_id: string | null; created_at: number }[]> {
  return db
    .selectFrom('ports')
    .select(['id', 'server_id', 'created_at'])
    .where('server_id', 'is not', null)
    .where('id', '>', afterId)
    .orderBy('id')
    .limit(limit)
    .execute();
}

export async function listBindingsWithoutPort(
  db: Tx,
  limit: number,
): Promise<{ port_id: string; security_group_id: string }[]> {
  return db
    .selectFrom('port_security_groups as b')
    .selectAll('b')
    .where(({ not, exists, selectFrom }) =>
      not(exists(selectFrom('ports as p').select('p.id').whereRef('p.id', '=', 'b.port_id'))),
    )
    .limit(limit)
    .execute();
}

/** False: the port is there, or the binding was not. */
export async function deleteBindingWithoutPort(tx: Tx, portId: string, groupId: string): Promise<boolean> {
  const deleted = await tx
    .deleteFrom('port_security_groups')
    .where('port_id', '=', portId)
    .where('security_group_id', '=', groupId)
    .where('port_id', 'not in', tx.selectFrom('ports').select('id').where('id', '=', portId))
    .executeTakeFirst();
  return deleted.numDeletedRows === 1n;
}

export async function listAddressesWithoutPort(
  db: Tx,
  limit: number,
): Promise<{ subnet_id: string; address: string; port_id: string }[]> {
  return db
    .selectFrom('port_addresses as a')
    .select(['a.subnet_id', 'a.address', 'a.port_id'])
    .where(({ not, exists, selectFrom }) =>
      not(exists(selectFrom('ports as p').select('p.id').whereRef('p.id', '=', 'a.port_id'))),
    )
    .limit(limit)
    .execute();
}

/** False: its port is there, or the address was not taken. */
export async function deleteAddressWithoutPort(tx: Tx, subnetId: string, address: string): Promise<boolean> {
  const deleted = await tx
    .deleteFrom('port_addresses')
    .where('subnet_id', '=', subnetId)
    .where('address', '=', address)
    .where('port_id', 'not in', tx.selectFrom('ports').select('id'))
    .executeTakeFirst();
  return deleted.numDeletedRows === 1n;
}

/** Floating IPs that lead to a port that is not there. */
export async function listFloatingIpsWithoutPort(
  db: Tx,
  limit: number,
): Promise<{ id: string; floating_ip_address: string; fixed_port_id: string | null; updated_at: number }[]> {
  return db
    .selectFrom('floating_ips as f')
    .select(['f.id', 'f.floating_ip_address', 'f.fixed_port_id', 'f.updated_at'])
    .where('f.fixed_port_id', 'is not', null)
    .where(({ not, exists, selectFrom }) =>
      not(exists(selectFrom('ports as p').select('p.id').whereRef('p.id', '=', 'f.fixed_port_id'))),
    )
    .limit(limit)
    .execute();
}
