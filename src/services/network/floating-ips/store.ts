import type { Db } from '#kernel/db/database.ts';
import { unlessTaken } from '#kernel/db/transaction.ts';
import { notFound } from '../errors.ts';
import { isText, isTextOrNull, ownOnly, type Source, standardFilters } from '../resources/store.ts';
import type { NetworkTables } from '../tables.ts';
import type { FloatingIpRow } from './tables.ts';

type Tx = Db<NetworkTables>;

export const floatingIpSource: Source = {
  table: 'floating_ips',
  visible: ownOnly,
  filters: {
    ...standardFilters,
    floating_network_id: isText('floating_network_id'),
    floating_ip_address: isText('floating_ip_address'),
    port_id: isTextOrNull('fixed_port_id'),
    fixed_ip_address: isTextOrNull('fixed_ip_address'),
    router_id: isTextOrNull('router_id'),
    status: isText('status'),
    dns_name: isText('dns_name'),
    dns_domain: isText('dns_domain'),
  },
  columns: { port_id: 'fixed_port_id' },
};

export function floatingIpNotFound(id: string) {
  return notFound('FloatingIPNotFound', `Floating IP ${id} could not be found`);
}

export async function findFloatingIp(db: Tx, id: string): Promise<FloatingIpRow | undefined> {
  return db.selectFrom('floating_ips').selectAll().where('id', '=', id).executeTakeFirst();
}

/** @throws {NotFound} */
export async function getFloatingIp(db: Tx, id: string): Promise<FloatingIpRow> {
  const row = await findFloatingIp(db, id);
  if (row === undefined) throw floatingIpNotFound(id);
  return row;
}

export async function listFloatingIpsOfPorts(db: Tx, portIds: readonly string[]): Promise<FloatingIpRow[]> {
  if (portIds.length === 0) return [];
  return db.selectFrom('floating_ips').selectAll().where('fixed_port_id', 'in', portIds).execute();
}

export async function listFloatingIpsOfRouters(db: Tx, routerIds: readonly string[]): Promise<FloatingIpRow[]> {
  if (routerIds.length === 0) return [];
  return db
    .selectFrom('floating_ips')
    .selectAll()
    .where('router_id', 'in', routerIds)
    .where('fixed_ip_address', 'is not', null)
    .orderBy('id')
    .execute();
}

/** Floating IPs of a network that lead nowhere. */
export async function listUnusedFloatingIps(db: Tx, networkId: string): Promise<FloatingIpRow[]> {
  return db
    .selectFrom('floating_ips')
    .selectAll()
    .where('floating_network_id', '=', networkId)
    .where('fixed_port_id', 'is', null)
    .execute();
}

/** The floating IP that a port's address already has on a network. */
export async function findAssociation(
  db: Tx,
  networkId: string,
  portId: string,
  address: string,
): Promise<FloatingIpRow | undefined> {
  return db
    .selectFrom('floating_ips')
    .selectAll()
    .where('floating_network_id', '=', networkId)
    .where('fixed_port_id', '=', portId)
    .where('fixed_ip_address', '=', address)
    .executeTakeFirst();
}

export async function insertFloatingIp(tx: Tx, row: FloatingIpRow): Promise<void> {
  await tx.insertInto('floating_ips').values(row).execute();
}

/** @returns false when the fixed address has a floating IP of that network already. */
export async function updateFloatingIpRow(tx: Tx, id: string, changes: Partial<FloatingIpRow>): Promise<boolean> {
  return unlessTaken(tx.updateTable('floating_ips').set(changes).where('id', '=', id).execute());
}

export async function deleteFloatingIpRow(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('floating_ips').where('id', '=', id).execute();
}

/** Takes in which floating IPs of these routers a host of this revision has. */
export async function activateFloatingIps(tx: Tx, routerIds: readonly string[], revision: number): Promise<void> {
  if (routerIds.length === 0) return;
  await tx
    .updateTable('floating_ips')
    .set({ status: 'ACTIVE' })
    .where('router_id', 'in', routerIds)
    .where('fixed_ip_address', 'is not', null)
    .where('desired_revision', '<=', revision)
    .where('status', '!=', 'ACTIVE')
    .execute();
}

/**
 * Floating IPs of these routers do not work.
 * @param desiredRevision Of the routers' host, when it has yet to hear of them; without, the host is known to lack the routers.
 */
export async function deactivateFloatingIps(
  tx: Tx,
  routerIds: readonly string[],
  desiredRevision?: number,
): Promise<void> {
  if (routerIds.length === 0) return;
  const update = tx.updateTable('floating_ips').where('router_id', 'in', routerIds);
  await (desiredRevision === undefined
    ? update.set({ status: 'DOWN' }).where('status', '!=', 'DOWN')
    : update.set({ status: 'DOWN', desired_revision: desiredRevision })
  ).execute();
}
