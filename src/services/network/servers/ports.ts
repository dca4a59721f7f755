/** Servers' ports, for compute. */
import { type RequestContext, systemContext } from '#kernel/auth/context.ts';
import type { Db } from '#kernel/db/database.ts';
import { fromJson } from '#kernel/db/json.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { Conflict } from '#kernel/errors.ts';
import { tapName } from '#protocol/devices.ts';
import type { NetworkDeps } from '../deps.ts';
import { listFloatingIpsOfPorts } from '../floating-ips/store.ts';
import { findHost } from '../hosts/store.ts';
import { touchPort } from '../hosts/touch.ts';
import { findNetwork, listNetworksById, networkNotFound } from '../networks/store.ts';
import { makePort } from '../ports/make.ts';
import { deletePortRows } from '../ports/remove.ts';
import {
  addressesOf,
  findPort,
  groupsOf,
  hasOtherPortOnHost,
  listPorts,
  portNotFound,
  updatePortRow,
} from '../ports/store.ts';
import type { PortRow } from '../ports/tables.ts';
import { checkQuota } from '../quotas/logic.ts';
import { newWrite, type Write } from '../resources/resource.ts';
import { touchRow, WHOLE_CLOUD } from '../resources/store.ts';
import { ensureDefaultGroup } from '../security-groups/default.ts';
import { listSecurityGroupsById } from '../security-groups/store.ts';
import { isAutoAddressed } from '../subnets/check.ts';
import { listSubnetsById } from '../subnets/store.ts';
import type { HostRoute } from '../subnets/tables.ts';
import type { NetworkTables } from '../tables.ts';

/** A server's port with all that compute tells of it. */
export interface ServerPort {
  readonly portId: string;
  readonly networkId: string;
  readonly networkName: string;
  readonly networkProjectId: string;
  readonly macAddress: string;
  readonly mtu: number;
  /** The tap device on the host. */
  readonly deviceName: string;
  readonly fixedIps: readonly {
    readonly subnetId: string;
    readonly address: string;
    readonly ipVersion: 4 | 6;
    readonly cidr: string;
    readonly gateway: string | null;
    readonly dns: readonly string[];
    readonly routes: readonly HostRoute[];
    readonly isDhcp: boolean;
    readonly isSlaac: boolean;
  }[];
  readonly floatingIps: readonly { readonly fixedAddress: string; readonly address: string }[];
  readonly securityGroups: readonly { readonly id: string; readonly name: string }[];
  /** The user made it, so it outlives the server. */
  readonly isUserPort: boolean;
  readonly status: 'ACTIVE' | 'DOWN' | 'BUILD' | 'N/A';
  readonly isAdminUp: boolean;
}

export interface ServerPortSpec {
  /** Chosen by compute, so that asking twice makes one port. */
  readonly portId: string;
  readonly networkId: string;
  readonly fixedIp?: string | null | undefined;
  /** Empty: the project's default group. Not for a user's port, which keeps its own. */
  readonly securityGroupIds: readonly string[];
  readonly serverId: string;
  readonly projectId?: string | undefined;
  /** Null: made but not bound yet. */
  readonly hostId: string | null;
  readonly zone: string;
  readonly isUserPort: boolean;
}

/**
 * Makes a server's port, or takes a user's, and binds it to the host. Doing it again does nothing more.
 * @param db The caller's transaction, where it has one.
 * @throws {Conflict} when a user's port has got another device, no address is left, or {OverLimit}.
 */
export async function ensureServerPort(
  deps: NetworkDeps,
  ctx: RequestContext,
  spec: ServerPortSpec,
  db: Db<NetworkTables> = deps.db,
): Promise<void> {
  await inTransaction(db, async (tx) => {
    const write = newWrite(deps, tx, ctx, WHOLE_CLOUD);
    const host = await hostnameOf(write, spec.hostId);
    const owner = `compute:${spec.zone}`;
    const existing = await findPort(tx, spec.portId);
    if (existing === undefined) {
      if (spec.isUserPort) throw portNotFound(spec.portId);
      await makeServerPort(write, spec, host, owner);
    } else if (existing.device_id !== '' && existing.device_id !== spec.serverId) {
      throw new Conflict('network.server.port_in_use', `Port ${spec.portId} is still in use.`, { type: 'PortInUse' });
    } else {
      await bindPort(write, existing, {
        server_id: spec.serverId,
        device_id: spec.serverId,
        device_owner: owner,
        host,
      });
    }
  });
}

async function makeServerPort(write: Write, spec: ServerPortSpec, host: string, owner: string): Promise<void> {
  const { deps, tx, ctx } = write;
  const network = await findNetwork(tx, spec.networkId);
  if (network === undefined) throw networkNotFound(spec.networkId);
  const projectId = spec.projectId ?? ctx.projectId ?? '';
  await checkQuota(deps, tx, projectId, 'port', 'ports');
  const hasPortSecurity = network.port_security_enabled === 1;
  const groups =
    spec.securityGroupIds.length > 0 ? spec.securityGroupIds : [await ensureDefaultGroup(deps, tx, projectId)];
  await makePort(write, {
    id: spec.portId,
    projectId,
    network,
    deviceId: spec.serverId,
    deviceOwner: owner,
    fixedIps: spec.fixedIp ? [{ ip_address: spec.fixedIp }] : undefined,
    securityGroupIds: hasPortSecurity ? groups : [],
    hasPortSecurity,
    host,
    serverId: spec.serverId,
  });
}

/**
 * Binds all of a server's ports to another host, as after a migration.
 * @param hostId Null unbinds them.
 */
export async function bindServerPorts(deps: NetworkDeps, serverId: string, hostId: string | null): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    const write = newWrite(deps, tx, systemContext(null), WHOLE_CLOUD);
    const host = await hostnameOf(write, hostId);
    for (const port of await serverPorts(tx, [serverId])) await bindPort(write, port, { host });
  });
}

/** Lets go of a server's ports: those made for it are deleted, the user's are free again. Doing it again does nothing. */
export async function releaseServerPorts(
  deps: NetworkDeps,
  serverId: string,
  portIds?: readonly string[],
): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    const write = newWrite(deps, tx, systemContext(null), WHOLE_CLOUD);
    const ports = (await serverPorts(tx, [serverId])).filter(({ id }) => portIds === undefined || portIds.includes(id));
    await deletePortRows(
      write,
      ports.filter((port) => port.is_made_for_server === 1).map(({ id }) => id),
    );
    for (const port of ports.filter((each) => each.is_made_for_server === 0))
      await bindPort(write, port, { server_id: null, device_id: '', device_owner: '', host: '' });
  });
}

/** The ports of servers, in the order in which they were given. */
export async function listServerPorts(
  db: Db<NetworkTables>,
  serverIds: readonly string[],
): Promise<Map<string, ServerPort[]>> {
  const ports = await serverPorts(db, serverIds);
  const ids = ports.map(({ id }) => id);
  const addresses = await addressesOf(db, ids);
  const groups = await groupsOf(db, ids);
  const names = new Map(
    (await listSecurityGroupsById(db, [...new Set([...groups.values()].flat())])).map(({ id, name }) => [id, name]),
  );
  const networks = new Map(
    (await listNetworksById(db, [...new Set(ports.map((port) => port.network_id))])).map((row) => [row.id, row]),
  );
  const subnetIds = [...new Set([...addresses.values()].flat().map(({ subnet_id }) => subnet_id))];
  const subnets = new Map((await listSubnetsById(db, subnetIds)).map((subnet) => [subnet.id, subnet]));
  const floatingIps = Map.groupBy(await listFloatingIpsOfPorts(db, ids), (fip) => fip.fixed_port_id ?? '');
  const byServer = new Map<string, ServerPort[]>(serverIds.map((id) => [id, []]));
  for (const port of ports) {
    const network = networks.get(port.network_id);
    byServer.get(port.server_id ?? '')?.push({
      portId: port.id,
      networkId: port.network_id,
      networkName: network?.name ?? '',
      networkProjectId: network?.project_id ?? '',
      macAddress: port.mac_address,
      mtu: network?.mtu ?? 1_500,
      deviceName: tapName(port.id),
      fixedIps: (addresses.get(port.id) ?? []).flatMap(({ subnet_id, address }) => {
        const subnet = subnets.get(subnet_id);
        if (subnet === undefined) return [];
        return {
          subnetId: subnet_id,
          address,
          ipVersion: subnet.ip_version,
          cidr: subnet.cidr,
          gateway: subnet.gateway_ip,
          dns: fromJson(subnet.dns_nameservers),
          routes: fromJson(subnet.host_routes),
          isDhcp: subnet.enable_dhcp === 1,
          isSlaac: isAutoAddressed(subnet),
        };
      }),
      floatingIps: (floatingIps.get(port.id) ?? []).map((fip) => ({
        fixedAddress: fip.fixed_ip_address ?? '',
        address: fip.floating_ip_address,
      })),
      securityGroups: (groups.get(port.id) ?? []).map((id) => ({ id, name: names.get(id) ?? '' })),
      isUserPort: port.is_made_for_server === 0,
      status: port.status,
      isAdminUp: port.admin_state_up === 1,
    });
  }
  return byServer;
}

async function serverPorts(db: Db<NetworkTables>, serverIds: readonly string[]): Promise<PortRow[]> {
  return listPorts(db, { serverIds });
}

async function hostnameOf(write: Write, hostId: string | null): Promise<string> {
  return hostId === null ? '' : ((await findHost(write.tx, hostId))?.hostname ?? hostId);
}

/** Gives a port a device or a host; where that changes nothing, nothing happens. */
async function bindPort(
  write: Write,
  port: PortRow,
  binding: {
    readonly server_id?: string | null;
    readonly device_id?: string;
    readonly device_owner?: string;
    readonly host: string;
  },
): Promise<void> {
  const { tx } = write;
  const next = { ...port, ...binding };
  if (
    next.server_id === port.server_id &&
    next.device_id === port.device_id &&
    next.device_owner === port.device_owner &&
    next.host === port.host
  )
    return;
  const securityGroupIds = (await groupsOf(tx, [port.id])).get(port.id) ?? [];
  const touch = async (host: string): Promise<void> => {
    const joins = host !== '' && !(await hasOtherPortOnHost(tx, port.network_id, host, port.id));
    await touchPort(write, { networkId: port.network_id, host, securityGroupIds, joins });
  };
  await touch(port.host);
  await updatePortRow(tx, port.id, { ...binding, ...(next.host === port.host ? {} : { status: 'DOWN' as const }) });
  await touchRow(tx, 'ports', port.id, write.deps.clock.now().getTime());
  await touch(next.host);
}
