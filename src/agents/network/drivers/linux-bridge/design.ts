/** What is desired, as the things that a host with Linux bridges has to have. Pure. */

import { join } from 'node:path';
import { isUuidLike } from '#kernel/ids.ts';
import { type Cidr, canonicalAddress } from '#kernel/net.ts';
import { tapName } from '#protocol/devices.ts';
import type { DesiredNetwork, DesiredNetworks, DesiredPort, DesiredRouter } from '#protocol/networks.ts';
import { type Design, type DesignedResource, type DesignProblem, type ResourceKind, resourceKey } from '../contract.ts';
import { parsePrefix } from './addresses.ts';
import { type DnsmasqSpec, filesHash, renderAdvertisements, renderDhcp } from './dhcp.ts';
import { type Firewall, type FirewallInput, renderFirewall } from './firewall.ts';
import { describeSpec, type LinkSpec, vlanDetail, vxlanDetail } from './links.ts';
import {
  aliasOf,
  bridgeName,
  dhcpInnerName,
  dhcpNamespace,
  gatewayInnerName,
  patchNames,
  routerInnerName,
  vlanName,
  vxlanName,
} from './names.ts';
import { describeNamespaceSpec, type NamespaceSpec } from './namespace.ts';
import { METADATA_ADDRESS, ROUTER_METADATA_PORT, renderRouter } from './router.ts';

/** A bridge that stands for the outside and that the agent makes itself, so that one machine alone has an outside. */
export interface ProviderBridge {
  readonly name: string;
  /** With prefix length: the gateway of the guests' external network. */
  readonly addresses: readonly string[];
  /** Whether what comes from there leaves with this host's own addresses. */
  readonly masquerade: boolean;
}

export interface DesignContext {
  readonly cloudId: string;
  /** Files of running services; gone after a reboot, as are the interfaces. */
  readonly runDir: string;
  /** Physical network → interface, or bridge, on this host. */
  readonly physicalNetworks: Readonly<Record<string, string>>;
  /** Those of the values above that are bridges; provider bridges are, without being named. */
  readonly bridges: ReadonlySet<string>;
  readonly providerBridges: readonly ProviderBridge[];
  readonly tunnelAddress: string | null;
  readonly hasVlan: boolean;
  readonly hasVxlan: boolean;
}

/** IANA's port for VXLAN. */
export const VXLAN_PORT = 4789;

/** What applying needs to know of a resource. Everything is optional, so that all kinds go one way. */
export interface ResourceSpec {
  /** In the host's own namespace. */
  readonly links: readonly LinkSpec[];
  /** VXLAN device → tunnel addresses of the other hosts. */
  readonly peers?: { readonly device: string; readonly addresses: readonly string[] };
  readonly namespace?: NamespaceSpec;
  /** The host's ends of links into the namespace: outer name → inner name. */
  readonly innerOf?: Readonly<Record<string, string>>;
  readonly dnsmasq?: DnsmasqSpec;
  readonly firewall?: { readonly input: FirewallInput; readonly rendered: Firewall };
  readonly metadata?: MetadataSpec;
  /** The firewall must have been applied with this port in it before the port's device is connected. */
  readonly guardedBy?: string;
  readonly forwards?: boolean;
}

export interface MetadataSpec {
  readonly namespace: string;
  readonly address: string;
  readonly port: number;
  /** The address that was asked → network; `*` for all. */
  readonly networks: Readonly<Record<string, string>>;
}

/** A provider bridge with an MTU that every network over it fits in. */
const PROVIDER_MTU = 1500;

export function designHost(context: DesignContext, desired: DesiredNetworks): Design {
  const resources = new Map<string, DesignedResource>();
  const problems: DesignProblem[] = [];
  const add = (kind: ResourceKind, id: string, spec: ResourceSpec): void => {
    const key = resourceKey(kind, id);
    resources.set(key, { key, kind, id, fingerprint: fingerprintOf(spec), spec });
  };
  for (const provider of context.providerBridges) add('provider', provider.name, providerSpec(context, provider));

  const made = desired.networks.filter((network) => {
    if (![network.id, network.dhcp?.portId ?? network.id].every(isUuidLike)) {
      problems.push({
        kind: 'network',
        id: network.id,
        code: 'network.id.invalid',
        message: 'Its id or its DHCP port is no UUID.',
      });
      return false;
    }
    const segment = networkLinks(context, network);
    if ('problem' in segment) {
      problems.push({ kind: 'network', id: network.id, ...segment.problem });
      return false;
    }
    add('network', network.id, segment);
    return true;
  });
  const networkIds = new Set(made.map((network) => network.id));
  const ports = desired.ports.filter((port) => networkIds.has(port.networkId) && isUuidLike(port.id));

  for (const network of made) designDhcp(context, network, add, problems);
  for (const router of desired.routers)
    if (router.isAdminUp && hasProperIds(router)) designRouter(context, router, made, add, problems);
  const firewall = designFirewall(context, { ...desired, networks: made, ports }, memberNames(resources, ports));
  const mtuOf = new Map(made.map((network) => [network.id, network.mtu]));
  if (firewall !== undefined) {
    const rendered = renderFirewall(firewall);
    add('firewall', '', { links: [], firewall: { input: firewall, rendered } });
    for (const port of ports)
      add('port', port.id, portSpec(context, port, mtuOf.get(port.networkId) ?? 1500, rendered.hash));
    for (const { portId, code, message } of rendered.problems)
      problems.push({ kind: 'port', id: portId, code, message });
  }
  return { resources, problems };
}

/** What a resource's content boils down to; the observation writes the same from what is there. */
export function fingerprintOf(spec: ResourceSpec): string {
  return [
    ...spec.links.map(describeSpec),
    ...(spec.peers === undefined ? [] : [peersText(spec.peers.addresses)]),
    ...(spec.namespace === undefined ? [] : [describeNamespaceSpec(spec.namespace)]),
    ...(spec.dnsmasq === undefined ? [] : [dnsmasqText(spec.dnsmasq.configFile, filesHash(spec.dnsmasq.files))]),
    ...(spec.firewall === undefined
      ? []
      : [filtersText(spec.firewall.rendered.hash, spec.firewall.rendered.hash, true)]),
    ...(spec.metadata === undefined ? [] : [metadataText(spec.metadata)]),
    ...(spec.forwards === true ? [forwardsText(true)] : []),
  ].join('\n');
}

export const peersText = (addresses: readonly string[]): string =>
  `peers=${[...new Set(addresses)].toSorted().join(',')}`;
export const dnsmasqText = (configFile: string, hash: string): string => `dnsmasq ${configFile} files=${hash}`;
export const filtersText = (bridge: string | null, inet: string | null, isBridgeFiltered: boolean): string =>
  `filters bridge=${bridge ?? 'none'} inet=${inet ?? 'none'} bridge-nf=${isBridgeFiltered}`;
export const metadataText = (spec: MetadataSpec): string =>
  `metadata ${spec.namespace} ${spec.address}:${spec.port} ${JSON.stringify(Object.entries(spec.networks).toSorted(([a], [b]) => (a < b ? -1 : 1)))}`;
export const forwardsText = (isForwarding: boolean): string => `forwarding=${isForwarding}`;

type Problem = { readonly problem: { readonly code: string; readonly message: string } };

const problem = (code: string, message: string): Problem => ({ problem: { code, message } });

function networkLinks(context: DesignContext, network: DesiredNetwork): ResourceSpec | Problem {
  const alias = aliasOf(context.cloudId, resourceKey('network', network.id));
  const bridge: LinkSpec = bridgeSpec(bridgeName(network.id), network.mtu, alias);
  const common = { master: bridge.name, mtu: network.mtu, isUp: true, alias };
  const { segmentationId: segment } = network;
  if (network.type === 'local') return { links: [bridge] };
  if (network.type === 'vxlan') {
    const local = context.tunnelAddress === null ? undefined : canonicalAddress(context.tunnelAddress);
    if (!context.hasVxlan) return problem('network.vxlan.unsupported', "This host's kernel has no VXLAN.");
    if (local === undefined)
      return problem('network.vxlan.no_address', 'This host has no tunnel address; set one in its configuration.');
    if (!isWithin(segment, 1, 2 ** 24 - 1))
      return problem('network.segment.invalid', `${segment} is not a VXLAN network identifier.`);
    const name = vxlanName(network.id);
    const create = `link add dev ${name} type vxlan id ${segment} local ${local} dstport ${VXLAN_PORT}`;
    const peers = network.tunnelPeers
      .map(canonicalAddress)
      .filter((address) => address !== undefined && address !== local);
    return {
      links: [bridge, { name, create, detail: vxlanDetail(segment, local, VXLAN_PORT), ...common }],
      peers: { device: name, addresses: peers as string[] },
    };
  }
  if (network.type !== 'flat' && network.type !== 'vlan') {
    return problem(
      `network.${String(network.type)}.unsupported`,
      `Networks of type '${String(network.type)}' need the Open vSwitch driver.`,
    );
  }
  const parent = context.physicalNetworks[network.physicalNetwork ?? ''];
  if (parent === undefined) {
    return problem(
      'network.physical.unknown',
      `The physical network '${network.physicalNetwork}' is not mapped to an interface on this host.`,
    );
  }
  if (network.type === 'vlan') {
    if (!context.hasVlan)
      return problem(
        'network.vlan.unsupported',
        "This host's kernel has no 802.1Q; use VXLAN, or load the module 8021q.",
      );
    if (!isWithin(segment, 1, 4094)) return problem('network.segment.invalid', `${segment} is not a VLAN id.`);
    const name = vlanName(network.id);
    const create = `link add link ${parent} name ${name} type vlan id ${segment}`;
    return { links: [bridge, { name, create, detail: vlanDetail(segment, parent), ...common }] };
  }
  if (!isBridge(context, parent)) {
    return {
      links: [
        bridge,
        { name: parent, create: null, detail: null, master: bridge.name, mtu: network.mtu, isUp: true, alias: null },
      ],
    };
  }
  const [ours, theirs] = patchNames(network.id);
  const create = `link add dev ${ours} type veth peer name ${theirs}`;
  return {
    links: [
      bridge,
      { name: ours, create, detail: 'veth', ...common },
      { name: theirs, create, detail: 'veth', ...common, master: parent },
    ],
  };
}

/**
 * A guest never shares a bridge with the host's own addresses: a bridge that stands for a physical network is
 * joined by a link, so that what the host itself sends passes the security groups like anything else.
 */
function isBridge(context: DesignContext, name: string): boolean {
  return context.bridges.has(name) || context.providerBridges.some((provider) => provider.name === name);
}

function providerSpec(context: DesignContext, provider: ProviderBridge): ResourceSpec {
  const alias = aliasOf(context.cloudId, resourceKey('provider', provider.name));
  const addresses = provider.addresses.map((text) => {
    const [address = '', prefix = ''] = text.split('/');
    return `${canonicalAddress(address) ?? address}/${prefix}`;
  });
  return {
    links: [{ ...bridgeSpec(provider.name, PROVIDER_MTU, alias), addresses }],
    ...(provider.masquerade ? { forwards: true } : {}),
  };
}

function bridgeSpec(name: string, mtu: number, alias: string): LinkSpec {
  const create = `link add dev ${name} type bridge forward_delay 0 stp_state 0 mcast_snooping 0`;
  return { name, create, detail: 'bridge', master: null, mtu, isUp: true, alias };
}

function portSpec(context: DesignContext, port: DesiredPort, mtu: number, guardedBy: string): ResourceSpec {
  const name = tapName(port.id);
  const alias = aliasOf(context.cloudId, resourceKey('port', port.id));
  const link: LinkSpec = {
    name,
    create: `tuntap add dev ${name} mode tap`,
    detail: null,
    master: bridgeName(port.networkId),
    mtu,
    isUp: port.isAdminUp,
    alias,
  };
  return { links: [link], guardedBy };
}

type Add = (kind: ResourceKind, id: string, spec: ResourceSpec) => void;

function designDhcp(context: DesignContext, network: DesiredNetwork, add: Add, problems: DesignProblem[]): void {
  const { dhcp } = network;
  if (dhcp === null) return;
  const rendered = renderDhcp(network, dhcp, join(context.runDir, 'dhcp', network.id));
  const owner = resourceKey('dhcp', network.id);
  const inner = dhcpInnerName(dhcp.portId);
  add('dhcp', network.id, {
    links: [outerLink(context, owner, dhcp.portId, network, inner)],
    namespace: rendered.namespace,
    innerOf: { [tapName(dhcp.portId)]: inner },
    dnsmasq: rendered.dnsmasq,
  });
  for (const message of rendered.problems)
    problems.push({ kind: 'network', id: network.id, code: 'network.dhcp.invalid', message });
  if (dhcp.servesMetadata) {
    const namespace = dhcpNamespace(network.id);
    add('metadata', namespace, {
      links: [],
      metadata: { namespace, address: METADATA_ADDRESS, port: 80, networks: { '*': network.id } },
    });
  }
}

function designRouter(
  context: DesignContext,
  router: DesiredRouter,
  networks: readonly DesiredNetwork[],
  add: Add,
  problems: DesignProblem[],
): void {
  const byId = new Map(networks.map((network) => [network.id, network]));
  const reachable: DesiredRouter = {
    ...router,
    interfaces: router.interfaces.filter((port) => byId.has(port.networkId)),
    gateway: router.gateway !== null && byId.has(router.gateway.networkId) ? router.gateway : null,
  };
  const missing =
    router.interfaces.length - reachable.interfaces.length + (router.gateway !== reachable.gateway ? 1 : 0);
  if (missing > 0) {
    problems.push({
      kind: 'router',
      id: router.id,
      code: 'network.router.unreachable',
      message: `${missing} of its networks are not on this host.`,
    });
  }
  const rendered = renderRouter(reachable, networks);
  for (const message of rendered.problems)
    problems.push({ kind: 'router', id: router.id, code: 'network.router.invalid', message });
  const owner = resourceKey('router', router.id);
  const ends = [
    ...reachable.interfaces.map((port) => ({ port, inner: routerInnerName(port.portId) })),
    ...(reachable.gateway === null
      ? []
      : [{ port: reachable.gateway, inner: gatewayInnerName(reachable.gateway.portId) }]),
  ].flatMap(({ port, inner }) => {
    const network = byId.get(port.networkId);
    return network === undefined ? [] : [{ inner, link: outerLink(context, owner, port.portId, network, inner) }];
  });
  const advertisements = renderAdvertisements(
    reachable,
    rendered.namespace.name,
    networks,
    join(context.runDir, 'router', router.id),
  );
  add('router', router.id, {
    links: ends.map((end) => end.link).toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    namespace: rendered.namespace,
    innerOf: Object.fromEntries(ends.map((end) => [end.link.name, end.inner])),
    ...(advertisements === null ? {} : { dnsmasq: advertisements }),
  });
  const namespace = rendered.namespace.name;
  if (Object.keys(rendered.metadataNetworks).length > 0) {
    add('metadata', namespace, {
      links: [],
      metadata: { namespace, address: '0.0.0.0', port: ROUTER_METADATA_PORT, networks: rendered.metadataNetworks },
    });
  }
}

/** Ids become names of devices and stand in scripts. */
function hasProperIds(router: DesiredRouter): boolean {
  const portIds = [...router.interfaces, ...(router.gateway === null ? [] : [router.gateway])].map(
    (port) => port.portId,
  );
  return [router.id, ...portIds].every(isUuidLike);
}

function outerLink(
  context: DesignContext,
  owner: string,
  portId: string,
  network: DesiredNetwork,
  inner: string,
): LinkSpec {
  const name = tapName(portId);
  const namespace = owner.startsWith('dhcp:') ? dhcpNamespace(owner.slice(5)) : `qrouter-${owner.slice(7)}`;
  return {
    name,
    create: `link add dev ${name} type veth peer name ${inner} netns ${namespace}`,
    detail: 'veth',
    master: bridgeName(network.id),
    mtu: network.mtu,
    isUp: true,
    alias: aliasOf(context.cloudId, owner),
  };
}

function designFirewall(
  context: DesignContext,
  desired: DesiredNetworks,
  members: readonly string[],
): FirewallInput | undefined {
  const masquerade = context.providerBridges
    .filter((provider) => provider.masquerade)
    .flatMap((provider) => provider.addresses.map((text) => ({ bridge: provider.name, cidr: parsePrefix(text) })))
    .filter((source): source is { bridge: string; cidr: Cidr } => source.cidr !== undefined);
  if (desired.networks.length === 0 && masquerade.length === 0) return undefined;
  return { cloudId: context.cloudId, desired, members, masquerade };
}

/** Every device in one of our networks' bridges. */
function memberNames(
  resources: ReadonlyMap<string, DesignedResource>,
  ports: readonly DesiredPort[],
): readonly string[] {
  const links = [...resources.values()].flatMap((resource) => (resource.spec as ResourceSpec).links);
  const inBridges = links.filter((link) => link.master?.startsWith('brq') === true).map((link) => link.name);
  return [...new Set([...inBridges, ...ports.map((port) => tapName(port.id))])];
}

function isWithin(value: number | null, min: number, max: number): value is number {
  return value !== null && Number.isInteger(value) && value >= min && value <= max;
}
