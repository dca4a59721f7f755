import { fromJson, toBit } from '#kernel/db/json.ts';
import { cidrHas } from '#kernel/net.ts';
import { badResource, conflict } from '../errors.ts';
import { getNetwork } from '../networks/store.ts';
import { makePort } from '../ports/make.ts';
import { deletePortRows } from '../ports/remove.ts';
import { addressesOf, findPort } from '../ports/store.ts';
import type { Write } from '../resources/resource.ts';
import { cidrOf } from '../subnets/ranges.ts';
import { listSubnetsOfNetwork } from '../subnets/store.ts';
import { refuseOverlaps } from './overlaps.ts';
import { hasFloatingIps, listInterfaceSubnets, updateRouterRow } from './store.ts';
import type { RouterRow } from './tables.ts';

export interface GatewayWish {
  readonly network_id: string;
  readonly enable_snat?: boolean | undefined;
  readonly external_fixed_ips?:
    | readonly { readonly subnet_id?: string | undefined; readonly ip_address?: string | undefined }[]
    | undefined;
}

/**
 * Gives a router its way out. The same network with no other addresses changes nothing but NAT.
 * @throws {BadRequest} for a network that isn't external; {Conflict} when floating IPs need the old one.
 */
export async function setGateway(write: Write, row: RouterRow, wish: GatewayWish): Promise<void> {
  const { tx } = write;
  const network = await getNetwork(tx, write.scope, wish.network_id);
  if (network.is_external === 0) throw badResource('router', `Network ${network.id} is not an external network`);
  const subnets = await listSubnetsOfNetwork(tx, network.id);
  const wanted = wish.external_fixed_ips ?? [];
  for (const { ip_address: address } of wanted) {
    if (address !== undefined && subnets.some((subnet) => subnet.gateway_ip === address))
      throw badResource('router', `External IP ${address} is the same as the gateway IP`);
  }
  const current = row.gateway_port_id === null ? undefined : await findPort(tx, row.gateway_port_id);
  await updateRouterRow(tx, row.id, { enable_snat: toBit(wish.enable_snat ?? true) });
  if (current?.network_id === network.id && !(await differs(write, current.id, wanted))) return;
  if (current !== undefined && current.network_id !== network.id) await refuseInUse(write, row.id, current.network_id);
  if (current !== undefined) await dropPort(write, row.id, current.id);
  const own = await listInterfaceSubnets(tx, row.id);
  refuseOverlaps(own, subnets, row.id);
  const port = await makePort(write, {
    projectId: '',
    network,
    deviceId: row.id,
    deviceOwner: 'network:router_gateway',
    fixedIps: wanted.length > 0 ? wanted : undefined,
    securityGroupIds: [],
    hasPortSecurity: false,
  });
  if (port.addresses.length === 0 && subnets.length > 0)
    throw badResource('router', `No IPs available for external network ${network.id}`);
  await updateRouterRow(tx, row.id, { gateway_port_id: port.id });
}

/** @throws {Conflict} when floating IPs or routes need the gateway. */
export async function clearGateway(write: Write, row: RouterRow): Promise<void> {
  if (row.gateway_port_id === null) return;
  const port = await findPort(write.tx, row.gateway_port_id);
  await refuseInUse(write, row.id, port?.network_id ?? '');
  const external = (await listInterfaceSubnets(write.tx, row.id)).filter(
    (each) => each.port_id === row.gateway_port_id,
  );
  const needed = fromJson(row.routes).find(({ nexthop }) =>
    external.some(({ cidr }) => cidrHas(cidrOf(cidr), nexthop)),
  );
  if (needed !== undefined)
    throw conflict(
      'RouterInUse',
      `Router ${row.id} gateway cannot be removed, as the route to ${needed.destination} goes through it`,
    );
  await dropPort(write, row.id, row.gateway_port_id);
}

async function dropPort(write: Write, routerId: string, portId: string): Promise<void> {
  await updateRouterRow(write.tx, routerId, { gateway_port_id: null });
  await deletePortRows(write, [portId]);
}

async function refuseInUse(write: Write, routerId: string, networkId: string): Promise<void> {
  if (await hasFloatingIps(write.tx, routerId))
    throw conflict(
      'RouterExternalGatewayInUseByFloatingIp',
      `Gateway cannot be updated for router ${routerId}, since a gateway to external network ${networkId} is required by one or more floating IPs.`,
    );
}

/** Whether other addresses are wished for than the port has. */
async function differs(
  write: Write,
  portId: string,
  wanted: NonNullable<GatewayWish['external_fixed_ips']>,
): Promise<boolean> {
  if (wanted.length === 0) return false;
  const current = (await addressesOf(write.tx, [portId])).get(portId) ?? [];
  if (wanted.length !== current.length) return true;
  return wanted.some(
    (wish) =>
      !current.some(
        ({ subnet_id, address }) =>
          (wish.subnet_id === undefined || wish.subnet_id === subnet_id) &&
          (wish.ip_address === undefined || wish.ip_address === address),
      ),
  );
}
