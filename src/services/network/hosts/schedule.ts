/**
 * Which host serves DHCP for a network and which does a router's work.
 *
 * Theory of operation. Each is one row: `dhcp_bindings` and `routers.host_id`. They are chosen when something is there to serve,
 * in the transaction that made it, among hosts that have reported lately and can carry the networks; where none can, the next
 * report or look (`supervise.ts`) does it. A host that is silent loses what it had to another one. The DHCP server's
 * port, and routers' ports, are bound to the host, so that everybody finds them where neutron's clients expect them.
 */
import { createHash } from 'node:crypto';
import { fromJson } from '#kernel/db/json.ts';
import { HOST_DOWN_MS } from '#protocol/controller.ts';
import { deactivateFloatingIps } from '../floating-ips/store.ts';
import { findNetwork } from '../networks/store.ts';
import type { NetworkRow } from '../networks/tables.ts';
import { allocateAddresses } from '../ports/addresses.ts';
import { makePort } from '../ports/make.ts';
import { deletePortRows } from '../ports/remove.ts';
import { addressesOf, countAddressesOf, listPorts, removeAddresses, updatePortRow } from '../ports/store.ts';
import type { PortRow } from '../ports/tables.ts';
import type { Write } from '../resources/resource.ts';
import { getRouter, listInterfaceSubnets, setRouterPortHosts, updateRouterRow } from '../routers/store.ts';
import { isAutoAddressed } from '../subnets/check.ts';
import { numericRanges } from '../subnets/ranges.ts';
import { listSubnetsOfNetwork } from '../subnets/store.ts';
import type { SubnetRow } from '../subnets/tables.ts';
import {
  bindDhcp,
  dhcpLoads,
  listDhcpBindings,
  listDisabledHostIds,
  listHosts,
  routerLoads,
  unbindDhcp,
} from './store.ts';
import type { NetworkHostRow } from './tables.ts';
import { revisionOfHost, touchHosts, touchNetworks } from './touch.ts';

export const DHCP_AGENT = 'DHCP agent';
export const L3_AGENT = 'L3 agent';

/** RFC 4122's name space for DNS names: neutron names DHCP ports after it. */
const DNS_NAMESPACE = '6ba7b8109dad11d180b400c04fd430c8';

export function isAlive(host: Pick<NetworkHostRow, 'seen_at'>, nowMs: number): boolean {
  return nowMs - host.seen_at < HOST_DOWN_MS;
}

/** Makes the network's DHCP server what its subnets want: bound to a host, with an address in each, or gone. */
export async function ensureDhcp(write: Write, networkId: string): Promise<void> {
  const network = await findNetwork(write.tx, networkId);
  if (network === undefined) return;
  const subnets = (await listSubnetsOfNetwork(write.tx, networkId)).filter(({ enable_dhcp }) => enable_dhcp === 1);
  if (subnets.length === 0) return endDhcp(write, networkId);
  const bound = (await listDhcpBindings(write.tx, { networkIds: [networkId] }))[0];
  const host = bound === undefined ? await bindToSomeHost(write, network) : await findAnyHost(write, bound.host_id);
  if (host === undefined) return;
  const port = (await listDhcpPorts(write, networkId))[0];
  if (port === undefined) await makeDhcpPort(write, network, host, await withRoom(write, subnets));
  else await serveSubnets(write, port, subnets);
}

/** Moves a network's DHCP server to another host. */
export async function moveDhcp(write: Write, networkId: string, host: NetworkHostRow): Promise<void> {
  await touchNetworks(write, [networkId]);
  await unbindDhcp(write.tx, networkId);
  await bindDhcp(write.tx, networkId, host.id);
  for (const port of await listDhcpPorts(write, networkId))
    await updatePortRow(write.tx, port.id, {
      host: host.hostname,
      device_id: dhcpDeviceId(host.hostname, networkId),
      status: 'DOWN',
    });
  await ensureDhcp(write, networkId);
  await touchNetworks(write, [networkId]);
  await touchHosts(write, [host.id]);
}

/** Takes the network's DHCP server and its port away. */
export async function removeDhcp(write: Write, networkId: string): Promise<void> {
  const ports = await listDhcpPorts(write, networkId);
  const bindings = await listDhcpBindings(write.tx, { networkIds: [networkId] });
  if (ports.length === 0 && bindings.length === 0) return;
  await touchNetworks(write, [networkId]);
  await deletePortRows(
    write,
    ports.map(({ id }) => id),
  );
  await unbindDhcp(write.tx, networkId);
}

/** Gives a router a host when it has none, and binds its ports to the host that it has. */
export async function ensureRouterHost(write: Write, routerId: string): Promise<void> {
  const router = await getRouter(write.tx, routerId);
  const hosts = await listHosts(write.tx);
  const current = hosts.find(({ id }) => id === router.host_id);
  const host = current ?? (await chooseRouterHost(write, routerId, hosts));
  if (host === undefined) return;
  await placeRouter(write, routerId, host);
}

/** Puts a router on a host; the one that it leaves is told. */
export async function placeRouter(write: Write, routerId: string, host: NetworkHostRow): Promise<void> {
  const router = await getRouter(write.tx, routerId);
  const networkIds = [...new Set((await listInterfaceSubnets(write.tx, routerId)).map((each) => each.network_id))];
  if (router.host_id !== host.id) {
    await touchNetworks(write, networkIds);
    if (router.host_id !== null) await touchHosts(write, [router.host_id]);
  }
  await updateRouterRow(write.tx, routerId, { host_id: host.id });
  await setRouterPortHosts(write.tx, routerId, host.hostname);
  await touchHosts(write, [host.id]);
  if (router.host_id !== host.id)
    await deactivateFloatingIps(write.tx, [routerId], await revisionOfHost(write, host.id));
  await touchNetworks(write, networkIds);
}

/** A router without ports needs no host. */
export async function releaseRouterHost(write: Write, routerId: string): Promise<void> {
  const router = await getRouter(write.tx, routerId);
  if (router.host_id === null) return;
  await touchHosts(write, [router.host_id]);
  await updateRouterRow(write.tx, routerId, { host_id: null });
}

/** The live host with the fewest routers that has all the router's physical networks. */
export async function chooseRouterHost(
  write: Write,
  routerId: string,
  hosts: readonly NetworkHostRow[],
): Promise<NetworkHostRow | undefined> {
  const networks: NetworkRow[] = [];
  for (const id of new Set((await listInterfaceSubnets(write.tx, routerId)).map((each) => each.network_id))) {
    const network = await findNetwork(write.tx, id);
    if (network !== undefined) networks.push(network);
  }
  const able = await ableHosts(write, hosts, L3_AGENT, networks);
  return leastLoaded(able, await routerLoads(write.tx));
}

/** The live host with the fewest DHCP servers that has the network's physical network. */
export async function chooseDhcpHost(write: Write, network: NetworkRow): Promise<NetworkHostRow | undefined> {
  const able = await ableHosts(write, await listHosts(write.tx), DHCP_AGENT, [network]);
  return leastLoaded(able, await dhcpLoads(write.tx));
}

/** `dhcp<uuid of the host's name>-<network>`, as neutron names the device of a DHCP port. */
export function dhcpDeviceId(hostname: string, networkId: string): string {
  const hash = createHash('sha1').update(Buffer.from(DNS_NAMESPACE, 'hex')).update(hostname).digest();
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x50;
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80;
  const hex = hash.toString('hex', 0, 16);
  const uuid = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
  return `dhcp${uuid}-${networkId}`;
}

/** Ends the DHCP server of a network whose subnets no longer want one; a host that was given it for later keeps it. */
async function endDhcp(write: Write, networkId: string): Promise<void> {
  const ports = await listDhcpPorts(write, networkId);
  if (ports.length > 0) await removeDhcp(write, networkId);
}

/** The DHCP server's ports: only the cloud binds one, so that a network's owner cannot pass off his own for it. */
async function listDhcpPorts(write: Write, networkId: string): Promise<PortRow[]> {
  const ports = await listPorts(write.tx, { networkIds: [networkId], deviceOwners: ['network:dhcp'] });
  return ports.filter(({ host }) => host !== '');
}

async function bindToSomeHost(write: Write, network: NetworkRow): Promise<NetworkHostRow | undefined> {
  const host = await chooseDhcpHost(write, network);
  if (host === undefined) return undefined;
  await bindDhcp(write.tx, network.id, host.id);
  await touchNetworks(write, [network.id]);
  return host;
}

async function findAnyHost(write: Write, hostId: string): Promise<NetworkHostRow | undefined> {
  return (await listHosts(write.tx)).find(({ id }) => id === hostId);
}

async function ableHosts(
  write: Write,
  hosts: readonly NetworkHostRow[],
  agentType: string,
  networks: readonly NetworkRow[],
): Promise<NetworkHostRow[]> {
  const nowMs = write.deps.clock.now().getTime();
  const disabled = await listDisabledHostIds(write.tx, agentType);
  return hosts.filter((host) => isAlive(host, nowMs) && !disabled.has(host.id) && carries(host, networks));
}

function carries(host: NetworkHostRow, networks: readonly NetworkRow[]): boolean {
  const physical = fromJson(host.physical_networks);
  return networks.every(
    ({ physical_network: name }) => name === null || host.driver === 'fake' || Object.hasOwn(physical, name),
  );
}

function leastLoaded(hosts: readonly NetworkHostRow[], loads: ReadonlyMap<string, number>): NetworkHostRow | undefined {
  return hosts.toSorted((a, b) => (loads.get(a.id) ?? 0) - (loads.get(b.id) ?? 0) || (a.id < b.id ? -1 : 1))[0];
}

/** Subnets with an address left for the DHCP server: a full one is served without. */
async function withRoom(write: Write, subnets: readonly SubnetRow[]): Promise<SubnetRow[]> {
  const used = await countAddressesOf(
    write.tx,
    subnets.map(({ id }) => id),
  );
  return subnets.filter((subnet) => {
    if (isAutoAddressed(subnet)) return false;
    const ranges = numericRanges(fromJson(subnet.allocation_pools));
    const size = ranges.reduce((sum, { first, last }) => sum + last - first + 1n, 0n);
    return size > BigInt(used.get(subnet.id) ?? 0);
  });
}

async function makeDhcpPort(
  write: Write,
  network: NetworkRow,
  host: NetworkHostRow,
  subnets: readonly SubnetRow[],
): Promise<void> {
  await makePort(write, {
    projectId: network.project_id,
    network,
    deviceId: dhcpDeviceId(host.hostname, network.id),
    deviceOwner: 'network:dhcp',
    fixedIps: subnets.map(({ id }) => ({ subnet_id: id })),
    securityGroupIds: [],
    hasPortSecurity: false,
    host: host.hostname,
  });
}

/** Gives the DHCP port an address in each subnet that it is to serve, and takes the others. */
async function serveSubnets(
  write: Write,
  port: { readonly id: string; readonly network_id: string; readonly mac_address: string },
  subnets: readonly SubnetRow[],
): Promise<void> {
  const current = (await addressesOf(write.tx, [port.id])).get(port.id) ?? [];
  const served = new Set(subnets.map(({ id }) => id));
  const gone = current.filter(({ subnet_id }) => !served.has(subnet_id)).map(({ address }) => address);
  await removeAddresses(write.tx, { portId: port.id, addresses: gone });
  const missing = subnets.filter(({ id }) => !current.some(({ subnet_id }) => subnet_id === id));
  const wishes = (await withRoom(write, missing)).map(({ id }) => ({ subnet_id: id }));
  if (missing.length === 0) return;
  const holder = {
    portId: port.id,
    networkId: port.network_id,
    macAddress: port.mac_address,
    deviceOwner: 'network:dhcp',
  };
  await allocateAddresses(write, holder, wishes, current.length);
}
