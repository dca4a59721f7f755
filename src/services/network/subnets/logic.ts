import { fromJson, toBit, toJson } from '#kernel/db/json.ts';
import { isUuidLike } from '#kernel/ids.ts';
import { badResource, conflict, hidden, invalidInput } from '../errors.ts';
import { ensureDhcp } from '../hosts/schedule.ts';
import { touchNetworks } from '../hosts/touch.ts';
import { getNetwork } from '../networks/store.ts';
import { addAutoAddresses } from '../ports/addresses.ts';
import { isAutoDeleted, isRouterPort } from '../ports/owners.ts';
import { findPortOfAddress, listPortsOfSubnet, removeAddresses } from '../ports/store.ts';
import type { Changes, NewValues } from '../resources/attributes.ts';
import { newRow, type Write } from '../resources/resource.ts';
import { touchRow } from '../resources/store.ts';
import { allocatePrefix, choosePool } from '../subnet-pools/allocate.ts';
import { checkSubnet, isAutoAddressed, refuseOverlap } from './check.ts';
import { checkPools, cidrOf, defaultGateway, defaultPools, refuseGatewayInPools } from './ranges.ts';
import type { subnetAttributes } from './schema.ts';
import { deleteSubnetRow, getSubnet, insertSubnet, listSubnetsOfNetwork, updateSubnetRow } from './store.ts';
import type { HostRoute, SubnetRow } from './tables.ts';

type New = NewValues<typeof subnetAttributes> & { readonly project_id: string };
type Update = Changes<typeof subnetAttributes>;

/** The prefix that stands for "whatever the provider delegates", which nobody does here. */
const DELEGATED_POOL = 'prefix_delegation';

/**
 * Makes a subnet, from a prefix that the caller names or one that a pool gives.
 * @throws {BadRequest} in neutron's words; {NotFound} for the network or pool.
 */
export async function createSubnet(write: Write, values: New): Promise<string> {
  const { tx, scope } = write;
  const network = await getNetwork(tx, scope, values.network_id);
  if (!scope.isAdmin && network.project_id !== values.project_id) throw hidden();
  const standard = newRow(write, values);
  const { cidr, poolId, ipVersion } = await choosePrefix(write, values);
  const gatewayIp = values.gateway_ip === undefined ? defaultGateway(cidrOf(cidr)) : values.gateway_ip;
  const routes = readRoutes(values.host_routes ?? []);
  checkSubnet({
    id: 'new subnet',
    ipVersion,
    cidr,
    gatewayIp,
    isDhcpEnabled: values.enable_dhcp,
    ipv6RaMode: values.ipv6_ra_mode ?? null,
    ipv6AddressMode: values.ipv6_address_mode ?? null,
    dnsNameservers: values.dns_nameservers ?? [],
    hostRoutes: routes,
  });
  const others = await listSubnetsOfNetwork(tx, network.id);
  refuseOverlap(network.id, cidr, others);
  if (ipVersion === 6 && network.mtu < 1280)
    throw conflict('NetworkMTUSubnetConflict', `MTU of ${network.id} is not valid, subnet requires a minimum of 1280`);
  const pools =
    values.allocation_pools === undefined
      ? defaultPools(cidrOf(cidr), gatewayIp)
      : checkPools(values.allocation_pools, cidr, gatewayIp);
  const row: SubnetRow = {
    ...standard,
    name: values.name,
    network_id: network.id,
    ip_version: ipVersion,
    cidr,
    gateway_ip: gatewayIp,
    enable_dhcp: toBit(values.enable_dhcp),
    ipv6_address_mode: values.ipv6_address_mode ?? null,
    ipv6_ra_mode: values.ipv6_ra_mode ?? null,
    subnetpool_id: poolId,
    dns_publish_fixed_ip: toBit(values.dns_publish_fixed_ip),
    allocation_pools: toJson(pools),
    dns_nameservers: toJson(values.dns_nameservers ?? []),
    host_routes: toJson(routes),
    service_types: toJson(checkServiceTypes(values.service_types ?? [])),
  };
  await insertSubnet(tx, row);
  if (isAutoAddressed(row)) await addAutoAddresses(write, row);
  await ensureDhcp(write, network.id);
  await touchRow(tx, 'networks', network.id, standard.updated_at);
  await touchNetworks(write, [network.id]);
  return row.id;
}

/** @throws {Conflict} when the gateway is a router's, or lies in a range. */
export async function updateSubnet(write: Write, id: string, changes: Update): Promise<void> {
  const { tx } = write;
  const row = await getSubnet(tx, { projectId: null, isAdmin: true }, id);
  const gatewayIp = changes.gateway_ip === undefined ? row.gateway_ip : changes.gateway_ip;
  const routes = changes.host_routes === undefined ? fromJson(row.host_routes) : readRoutes(changes.host_routes);
  const dns = changes.dns_nameservers ?? fromJson(row.dns_nameservers);
  const enableDhcp = changes.enable_dhcp ?? row.enable_dhcp === 1;
  if (!enableDhcp && row.enable_dhcp === 1 && (row.ipv6_ra_mode !== null || row.ipv6_address_mode !== null))
    throw invalidInput('Cannot disable enable_dhcp with ipv6 attributes set');
  checkSubnet({
    id,
    ipVersion: row.ip_version,
    cidr: row.cidr,
    gatewayIp,
    isDhcpEnabled: enableDhcp,
    ipv6RaMode: row.ipv6_ra_mode,
    ipv6AddressMode: row.ipv6_address_mode,
    dnsNameservers: dns,
    hostRoutes: routes,
  });
  if (gatewayIp !== row.gateway_ip) await refuseUsedGateway(write, row);
  const pools =
    changes.allocation_pools === undefined
      ? fromJson(row.allocation_pools)
      : checkPools(changes.allocation_pools, row.cidr, gatewayIp);
  if (changes.gateway_ip !== undefined) refuseGatewayInPools(pools, gatewayIp);
  await updateSubnetRow(tx, id, {
    gateway_ip: gatewayIp,
    allocation_pools: toJson(pools),
    dns_nameservers: toJson(dns),
    host_routes: toJson(routes),
    enable_dhcp: toBit(enableDhcp),
    ...(changes.name === undefined ? {} : { name: changes.name }),
    ...(changes.description === undefined ? {} : { description: changes.description }),
    ...(changes.service_types === undefined ? {} : { service_types: toJson(checkServiceTypes(changes.service_types)) }),
    ...(changes.dns_publish_fixed_ip === undefined
      ? {}
      : { dns_publish_fixed_ip: toBit(changes.dns_publish_fixed_ip) }),
  });
  const nowMs = write.deps.clock.now().getTime();
  await touchRow(tx, 'subnets', id, nowMs);
  await touchRow(tx, 'networks', row.network_id, nowMs);
  if (changes.enable_dhcp !== undefined) await ensureDhcp(write, row.network_id);
  await touchNetworks(write, [row.network_id]);
}

/** @throws {Conflict} `SubnetInUse` while a port that isn't the cloud's own has an address of it. */
export async function deleteSubnet(write: Write, id: string): Promise<void> {
  const { tx } = write;
  const row = await getSubnet(tx, { projectId: null, isAdmin: true }, id);
  const ports = await listPortsOfSubnet(tx, id);
  const isAuto = isAutoAddressed(row);
  const users = ports.filter(
    (port) => !isAutoDeleted(port.device_owner) && !(isAuto && !isRouterPort(port.device_owner)),
  );
  if (users.length > 0)
    throw conflict(
      'SubnetInUse',
      `Unable to complete operation on subnet ${id}: One or more ports have an IP allocation from this subnet.`,
    );
  await touchNetworks(write, [row.network_id]);
  await removeAddresses(tx, { subnetId: id });
  await deleteSubnetRow(tx, id);
  await ensureDhcp(write, row.network_id);
  await touchRow(tx, 'networks', row.network_id, write.deps.clock.now().getTime());
}

async function choosePrefix(
  write: Write,
  values: New,
): Promise<{ readonly cidr: string; readonly poolId: string | null; readonly ipVersion: 4 | 6 }> {
  const { cidr = null, prefixlen } = values;
  if (cidr !== null && prefixlen !== undefined)
    throw badResource('subnets', 'cidr and prefixlen must not be supplied together');
  const { subnetpool_id: wanted = null } = values;
  if (wanted === DELEGATED_POOL) throw badResource('subnets', 'IPv6 prefix delegation is not available');
  if (wanted !== null && !isUuidLike(wanted)) throw invalidInput(`'${wanted}' is not a valid UUID`);
  if (values.ip_version === undefined && wanted === null && values.use_default_subnetpool !== true)
    throw badResource('subnets', 'ip_version must be specified in the absence of a subnet pool');
  const version = values.ip_version ?? 4;
  const pool = await choosePool(write, {
    networkId: values.network_id,
    poolId: wanted,
    useDefault: values.use_default_subnetpool ?? false,
    ipVersion: values.ip_version,
    hasCidr: cidr !== null,
  });
  if (pool === undefined) {
    if (cidr === null) throw badResource('subnets', 'a subnetpool must be specified in the absence of a cidr');
    return { cidr, poolId: null, ipVersion: version };
  }
  const prefix = await allocatePrefix(write, pool, values.project_id, { cidr, prefixLength: prefixlen });
  return { cidr: prefix, poolId: pool.id, ipVersion: pool.ip_version };
}

/** @throws {Conflict} `GatewayIpInUse` while a router has the gateway's address. */
async function refuseUsedGateway(write: Write, row: SubnetRow): Promise<void> {
  if (row.gateway_ip === null) return;
  const port = await findPortOfAddress(write.tx, row.id, row.gateway_ip);
  if (port !== undefined && isRouterPort(port.device_owner))
    throw conflict(
      'GatewayIpInUse',
      `Current gateway ip ${row.gateway_ip} already in use by port ${port.id}. Unable to update.`,
    );
}

function readRoutes(
  routes: readonly { readonly destination?: string | undefined; readonly nexthop?: string | undefined }[],
): HostRoute[] {
  return routes.map(({ destination = '', nexthop = '' }) => ({ destination, nexthop }));
}

function checkServiceTypes(types: readonly string[]): readonly string[] {
  const bad = types.find((type) => !/^(?:network|compute|baremetal|trunk|distributed):[\w:.-]*$/.test(type));
  if (bad !== undefined) throw invalidInput(`Subnet service type ${bad} does not correspond to a valid device owner.`);
  return types;
}
