import type { Db } from '#kernel/db/database.ts';
import { fromJson } from '#kernel/db/json.ts';
import { ICMPV6 } from '#kernel/ip-protocols.ts';
import { parseAddress } from '#kernel/net.ts';
import { tapName } from '#protocol/devices.ts';
import type {
  DesiredDhcp,
  DesiredNetwork,
  DesiredNetworks,
  DesiredPort,
  DesiredRouter,
  DesiredSecurityGroup,
  DesiredSubnet,
} from '#protocol/networks.ts';
import { listAddressGroupsById } from '../address-groups/store.ts';
import type { NetworkDeps } from '../deps.ts';
import { listFloatingIpsOfRouters } from '../floating-ips/store.ts';
import { listNetworksById } from '../networks/store.ts';
import type { NetworkRow } from '../networks/tables.ts';
import { addressesOf, groupsOf, listPorts } from '../ports/store.ts';
import type { PortAddressRow, PortRow } from '../ports/tables.ts';
import { defaultHostname } from '../ports/view.ts';
import { listRoutersOfHost } from '../routers/store.ts';
import type { RouterRow } from '../routers/tables.ts';
import { listRulesOf } from '../security-groups/store.ts';
import type { SecurityGroupRuleRow } from '../security-groups/tables.ts';
import { normalizedCidr, protocolNumber } from '../security-groups/values.ts';
import { isAutoAddressed } from '../subnets/check.ts';
import { cidrOf } from '../subnets/ranges.ts';
import { listSubnetsOfNetworks } from '../subnets/store.ts';
import type { SubnetRow } from '../subnets/tables.ts';
import type { NetworkTables } from '../tables.ts';
import type { SharedNetwork } from './shared.ts';
import {
  findHost,
  listDhcpBindings,
  listLeaseholders,
  listMemberAddresses,
  listPlaces,
  listRoutedNetworkIds,
  listServerPortsOfHost,
  type Place,
} from './store.ts';
import { networksTopic } from './touch.ts';

type Addresses = ReadonlyMap<string, readonly PortAddressRow[]>;
type Subnets = ReadonlyMap<string, SubnetRow>;

/**
 * All that a host's networks must be, with a number of queries that doesn't depend on how much that is; what other hosts are told alike
 * is kept from one to the next (`shared.ts`). The revision is read first: what changes meanwhile has a later one, and is asked for again.
 */
export async function desiredNetworks(deps: NetworkDeps, hostId: string): Promise<DesiredNetworks> {
  const { db } = deps;
  const revision = await deps.revisions.current(db, networksTopic(hostId));
  const host = await findHost(db, hostId);
  if (host === undefined) return { revision, networks: [], ports: [], securityGroups: [], routers: [] };
  const ports = await listServerPortsOfHost(db, host.hostname);
  const routers = await listRoutersOfHost(db, hostId);
  const routerPorts = await listPorts(db, {
    deviceIds: routers.map(({ id }) => id),
    deviceOwners: ['network:router_interface', 'network:router_gateway'],
  });
  const bound = (await listDhcpBindings(db, { hostIds: [hostId] })).map(({ network_id }) => network_id);
  const dhcpPorts = await listPorts(db, { networkIds: bound, deviceOwners: ['network:dhcp'], host: host.hostname });
  const served = [...new Set(dhcpPorts.map(({ network_id }) => network_id))];
  const networkIds = [...new Set([...[...ports, ...routerPorts].map(({ network_id }) => network_id), ...served])];
  const networks = await deps.shared.networks.list(db, networkIds.toSorted());
  const subnetRows = networks.flatMap(({ subnets: own }) => own);
  const leaseholders = await listLeaseholders(db, served);
  const addresses = await addressesOf(
    db,
    [...ports, ...routerPorts, ...dhcpPorts, ...leaseholders].map(({ id }) => id),
  );
  const groups = await groupsOf(
    db,
    ports.map(({ id }) => id),
  );
  const subnets: Subnets = new Map(subnetRows.map((subnet) => [subnet.id, subnet]));
  const routed = await listRoutedNetworkIds(db, served);
  return {
    revision,
    networks: networks.map((network) =>
      renderNetwork(deps, network.row, {
        subnets: network.subnets,
        peers: peersOf(network.places, hostId),
        dhcpPort: dhcpPorts.find(({ network_id }) => network_id === network.id),
        leaseholders: leaseholders.filter(({ network_id }) => network_id === network.id),
        addresses,
        isRouted: routed.has(network.id),
      }),
    ),
    ports: ports.map((port) => renderPort(port, addresses, groups.get(port.id) ?? [])),
    securityGroups: await deps.shared.groups.list(db, [...new Set([...groups.values()].flat())].toSorted()),
    routers: await renderRouters(deps, routers, routerPorts, addresses, subnets),
  };
}

/** Reads networks with their subnets and where they are. */
export async function readSharedNetworks(
  db: Db<NetworkTables>,
  networkIds: readonly string[],
): Promise<SharedNetwork[]> {
  const rows = await listNetworksById(db, networkIds);
  const subnets = Map.groupBy(await listSubnetsOfNetworks(db, networkIds), (subnet) => subnet.network_id);
  const places = Map.groupBy(await listPlaces(db, networkIds), (place) => place.network_id);
  return rows.map((row) => ({
    id: row.id,
    row,
    subnets: subnets.get(row.id) ?? [],
    places: places.get(row.id) ?? [],
  }));
}

/** The tunnel addresses of a network's other hosts. */
function peersOf(places: readonly Place[], hostId: string): string[] {
  const addresses = places.flatMap((place) => (place.host_id === hostId ? [] : (place.tunnel_address ?? [])));
  return [...new Set(addresses)].toSorted();
}

interface NetworkParts {
  readonly subnets: readonly SubnetRow[];
  readonly peers: readonly string[];
  readonly dhcpPort: PortRow | undefined;
  readonly leaseholders: readonly PortRow[];
  readonly addresses: Addresses;
  readonly isRouted: boolean;
}

function renderNetwork(deps: NetworkDeps, network: NetworkRow, parts: NetworkParts): DesiredNetwork {
  const isTunnel = network.network_type === 'vxlan' || network.network_type === 'gre';
  return {
    id: network.id,
    projectId: network.project_id,
    type: network.network_type,
    physicalNetwork: network.physical_network,
    segmentationId: network.segmentation_id,
    mtu: network.mtu,
    tunnelPeers: isTunnel ? parts.peers : [],
    subnets: parts.subnets.map(renderSubnet),
    dhcp:
      parts.dhcpPort === undefined || network.admin_state_up === 0
        ? null
        : renderDhcp(deps, network, parts.dhcpPort, parts),
  };
}

function renderSubnet(subnet: SubnetRow): DesiredSubnet {
  return {
    id: subnet.id,
    ipVersion: subnet.ip_version,
    cidr: subnet.cidr,
    gatewayIp: subnet.gateway_ip,
    isDhcpEnabled: subnet.enable_dhcp === 1,
    ipv6AddressMode: subnet.ipv6_address_mode,
    ipv6RaMode: subnet.ipv6_ra_mode,
    dnsNameservers: fromJson(subnet.dns_nameservers),
    hostRoutes: fromJson(subnet.host_routes),
  };
}

function renderDhcp(deps: NetworkDeps, network: NetworkRow, port: PortRow, parts: NetworkParts): DesiredDhcp {
  const leasing = new Set(
    parts.subnets.filter((subnet) => subnet.enable_dhcp === 1 && !isAutoAddressed(subnet)).map(({ id }) => id),
  );
  const fixedIps = (id: string) =>
    (parts.addresses.get(id) ?? []).map(({ subnet_id, address }) => ({ subnetId: subnet_id, address }));
  return {
    portId: port.id,
    macAddress: port.mac_address,
    fixedIps: fixedIps(port.id),
    leaseTime: deps.options.leaseSeconds,
    dnsDomain: (network.dns_domain || deps.options.dnsDomain).replace(/\.$/, ''),
    servesMetadata: !parts.isRouted,
    leases: parts.leaseholders.flatMap((holder) => {
      const leased = fixedIps(holder.id).filter(({ subnetId }) => leasing.has(subnetId));
      const first = leased[0];
      if (first === undefined || holder.admin_state_up === 0) return [];
      return {
        portId: holder.id,
        macAddress: holder.mac_address,
        hostname: holder.dns_name === '' ? defaultHostname(first.address) : holder.dns_name,
        fixedIps: leased,
        options: fromJson(holder.extra_dhcp_opts).map(({ opt_name, opt_value, ip_version }) => ({
          name: opt_name,
          value: opt_value,
          ipVersion: ip_version,
        })),
      };
    }),
  };
}

function renderPort(port: PortRow, addresses: Addresses, groupIds: readonly string[]): DesiredPort {
  return {
    id: port.id,
    networkId: port.network_id,
    guestId: port.server_id ?? '',
    deviceName: tapName(port.id),
    macAddress: port.mac_address,
    fixedIps: (addresses.get(port.id) ?? []).map(({ subnet_id, address }) => ({ subnetId: subnet_id, address })),
    allowedAddressPairs: fromJson(port.allowed_address_pairs).map((pair) => ({
      macAddress: pair.mac_address,
      cidr: asCidr(pair.ip_address),
    })),
    isAdminUp: port.admin_state_up === 1,
    hasPortSecurity: port.port_security_enabled === 1,
    securityGroupIds: groupIds.toSorted(),
  };
}

/** Reads groups with all their rules, and the addresses of whoever those name. */
export async function readSharedGroups(
  db: Db<NetworkTables>,
  groupIds: readonly string[],
): Promise<DesiredSecurityGroup[]> {
  const rules = await listRulesOf(db, groupIds);
  const remoteIds = [...new Set(rules.flatMap((rule) => rule.remote_group_id ?? []))];
  const members = Map.groupBy(await listMemberAddresses(db, remoteIds), (member) => member.security_group_id);
  const remotes = new Map(
    remoteIds.map((id) => [
      id,
      (members.get(id) ?? []).flatMap((member) => [
        asCidr(member.address),
        ...fromJson(member.allowed_address_pairs).map((pair) => asCidr(pair.ip_address)),
      ]),
    ]),
  );
  const addressGroupIds = [...new Set(rules.flatMap((rule) => rule.remote_address_group_id ?? []))];
  for (const group of await listAddressGroupsById(db, addressGroupIds))
    remotes.set(group.id, [...fromJson(group.addresses)]);
  const byGroup = Map.groupBy(rules, (rule) => rule.security_group_id);
  return groupIds.map((id) => ({ id, rules: (byGroup.get(id) ?? []).map((rule) => renderRule(rule, remotes)) }));
}

function renderRule(
  rule: SecurityGroupRuleRow,
  remotes: ReadonlyMap<string, readonly string[]>,
): DesiredSecurityGroup['rules'][number] {
  const number = protocolNumber(rule.protocol, rule.ethertype);
  const ipVersion = rule.ethertype === 'IPv4' ? 4 : 6;
  return {
    id: rule.id,
    direction: rule.direction,
    ipVersion,
    protocol: number === ICMPV6 ? 'ipv6-icmp' : rule.protocol,
    portMin: rule.port_range_min,
    portMax: rule.port_range_max,
    remoteCidrs: remoteCidrs(rule, ipVersion, remotes),
  };
}

/** Nobody is not anybody: a group without members is an empty list, never null (OSSN-0095). */
function remoteCidrs(
  rule: SecurityGroupRuleRow,
  ipVersion: 4 | 6,
  remotes: ReadonlyMap<string, readonly string[]>,
): readonly string[] | null {
  const group = rule.remote_group_id ?? rule.remote_address_group_id;
  if (group !== null)
    return [...new Set(remotes.get(group) ?? [])].filter((cidr) => cidr.includes(':') === (ipVersion === 6)).toSorted();
  const prefix = normalizedCidr(rule.remote_ip_prefix);
  return prefix === null ? null : [prefix];
}

async function renderRouters(
  deps: NetworkDeps,
  routers: readonly RouterRow[],
  ports: readonly PortRow[],
  addresses: Addresses,
  subnets: Subnets,
): Promise<DesiredRouter[]> {
  const floatingIps = await listFloatingIpsOfRouters(
    deps.db,
    routers.map(({ id }) => id),
  );
  return routers.map((router) => {
    const own = ports.filter((port) => port.device_id === router.id);
    const gateway = own.find((port) => port.id === router.gateway_port_id);
    return {
      id: router.id,
      projectId: router.project_id,
      isAdminUp: router.admin_state_up === 1,
      interfaces: own
        .filter((port) => port.device_owner === 'network:router_interface')
        .map((port) => renderRouterPort(port, addresses, subnets)),
      gateway:
        gateway === undefined
          ? null
          : {
              ...renderRouterPort(gateway, addresses, subnets),
              nexthops: nexthopsOf(gateway.network_id, subnets),
              hasSnat: router.enable_snat === 1,
            },
      floatingIps: floatingIps
        .filter((fip) => fip.router_id === router.id)
        .map((fip) => ({
          id: fip.id,
          floatingAddress: fip.floating_ip_address,
          fixedAddress: fip.fixed_ip_address ?? '',
        })),
      routes: fromJson(router.routes),
    };
  });
}

function renderRouterPort(port: PortRow, addresses: Addresses, subnets: Subnets): DesiredRouter['interfaces'][number] {
  return {
    portId: port.id,
    networkId: port.network_id,
    macAddress: port.mac_address,
    addresses: (addresses.get(port.id) ?? []).flatMap(({ subnet_id, address }) => {
      const subnet = subnets.get(subnet_id);
      return subnet === undefined
        ? []
        : { subnetId: subnet_id, address, prefixLength: cidrOf(subnet.cidr).prefixLength };
    }),
  };
}

/** The external network's gateways, one per IP version. */
function nexthopsOf(networkId: string, subnets: Subnets): string[] {
  const gateways = [...subnets.values()].filter(
    (subnet) => subnet.network_id === networkId && subnet.gateway_ip !== null,
  );
  return ([4, 6] as const).flatMap(
    (version) => gateways.find((subnet) => subnet.ip_version === version)?.gateway_ip ?? [],
  );
}

function asCidr(text: string): string {
  if (text.includes('/')) return text;
  return `${text}/${parseAddress(text)?.version === 6 ? 128 : 32}`;
}
