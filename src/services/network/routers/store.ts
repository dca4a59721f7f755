import type { Db } from '#kernel/db/database.ts';
import { notFound } from '../errors.ts';
import { isBit, isText, isTextOrNull, ownOnly, type Source, standardFilters } from '../resources/store.ts';
import type { NetworkTables } from '../tables.ts';
import type { RouterRow } from './tables.ts';

type Tx = Db<NetworkTables>;

export const routerSource: Source = {
  table: 'routers',
  visible: ownOnly,
  filters: {
    ...standardFilters,
    name: isText('name'),
    status: isText('status'),
    admin_state_up: isBit('admin_state_up'),
    flavor_id: isTextOrNull('flavor_id'),
  },
};

export function routerNotFound(id: string) {
  return notFound('RouterNotFound', `Router ${id} could not be found`);
}

export async function findRouter(db: Tx, id: string): Promise<RouterRow | undefined> {
  return db.selectFrom('routers').selectAll().where('id', '=', id).executeTakeFirst();
}

/** @throws {NotFound} */
export async function getRouter(db: Tx, id: string): Promise<RouterRow> {
  const row = await findRouter(db, id);
  if (row === undefined) throw routerNotFound(id);
  return row;
}

export async function listRoutersOfHost(db: Tx, hostId: string): Promise<RouterRow[]> {
  return db.selectFrom('routers').selectAll().where('host_id', '=', hostId).orderBy('id').execute();
}

export async function insertRouter(tx: Tx, row: RouterRow): Promise<void> {
  await tx.insertInto('routers').values(row).execute();
}

export async function updateRouterRow(tx: Tx, id: string, changes: Partial<RouterRow>): Promise<void> {
  if (Object.keys(changes).length > 0) await tx.updateTable('routers').set(changes).where('id', '=', id).execute();
}

export async function deleteRouterRow(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('routers').where('id', '=', id).execute();
}

/** A router's addresses inside, with their subnets. */
export async function listInterfaceSubnets(
  db: Tx,
  routerId: string,
): Promise<
  {
    port_id: string;
    network_id: string;
    device_owner: string;
    subnet_id: string;
    address: string;
    cidr: string;
    ip_version: 4 | 6;
  }[]
> {
  return db
    .selectFrom('ports as p')
    .innerJoin('port_addresses as a', 'a.port_id', 'p.id')
    .innerJoin('subnets as s', 's.id', 'a.subnet_id')
    .select(['p.id as port_id', 'p.network_id', 'p.device_owner', 'a.subnet_id', 'a.address', 's.cidr', 's.ip_version'])
    .where('p.device_id', '=', routerId)
    .where('p.device_owner', 'in', ['network:router_interface', 'network:router_gateway'])
    .orderBy('p.created_at')
    .execute();
}

/** Routers that join a subnet to an external network, with the address that they have in the subnet. */
export async function listRoutersBetween(
  db: Tx,
  subnetId: string,
  externalNetworkId: string,
): Promise<{ router_id: string; address: string }[]> {
  return db
    .selectFrom('ports as i')
    .innerJoin('port_addresses as a', 'a.port_id', 'i.id')
    .innerJoin('ports as g', 'g.device_id', 'i.device_id')
    .select(['i.device_id as router_id', 'a.address'])
    .distinct()
    .where('i.device_owner', '=', 'network:router_interface')
    .where('a.subnet_id', '=', subnetId)
    .where('g.device_owner', '=', 'network:router_gateway')
    .where('g.network_id', '=', externalNetworkId)
    .orderBy('i.device_id')
    .execute();
}

/** The host of all of a router's ports. */
export async function setRouterPortHosts(tx: Tx, routerId: string, host: string): Promise<void> {
  await tx
    .updateTable('ports')
    .set({ host, status: 'DOWN' })
    .where('device_id', '=', routerId)
    .where('device_owner', 'in', ['network:router_interface', 'network:router_gateway'])
    .where('host', '!=', host)
    .execute();
}

/** Whether floating IPs go through the router. */
export async function hasFloatingIps(db: Tx, routerId: string): Promise<boolean> {
  const row = await db
    .selectFrom('floating_ips')
    .select('id')
    .where('router_id', '=', routerId)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Whether a floating IP of the router leads into the subnet. */
export async function hasFloatingIpsInto(db: Tx, routerId: string, subnetId: string): Promise<boolean> {
  const row = await db
    .selectFrom('floating_ips as f')
    .innerJoin('port_addresses as a', (join) =>
      join.onRef('a.port_id', '=', 'f.fixed_port_id').onRef('a.address', '=', 'f.fixed_ip_address'),
    )
    .select('f.id')
    .where('f.router_id', '=', routerId)
    .where('a.subnet_id', '=', subnetId)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}
