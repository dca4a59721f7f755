import { parseAddress } from '#kernel/net.ts';
import { badRequest, badResource, conflict, notFound } from '../errors.ts';
import { revisionOfRouter, touchRouters } from '../hosts/touch.ts';
import { getNetwork } from '../networks/store.ts';
import { makePort } from '../ports/make.ts';
import { deletePortRows } from '../ports/remove.ts';
import { addressesOf, findPort, getPort } from '../ports/store.ts';
import type { PortRow } from '../ports/tables.ts';
import { tellCompute } from '../ports/tell.ts';
import type { Changes, NewValues } from '../resources/attributes.ts';
import { newRow, type Write } from '../resources/resource.ts';
import { deleteAttachments, touchRow } from '../resources/store.ts';
import { listRoutersBetween } from '../routers/store.ts';
import { listSubnetsById, listSubnetsOfNetwork } from '../subnets/store.ts';
import type { floatingIpAttributes } from './schema.ts';
import { deleteFloatingIpRow, findAssociation, getFloatingIp, insertFloatingIp, updateFloatingIpRow } from './store.ts';
import type { FloatingIpRow } from './tables.ts';

type New = NewValues<typeof floatingIpAttributes> & { readonly project_id: string };

/** Where a floating IP leads. */
interface Association {
  readonly port: PortRow;
  readonly address: string;
  readonly routerId: string;
}

/**
 * Takes an address of an external network for the project, and leads it to a port when one is named.
 * @throws {Conflict} when no address is left or the port's address has one already; {NotFound} when no router joins them.
 */
export async function createFloatingIp(write: Write, values: New): Promise<string> {
  const { tx } = write;
  const network = await getNetwork(tx, write.scope, values.floating_network_id);
  if (network.is_external === 0)
    throw badResource('floatingip', `Network ${network.id} is not a valid external network`);
  const subnets = (await listSubnetsOfNetwork(tx, network.id)).filter(({ ip_version }) => ip_version === 4);
  if (subnets.length === 0) throw badResource('floatingip', `Network ${network.id} does not contain any IPv4 subnet`);
  const standard = newRow(write, values);
  const external = await makePort(write, {
    projectId: '',
    network,
    deviceId: standard.id,
    deviceOwner: 'network:floatingip',
    fixedIps: wishOf(values),
    securityGroupIds: [],
    hasPortSecurity: false,
    status: 'N/A',
  });
  const address = external.addresses.find((each) => parseAddress(each.address)?.version === 4);
  if (address === undefined)
    throw badRequest('ExternalIpAddressExhausted', `Unable to find any IP address on external network ${network.id}.`);
  const row: FloatingIpRow = {
    ...standard,
    floating_network_id: network.id,
    floating_ip_address: address.address,
    floating_port_id: external.id,
    fixed_port_id: null,
    fixed_ip_address: null,
    router_id: null,
    status: 'DOWN',
    desired_revision: 0,
    dns_name: values.dns_name,
    dns_domain: values.dns_domain,
  };
  await insertFloatingIp(tx, row);
  await associate(write, row, values.port_id, values.fixed_ip_address);
  return row.id;
}

/** Leads a floating IP to another port, or nowhere; without `port_id` only the description changes. */
export async function updateFloatingIp(
  write: Write,
  id: string,
  changes: Changes<typeof floatingIpAttributes>,
): Promise<void> {
  const row = await getFloatingIp(write.tx, id);
  if (changes.description !== undefined) await updateFloatingIpRow(write.tx, id, { description: changes.description });
  if (changes.port_id === undefined && changes.fixed_ip_address !== undefined && changes.fixed_ip_address !== null)
    throw badResource('floatingip', 'fixed_ip_address cannot be specified without a port_id');
  if (changes.port_id !== undefined) await associate(write, row, changes.port_id, changes.fixed_ip_address);
  await touchRow(write.tx, 'floating_ips', id, write.deps.clock.now().getTime());
}

export async function deleteFloatingIp(write: Write, id: string): Promise<void> {
  const row = await getFloatingIp(write.tx, id);
  await dissociate(write, row);
  await deleteAttachments(write.tx, id);
  await deleteFloatingIpRow(write.tx, id);
  await deletePortRows(write, [row.floating_port_id]);
}

function wishOf(values: New): { readonly subnet_id?: string; readonly ip_address?: string }[] | undefined {
  const { subnet_id: subnetId, floating_ip_address: address } = values;
  if (subnetId === null && address === null) return undefined;
  return [
    { ...(subnetId === null ? {} : { subnet_id: subnetId }), ...(address === null ? {} : { ip_address: address }) },
  ];
}

async function associate(
  write: Write,
  row: FloatingIpRow,
  portId: string | null | undefined,
  fixedAddress: string | null | undefined,
): Promise<void> {
  if (portId === null || portId === undefined) {
    if (fixedAddress !== null && fixedAddress !== undefined)
      throw badResource('floatingip', 'fixed_ip_address cannot be specified without a port_id');
    return dissociate(write, row);
  }
  const found = await findAssociationFor(write, row, portId, fixedAddress ?? null);
  if (row.fixed_port_id === portId && row.fixed_ip_address === found.address && row.router_id === found.routerId)
    return;
  const other = await findAssociation(write.tx, row.floating_network_id, portId, found.address);
  const alreadyHas = () =>
    conflict(
      'FloatingIPPortAlreadyAssociated',
      `Cannot associate floating IP ${row.floating_ip_address} (${row.id}) with port ${portId} using fixed IP ${found.address}, as that fixed IP already has a floating IP on external network ${row.floating_network_id}.`,
    );
  if (other !== undefined && other.id !== row.id) throw alreadyHas();
  await dissociate(write, row);
  const isFree = await updateFloatingIpRow(write.tx, row.id, {
    fixed_port_id: portId,
    fixed_ip_address: found.address,
    router_id: found.routerId,
    status: 'DOWN',
  });
  if (!isFree) throw alreadyHas();
  await touchRouters(write, [found.routerId]);
  await updateFloatingIpRow(write.tx, row.id, { desired_revision: await revisionOfRouter(write, found.routerId) });
  await tellCompute(write, found.port);
}

async function dissociate(write: Write, row: FloatingIpRow): Promise<void> {
  if (row.fixed_port_id === null) return;
  const port = await findPort(write.tx, row.fixed_port_id);
  await updateFloatingIpRow(write.tx, row.id, {
    fixed_port_id: null,
    fixed_ip_address: null,
    router_id: null,
    status: 'DOWN',
  });
  if (row.router_id !== null) await touchRouters(write, [row.router_id]);
  if (port !== undefined) await tellCompute(write, port);
}

/** The port's address that is meant, and the router on the way to it. */
async function findAssociationFor(
  write: Write,
  row: FloatingIpRow,
  portId: string,
  fixedAddress: string | null,
): Promise<Association> {
  const port = await getPort(write.tx, write.scope, portId);
  if (port.project_id !== row.project_id && !write.scope.isAdmin)
    throw badResource(
      'floatingip',
      `Cannot process floating IP association with Port ${portId}, since that port is owned by a different tenant`,
    );
  if (port.device_owner === 'network:dhcp' || port.device_owner === 'network:floatingip')
    throw badResource('floatingip', `Port ${portId} is unable to be assigned a floating IP`);
  if (fixedAddress !== null && parseAddress(fixedAddress)?.version !== 4)
    throw badResource(
      'floatingip',
      `Cannot process floating IP association with ${fixedAddress}, since that is not an IPv4 address`,
    );
  const addresses = ((await addressesOf(write.tx, [portId])).get(portId) ?? []).filter(
    ({ address }) => parseAddress(address)?.version === 4,
  );
  const chosen =
    fixedAddress === null ? onlyAddress(portId, addresses) : addresses.find(({ address }) => address === fixedAddress);
  if (chosen === undefined) throw badResource('floatingip', `Port ${portId} does not have fixed ip ${fixedAddress}`);
  const routerId = await findRouterFor(write, row, portId, chosen.subnet_id);
  return { port, address: chosen.address, routerId };
}

function onlyAddress<T>(portId: string, addresses: readonly T[]): T {
  const [first, second] = addresses;
  if (first === undefined)
    throw badResource('floatingip', `Cannot add floating IP to port ${portId} that has no fixed IPv4 addresses`);
  if (second !== undefined)
    throw badResource(
      'floatingip',
      `Port ${portId} has multiple fixed IPv4 addresses.  Must provide a specific IPv4 address when assigning a floating IP`,
    );
  return first;
}

/** The router at the subnet's gateway address if there is one, or any that joins the two. */
async function findRouterFor(write: Write, row: FloatingIpRow, portId: string, subnetId: string): Promise<string> {
  const routers = await listRoutersBetween(write.tx, subnetId, row.floating_network_id);
  const subnet = (await listSubnetsById(write.tx, [subnetId]))[0];
  const best = routers.find(({ address }) => address === subnet?.gateway_ip) ?? routers[0];
  if (best === undefined)
    throw notFound(
      'ExternalGatewayForFloatingIPNotFound',
      `External network ${row.floating_network_id} is not reachable from subnet ${subnetId}.  Therefore, cannot associate Port ${portId} with a Floating IP.`,
    );
  return best.router_id;
}
