import { fromJson } from '#kernel/db/json.ts';
import { cidrHas } from '#kernel/net.ts';
import { badRequest, badResource, conflict, notFound } from '../errors.ts';
import { findNetwork, listSharedIds } from '../networks/store.ts';
import { allocateAddresses } from '../ports/addresses.ts';
import { makePort } from '../ports/make.ts';
import { deletePortRows } from '../ports/remove.ts';
import { addressesOf, getPort, listPorts, removeAddresses, setGroups, updatePortRow } from '../ports/store.ts';
import type { PortRow } from '../ports/tables.ts';
import { checkQuota } from '../quotas/logic.ts';
import type { Write } from '../resources/resource.ts';
import { touchRow } from '../resources/store.ts';
import { cidrOf, numberOf } from '../subnets/ranges.ts';
import { getSubnet, listSubnetsById } from '../subnets/store.ts';
import type { SubnetRow } from '../subnets/tables.ts';
import { finishChange } from './logic.ts';
import { refuseOverlaps } from './overlaps.ts';
import { getRouter, hasFloatingIpsInto, listInterfaceSubnets } from './store.ts';
import type { RouterRow } from './tables.ts';

type Interfaces = Awaited<ReturnType<typeof listInterfaceSubnets>>;

/** What both interface operations answer. */
export interface InterfaceInfo {
  readonly id: string;
  readonly tenant_id: string;
  readonly project_id: string;
  readonly port_id: string;
  readonly network_id: string;
  readonly subnet_id: string;
  readonly subnet_ids: readonly string[];
}

/** Joins a router to a network by a port that its project has. */
export async function addInterfaceByPort(write: Write, routerId: string, portId: string): Promise<InterfaceInfo> {
  const { tx } = write;
  const router = await getRouter(tx, routerId);
  const port = await getPort(tx, write.scope, portId);
  if (port.device_id !== '' || port.device_owner.startsWith('network:'))
    throw conflict(
      'PortInUse',
      `Unable to complete operation on port ${portId} for network ${port.network_id}. Port already has an attached device ${port.device_id}.`,
    );
  const addresses = (await addressesOf(tx, [portId])).get(portId) ?? [];
  if (addresses.length === 0) throw badResource('router', 'Router port must have at least one fixed IP');
  const subnets = await listSubnetsById(
    tx,
    addresses.map(({ subnet_id }) => subnet_id),
  );
  if (subnets.filter(({ ip_version }) => ip_version === 4).length > 1)
    throw badResource('router', 'Cannot have multiple IPv4 subnets on router port');
  const own = await listInterfaceSubnets(tx, routerId);
  refuseSecondIpv6Port(own, port.network_id, subnets);
  refuseOverlaps(own, subnets, routerId);
  refuseForeignAddresses(write, port, addresses, subnets);
  await updatePortRow(tx, portId, {
    device_id: routerId,
    device_owner: 'network:router_interface',
    port_security_enabled: 0,
  });
  await setGroups(tx, portId, []);
  await touchRow(tx, 'ports', portId, write.deps.clock.now().getTime());
  await finishChange(write, routerId);
  return info(
    router,
    { ...port, id: portId },
    subnets.map(({ id }) => id),
  );
}

/** Joins a router to a subnet, at the subnet's gateway address. */
export async function addInterfaceBySubnet(write: Write, routerId: string, subnetId: string): Promise<InterfaceInfo> {
  const { tx } = write;
  const router = await getRouter(tx, routerId);
  const subnet = await getSubnet(tx, write.scope, subnetId);
  if (subnet.gateway_ip === null) throw badResource('router', 'Subnet for router interface must have a gateway IP');
  await refuseForeignSubnet(write, subnet);
  const own = await listInterfaceSubnets(tx, routerId);
  refuseOverlaps(own, [subnet], routerId);
  const wish = { ip_address: subnet.gateway_ip, subnet_id: subnet.id };
  const sibling = subnet.ip_version === 6 ? await findIpv6Port(write, own, subnet.network_id) : undefined;
  if (sibling !== undefined) {
    const holder = {
      portId: sibling.id,
      networkId: sibling.network_id,
      macAddress: sibling.mac_address,
      deviceOwner: sibling.device_owner,
    };
    await allocateAddresses(write, holder, [wish], own.length);
    await touchRow(tx, 'ports', sibling.id, write.deps.clock.now().getTime());
    await finishChange(write, routerId);
    return info(router, sibling, [subnet.id]);
  }
  const network = await findNetwork(tx, subnet.network_id);
  await checkQuota(write.deps, tx, router.project_id, 'port', 'ports');
  const port = await makePort(write, {
    projectId: router.project_id,
    network: { id: subnet.network_id, port_security_enabled: network?.port_security_enabled ?? 1 },
    deviceId: routerId,
    deviceOwner: 'network:router_interface',
    fixedIps: [wish],
    securityGroupIds: [],
    hasPortSecurity: false,
  });
  await finishChange(write, routerId);
  return info(router, port, [subnet.id]);
}

/**
 * Takes a router off a network; the port goes with it.
 * @throws {Conflict} while floating IPs or routes need the interface.
 */
export async function removeInterface(
  write: Write,
  routerId: string,
  by: { readonly portId: string | undefined; readonly subnetId: string | undefined },
): Promise<InterfaceInfo> {
  const { tx } = write;
  const router = await getRouter(tx, routerId);
  const own = (await listInterfaceSubnets(tx, routerId)).filter(
    ({ device_owner }) => device_owner === 'network:router_interface',
  );
  const chosen = own.filter(
    (each) =>
      (by.portId === undefined || each.port_id === by.portId) &&
      (by.subnetId === undefined || each.subnet_id === by.subnetId),
  );
  if (by.portId !== undefined && !own.some(({ port_id }) => port_id === by.portId))
    throw notFound('RouterInterfaceNotFound', `Router ${routerId} does not have an interface with id ${by.portId}`);
  if (by.portId !== undefined && chosen.length === 0)
    throw badRequest(
      'SubnetMismatchForPort',
      `Subnet on port ${by.portId} does not match the requested subnet ${by.subnetId}.`,
    );
  if (by.portId === undefined && by.subnetId !== undefined) await getSubnet(tx, write.scope, by.subnetId);
  const first = chosen[0];
  if (first === undefined)
    throw notFound('RouterInterfaceNotFoundForSubnet', `Router ${routerId} has no interface on subnet ${by.subnetId}`);
  const leaving = by.portId === undefined ? [first] : own.filter(({ port_id }) => port_id === by.portId);
  for (const each of leaving) await refuseNeeded(write, router, each);
  const port = (await listPorts(tx, { ids: [first.port_id] }))[0];
  if (port === undefined) throw new Error('an address without a port');
  const isWhole = own.filter(({ port_id }) => port_id === first.port_id).length === leaving.length;
  if (isWhole) await deletePortRows(write, [port.id]);
  else await removeAddresses(tx, { portId: port.id, addresses: [first.address] });
  await finishChange(write, routerId);
  return info(
    router,
    port,
    leaving.map(({ subnet_id }) => subnet_id),
  );
}

function refuseSecondIpv6Port(own: Interfaces, networkId: string, subnets: readonly SubnetRow[]): void {
  if (!subnets.some(({ ip_version }) => ip_version === 6)) return;
  const other = own.find((each) => each.network_id === networkId && each.ip_version === 6);
  if (other !== undefined)
    throw badResource(
      'router',
      `Router already contains IPv6 port ${other.port_id} belonging to network id ${networkId}. Only one IPv6 port from the same network subnet can be connected to a router.`,
    );
}

/** Somebody else's subnet: only addresses that it gives out. */
function refuseForeignAddresses(
  write: Write,
  port: PortRow,
  addresses: readonly { readonly subnet_id: string; readonly address: string }[],
  subnets: readonly SubnetRow[],
): void {
  if (write.scope.isAdmin) return;
  for (const { subnet_id, address } of addresses) {
    const subnet = subnets.find(({ id }) => id === subnet_id);
    if (subnet === undefined || subnet.project_id === write.ctx.projectId) continue;
    const isGiven = fromJson(subnet.allocation_pools).some(
      ({ start, end }) => numberOf(start) <= numberOf(address) && numberOf(address) <= numberOf(end),
    );
    if (!isGiven)
      throw badResource(
        'router',
        `Cannot add interface to router because specified port ${port.id} has an IP address out of the allocation pool of subnet ${subnet_id}, which is not owned by the project making the request`,
      );
  }
}

async function refuseForeignSubnet(write: Write, subnet: SubnetRow): Promise<void> {
  if (write.scope.isAdmin || subnet.project_id === write.ctx.projectId) return;
  const shared = await listSharedIds(write.tx, 'network', [subnet.network_id], write.ctx.projectId);
  if (!shared.has(subnet.network_id))
    throw badResource(
      'router',
      `Cannot add interface to router because subnet ${subnet.id} is not owned by project making the request`,
    );
}

async function findIpv6Port(write: Write, own: Interfaces, networkId: string): Promise<PortRow | undefined> {
  const match = own.find(
    (each) =>
      each.network_id === networkId && each.ip_version === 6 && each.device_owner === 'network:router_interface',
  );
  return match === undefined ? undefined : (await listPorts(write.tx, { ids: [match.port_id] }))[0];
}

async function refuseNeeded(write: Write, router: RouterRow, leaving: Interfaces[number]): Promise<void> {
  if (fromJson(router.routes).some(({ nexthop }) => cidrHas(cidrOf(leaving.cidr), nexthop)))
    throw conflict(
      'RouterInterfaceInUseByRoute',
      `Router interface for subnet ${leaving.subnet_id} on router ${router.id} cannot be deleted, as it is required by one or more routes.`,
    );
  if (await hasFloatingIpsInto(write.tx, router.id, leaving.subnet_id))
    throw conflict(
      'RouterInterfaceInUseByFloatingIP',
      `Router interface for subnet ${leaving.subnet_id} on router ${router.id} cannot be deleted, as it is required by one or more floating IPs.`,
    );
}

function info(router: RouterRow, port: PortRow, subnetIds: readonly string[]): InterfaceInfo {
  return {
    id: router.id,
    tenant_id: port.project_id,
    project_id: port.project_id,
    port_id: port.id,
    network_id: port.network_id,
    subnet_id: subnetIds.at(-1) ?? '',
    subnet_ids: subnetIds,
  };
}
