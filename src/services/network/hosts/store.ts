import { sql } from 'kysely';
import type { Db } from '#kernel/db/database.ts';
import type { PortRow } from '../ports/tables.ts';
import type { NetworkTables } from '../tables.ts';
import type { NetworkAgentRow, NetworkHostRow } from './tables.ts';

type Tx = Db<NetworkTables>;

/** Device owners of the ports by which a router has a network. */
export const ROUTER_PORT_OWNERS = ['network:router_interface', 'network:router_gateway'] as const;

/** Hosts that must know a network: with ports on it, its DHCP server, or a router that is on it. */
export async function hostIdsOfNetworks(tx: Tx, networkIds: readonly string[]): Promise<string[]> {
  if (networkIds.length === 0) return [];
  const rows = await tx
    .selectFrom('network_hosts as h')
    .select('h.id')
    .where((eb) =>
      eb.or([
        eb(
          'h.hostname',
          'in',
          eb.selectFrom('ports').select('host').where('network_id', 'in', networkIds).where('host', '!=', ''),
        ),
        eb('h.id', 'in', eb.selectFrom('dhcp_bindings').select('host_id').where('network_id', 'in', networkIds)),
        eb(
          'h.id',
          'in',
          eb
            .selectFrom('routers as r')
            .innerJoin('ports as p', 'p.device_id', 'r.id')
            .select(sql<string>`r.host_id`.as('host_id'))
            .where('r.host_id', 'is not', null)
            .where('p.network_id', 'in', networkIds)
            .where('p.device_owner', 'in', ROUTER_PORT_OWNERS),
        ),
      ]),
    )
    .execute();
  return rows.map(({ id }) => id);
}

/** The host that serves DHCP for each network. */
export async function dhcpHostIds(tx: Tx, networkIds: readonly string[]): Promise<string[]> {
  if (networkIds.length === 0) return [];
  const rows = await tx
    .selectFrom('dhcp_bindings')
    .select('host_id')
    .distinct()
    .where('network_id', 'in', networkIds)
    .execute();
  return rows.map(({ host_id }) => host_id);
}

/** Hosts with ports that the groups' rules apply to. */
export async function hostIdsOfGroups(tx: Tx, groupIds: readonly string[]): Promise<string[]> {
  if (groupIds.length === 0) return [];
  const rows = await tx
    .selectFrom('port_security_groups as g')
    .innerJoin('ports as p', 'p.id', 'g.port_id')
    .innerJoin('network_hosts as h', 'h.hostname', 'p.host')
    .select('h.id')
    .distinct()
    .where('g.security_group_id', 'in', groupIds)
    .execute();
  return rows.map(({ id }) => id);
}

/** Groups with a rule that lets in, or out, the members of these groups. */
export async function groupIdsThatName(tx: Tx, remoteGroupIds: readonly string[]): Promise<string[]> {
  if (remoteGroupIds.length === 0) return [];
  const rows = await tx
    .selectFrom('security_group_rules')
    .select('security_group_id')
    .distinct()
    .where('remote_group_id', 'in', remoteGroupIds)
    .execute();
  return rows.map((row) => row.security_group_id);
}

/** Groups with a rule that names this address group. */
export async function groupIdsThatNameAddresses(tx: Tx, addressGroupId: string): Promise<string[]> {
  const rows = await tx
    .selectFrom('security_group_rules')
    .select('security_group_id')
    .distinct()
    .where('remote_address_group_id', '=', addressGroupId)
    .execute();
  return rows.map((row) => row.security_group_id);
}

/** Hosts that do the routing of these routers. */
export async function hostIdsOfRouters(tx: Tx, routerIds: readonly string[]): Promise<string[]> {
  if (routerIds.length === 0) return [];
  const rows = await tx.selectFrom('routers').select('host_id').distinct().where('id', 'in', routerIds).execute();
  return rows.flatMap(({ host_id }) => host_id ?? []);
}

export async function findHostByName(tx: Tx, hostname: string): Promise<NetworkHostRow | undefined> {
  return tx.selectFrom('network_hosts').selectAll().where('hostname', '=', hostname).executeTakeFirst();
}

export async function findHost(tx: Tx, hostId: string): Promise<NetworkHostRow | undefined> {
  return tx.selectFrom('network_hosts').selectAll().where('id', '=', hostId).executeTakeFirst();
}

export async function listHosts(tx: Tx): Promise<NetworkHostRow[]> {
  return tx.selectFrom('network_hosts').selectAll().orderBy('id').execute();
}

export async function listHostsByName(tx: Tx, hostnames: readonly string[]): Promise<NetworkHostRow[]> {
  if (hostnames.length === 0) return [];
  return tx.selectFrom('network_hosts').selectAll().where('hostname', 'in', hostnames).execute();
}

export async function saveHost(tx: Tx, row: NetworkHostRow): Promise<void> {
  const {
    id,
    created_at: _created,
    started_at: _started,
    problems: _problems,
    reported_revision: _seen,
    ...facts
  } = row;
  const updated = await tx.updateTable('network_hosts').set(facts).where('id', '=', id).executeTakeFirst();
  if (updated.numUpdatedRows === 0n) await tx.insertInto('network_hosts').values(row).execute();
}

export async function seeHost(tx: Tx, hostId: string, nowMs: number): Promise<void> {
  await tx.updateTable('network_hosts').set({ seen_at: nowMs }).where('id', '=', hostId).execute();
}

export async function listAgents(tx: Tx, hostIds?: readonly string[]): Promise<NetworkAgentRow[]> {
  let select = tx.selectFrom('network_agents').selectAll();
  if (hostIds !== undefined) {
    if (hostIds.length === 0) return [];
    select = select.where('host_id', 'in', hostIds);
  }
  return select.execute();
}

/** Hosts on which an operator has disabled the agent of a kind. */
export async function listDisabledHostIds(tx: Tx, agentType: string): Promise<Set<string>> {
  const rows = await tx
    .selectFrom('network_agents')
    .select('host_id')
    .where('agent_type', '=', agentType)
    .where('admin_state_up', '=', 0)
    .execute();
  return new Set(rows.map(({ host_id }) => host_id));
}

export async function insertAgent(tx: Tx, row: NetworkAgentRow): Promise<void> {
  await tx.insertInto('network_agents').values(row).execute();
}

/** How many networks each host serves DHCP for. */
export async function dhcpLoads(tx: Tx): Promise<Map<string, number>> {
  const rows = await tx
    .selectFrom('dhcp_bindings')
    .select(['host_id', ({ fn }) => fn.countAll<number>().as('count')])
    .groupBy('host_id')
    .execute();
  return new Map(rows.map(({ host_id, count }) => [host_id, Number(count)]));
}

/** How many routers each host has. */
export async function routerLoads(tx: Tx): Promise<Map<string, number>> {
  const rows = await tx
    .selectFrom('routers')
    .select(['host_id', ({ fn }) => fn.countAll<number>().as('count')])
    .where('host_id', 'is not', null)
    .groupBy('host_id')
    .execute();
  return new Map(rows.map(({ host_id, count }) => [host_id ?? '', Number(count)]));
}

export async function bindDhcp(tx: Tx, networkId: string, hostId: string): Promise<void> {
  await tx.insertInto('dhcp_bindings').values({ network_id: networkId, host_id: hostId }).execute();
}

/** @returns whether it was bound there. */
export async function unbindDhcp(tx: Tx, networkId: string, hostId?: string): Promise<boolean> {
  let remove = tx.deleteFrom('dhcp_bindings').where('network_id', '=', networkId);
  if (hostId !== undefined) remove = remove.where('host_id', '=', hostId);
  return (await remove.executeTakeFirst()).numDeletedRows > 0n;
}

export async function listDhcpBindings(
  tx: Tx,
  by: { readonly networkIds?: readonly string[]; readonly hostIds?: readonly string[] },
): Promise<{ network_id: string; host_id: string }[]> {
  let select = tx.selectFrom('dhcp_bindings').selectAll();
  if (by.networkIds !== undefined) {
    if (by.networkIds.length === 0) return [];
    select = select.where('network_id', 'in', by.networkIds);
  }
  if (by.hostIds !== undefined) {
    if (by.hostIds.length === 0) return [];
    select = select.where('host_id', 'in', by.hostIds);
  }
  return select.execute();
}

/** Networks that should have a DHCP server and have none. */
export async function listNetworksWithoutDhcp(tx: Tx): Promise<string[]> {
  const rows = await tx
    .selectFrom('subnets as s')
    .select('s.network_id')
    .distinct()
    .where('s.enable_dhcp', '=', 1)
    .where(({ not, exists, selectFrom }) =>
      not(exists(selectFrom('dhcp_bindings as b').select('b.host_id').whereRef('b.network_id', '=', 's.network_id'))),
    )
    .execute();
  return rows.map(({ network_id }) => network_id);
}

/** Routers with something to route and no host that does. */
export async function listRoutersWithoutHost(tx: Tx): Promise<string[]> {
  const rows = await tx
    .selectFrom('routers as r')
    .innerJoin('ports as p', 'p.device_id', 'r.id')
    .select('r.id')
    .distinct()
    .where('r.host_id', 'is', null)
    .where('p.device_owner', 'in', ROUTER_PORT_OWNERS)
    .execute();
  return rows.map(({ id }) => id);
}

/** Guests' ports on a host. */
export async function listServerPortsOfHost(db: Tx, hostname: string): Promise<PortRow[]> {
  return db
    .selectFrom('ports')
    .selectAll()
    .where('host', '=', hostname)
    .where('server_id', 'is not', null)
    .orderBy('id')
    .execute();
}

/** Who may ask a network's DHCP server: all ports that aren't the network's own. */
export async function listLeaseholders(db: Tx, networkIds: readonly string[]): Promise<PortRow[]> {
  if (networkIds.length === 0) return [];
  return db
    .selectFrom('ports')
    .selectAll()
    .where('network_id', 'in', networkIds)
    .where('device_owner', 'not like', 'network:%')
    .orderBy('id')
    .execute();
}

export interface Place {
  readonly network_id: string;
  readonly host_id: string;
  readonly tunnel_address: string | null;
}

/** Which hosts have which networks, for tunnels: ports, DHCP servers and routers. */
export async function listPlaces(db: Tx, networkIds: readonly string[]): Promise<Place[]> {
  if (networkIds.length === 0) return [];
  const byPort = await db
    .selectFrom('ports as p')
    .innerJoin('network_hosts as h', 'h.hostname', 'p.host')
    .select(['p.network_id', 'h.id as host_id', 'h.tunnel_address'])
    .distinct()
    .where('p.network_id', 'in', networkIds)
    .execute();
  const byDhcp = await db
    .selectFrom('dhcp_bindings as b')
    .innerJoin('network_hosts as h', 'h.id', 'b.host_id')
    .select(['b.network_id', 'h.id as host_id', 'h.tunnel_address'])
    .where('b.network_id', 'in', networkIds)
    .execute();
  return [...byPort, ...byDhcp];
}

/** Addresses of the members of groups, and the pairs that they may use besides. */
export async function listMemberAddresses(
  db: Tx,
  groupIds: readonly string[],
): Promise<
  {
    security_group_id: string;
    port_id: string;
    address: string;
    allowed_address_pairs: PortRow['allowed_address_pairs'];
  }[]
> {
  if (groupIds.length === 0) return [];
  return db
    .selectFrom('port_security_groups as g')
    .innerJoin('ports as p', 'p.id', 'g.port_id')
    .innerJoin('port_addresses as a', 'a.port_id', 'p.id')
    .select(['g.security_group_id', 'g.port_id', 'a.address', 'p.allowed_address_pairs'])
    .where('g.security_group_id', 'in', groupIds)
    .orderBy('a.address')
    .execute();
}

/** Subnets whose gateway address a router has. */
export async function listRoutedNetworkIds(db: Tx, networkIds: readonly string[]): Promise<Set<string>> {
  if (networkIds.length === 0) return new Set();
  const rows = await db
    .selectFrom('ports as p')
    .innerJoin('port_addresses as a', 'a.port_id', 'p.id')
    .innerJoin('subnets as s', (join) => join.onRef('s.id', '=', 'a.subnet_id').onRef('s.gateway_ip', '=', 'a.address'))
    .select('p.network_id')
    .distinct()
    .where('p.device_owner', '=', 'network:router_interface')
    .where('p.network_id', 'in', networkIds)
    .execute();
  return new Set(rows.map(({ network_id }) => network_id));
}

export async function saveProblems(tx: Tx, hostId: string, problems: NetworkHostRow['problems']): Promise<void> {
  await tx.updateTable('network_hosts').set({ problems }).where('id', '=', hostId).execute();
}

/** Notes which revision a host has seen; writes only what is new. */
export async function noteReportedRevision(tx: Tx, hostId: string, revision: number): Promise<void> {
  await tx
    .updateTable('network_hosts')
    .set({ reported_revision: revision })
    .where('id', '=', hostId)
    .where('reported_revision', '<>', revision)
    .execute();
}

export async function updateAgentRow(tx: Tx, id: string, changes: Partial<NetworkAgentRow>): Promise<void> {
  if (Object.keys(changes).length > 0)
    await tx.updateTable('network_agents').set(changes).where('id', '=', id).execute();
}

/** A host that is gone for good, with all its agents. */
export async function deleteHost(tx: Tx, hostId: string): Promise<void> {
  await tx.deleteFrom('network_agents').where('host_id', '=', hostId).execute();
  await tx.deleteFrom('network_hosts').where('id', '=', hostId).execute();
}

/** Networks with a port on the host. */
export async function listPlacesOfHost(db: Tx, hostname: string): Promise<string[]> {
  const rows = await db.selectFrom('ports').select('network_id').distinct().where('host', '=', hostname).execute();
  return rows.map(({ network_id }) => network_id);
}

/** Routers whose host is one of these. */
export async function listRouterIdsOfHosts(db: Tx, hostIds: readonly string[]): Promise<string[]> {
  if (hostIds.length === 0) return [];
  const rows = await db.selectFrom('routers').select('id').where('host_id', 'in', hostIds).execute();
  return rows.map(({ id }) => id);
}
