/**
 * A network's DHCP server as files for dnsmasq. Every value that a user chose is checked here, because a newline in a
 * dnsmasq file is a new setting, and one line that dnsmasq cannot read would keep it from starting for everybody.
 *
 * What needs a restart (ranges, MTU, domain) stands in the configuration, whose hash is part of its name and so of
 * the process's command line. What changes all the time (hosts, options, names) stands in three files that dnsmasq reads again at
 * SIGHUP. Only known MAC addresses get an answer: all ranges are static.
 */

import { join } from 'node:path';
import { canonicalAddress } from '#kernel/net.ts';
import type { DesiredDhcp, DesiredNetwork, DesiredRouter, DesiredSubnet } from '#protocol/networks.ts';
import { canonicalMac, familyOf, formatPrefix, parsePrefix } from './addresses.ts';
import { dhcpInnerName, dhcpNamespace, routerInnerName, shortHash } from './names.ts';
import type { NamespaceSpec } from './namespace.ts';
import { METADATA_ADDRESS } from './router.ts';
import { printable } from './rules.ts';

/** A dnsmasq process and all that it reads. */
export interface DnsmasqSpec {
  /** Namespace that it runs in. */
  readonly namespace: string;
  readonly folder: string;
  readonly configFile: string;
  readonly config: string;
  /** Read again at SIGHUP; by name in `folder`. */
  readonly files: Readonly<Record<string, string>>;
  /** Who may have which address, to find leases that stand in the way: `<mac> <address>`. */
  readonly owners: readonly string[];
}

export interface RenderedDhcp {
  readonly namespace: NamespaceSpec;
  readonly dnsmasq: DnsmasqSpec;
  readonly problems: readonly string[];
}

/** dnsmasq refuses more; far above the subnets' own limits. */
const MAX_LEASES = 65_536;
/** RFC 2132: one option holds no more. */
const MAX_OPTION_LENGTH = 255;
const OPTION_NAME = /^[a-z0-9][a-z0-9-]{0,63}$/i;
/** No quotes, backslashes, comment signs or control characters: dnsmasq gives them a meaning. */
const OPTION_VALUE = /^[\x20\x21\x24-\x5b\x5d-\x7e]*$/;
const HOST_LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i;
const DOMAIN = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*\.?$/i;
/** Shorter leases than this are a flood of renewals, longer do not fit dnsmasq's number. */
const MIN_LEASE_S = 120;
const MAX_LEASE_S = 2_000_000_000;

/** Pure. */
export function renderDhcp(network: DesiredNetwork, dhcp: DesiredDhcp, folder: string): RenderedDhcp {
  const problems: string[] = [];
  const subnets = network.subnets.filter((subnet) => subnet.isDhcpEnabled && parsePrefix(subnet.cidr) !== undefined);
  const device = dhcpInnerName(dhcp.portId);
  const domain = DOMAIN.test(dhcp.dnsDomain) ? dhcp.dnsDomain.replace(/\.$/, '') : '';
  const files = {
    hosts: hostLines(dhcp, subnets, domain, problems).join('\n'),
    options: optionLines(network, dhcp, subnets, domain, problems).join('\n'),
    names: nameLines(dhcp, domain).join('\n'),
  };
  const leaseTime = Math.min(Math.max(Math.trunc(dhcp.leaseTime), MIN_LEASE_S), MAX_LEASE_S);
  const lines = [
    ...commonLines(folder, [device]),
    `dhcp-hostsfile=${join(folder, 'hosts')}`,
    `dhcp-optsfile=${join(folder, 'options')}`,
    `addn-hosts=${join(folder, 'names')}`,
    'no-ping',
    'dhcp-authoritative',
    `dhcp-lease-max=${MAX_LEASES}`,
    'quiet-dhcp',
    'quiet-dhcp6',
    ...(domain === '' ? [] : [`domain=${domain}`, `local=/${domain}/`]),
    `dhcp-option-force=option:mtu,${network.mtu}`,
    ...subnets.flatMap((subnet) => rangeLines(subnet, leaseTime)),
    ...tagLines(dhcp),
  ];
  const macAddress = canonicalMac(dhcp.macAddress);
  if (macAddress === undefined) problems.push(`'${printable(dhcp.macAddress)}' is not a MAC address`);
  return {
    namespace: {
      name: dhcpNamespace(network.id),
      links:
        macAddress === undefined
          ? []
          : [{ name: device, macAddress, mtu: network.mtu, addresses: ownAddresses(network, dhcp) }],
      routes: [],
      sysctls: [
        'net.ipv4.conf.all.arp_notify=1',
        'net.ipv6.conf.all.accept_dad=0',
        'net.ipv6.conf.default.accept_dad=0',
        ...(macAddress === undefined
          ? []
          : [`net.ipv6.conf.${device}.accept_dad=0`, `net.ipv6.conf.${device}.accept_ra=0`]),
      ],
      nft: [],
      ownsRoutes: false,
    },
    dnsmasq: dnsmasqSpec(dhcpNamespace(network.id), folder, lines, files, ownersOf(dhcp)),
    problems,
  };
}

/**
 * The router advertisements of a router, or null when none of its subnets wants any. They come from the router's own
 * namespace, because whoever advertises becomes the guests' default gateway.
 */
export function renderAdvertisements(
  router: DesiredRouter,
  namespace: string,
  networks: readonly DesiredNetwork[],
  folder: string,
): DnsmasqSpec | null {
  const ranges: string[] = [];
  const devices: string[] = [];
  for (const port of router.interfaces) {
    const subnets = networks.find((network) => network.id === port.networkId)?.subnets ?? [];
    const advertised = port.addresses
      .map((address) => subnets.find((subnet) => subnet.id === address.subnetId))
      .filter((subnet) => subnet !== undefined && subnet.ipVersion === 6 && subnet.ipv6RaMode !== null);
    if (advertised.length === 0) continue;
    devices.push(routerInnerName(port.portId));
    for (const subnet of advertised) if (subnet !== undefined) ranges.push(...advertisementLines(subnet));
  }
  if (ranges.length === 0) return null;
  const lines = [...commonLines(folder, devices), 'port=0', 'enable-ra', 'quiet-ra', 'quiet-dhcp6', ...ranges];
  return dnsmasqSpec(namespace, folder, lines, {}, []);
}

/** The hash of what SIGHUP reads. */
export function filesHash(files: Readonly<Record<string, string>>): string {
  return shortHash(JSON.stringify(Object.entries(files).toSorted(([a], [b]) => (a < b ? -1 : 1))));
}

function dnsmasqSpec(
  namespace: string,
  folder: string,
  lines: readonly string[],
  files: Readonly<Record<string, string>>,
  owners: readonly string[],
): DnsmasqSpec {
  const config = `${lines.join('\n')}\n`;
  const ended = Object.fromEntries(Object.entries(files).map(([name, text]) => [name, text === '' ? '' : `${text}\n`]));
  return {
    namespace,
    folder,
    config,
    configFile: join(folder, `dnsmasq-${shortHash(config)}.conf`),
    files: ended,
    owners,
  };
}

function commonLines(folder: string, devices: readonly string[]): readonly string[] {
  return [
    'no-hosts',
    'no-resolv',
    'bind-dynamic',
    'except-interface=lo',
    ...devices.map((device) => `interface=${device}`),
    `pid-file=${join(folder, 'pid')}`,
    `dhcp-leasefile=${join(folder, 'leases')}`,
  ];
}

function rangeLines(subnet: DesiredSubnet, leaseTime: number): readonly string[] {
  const cidr = parsePrefix(subnet.cidr);
  if (cidr === undefined) return [];
  const first = formatPrefix(cidr).split('/')[0];
  if (subnet.ipVersion === 4)
    return [`dhcp-range=set:${subnetTag(subnet.id)},${first},static,${maskOf(cidr.prefixLength)},${leaseTime}s`];
  // Whoever makes its own address has nothing to ask.
  if (subnet.ipv6AddressMode === 'slaac' || (subnet.ipv6AddressMode === null && subnet.ipv6RaMode !== null)) return [];
  return [`dhcp-range=set:${subnetTag(subnet.id)},${first},static,${cidr.prefixLength},${leaseTime}s`];
}

function advertisementLines(subnet: DesiredSubnet): readonly string[] {
  const cidr = parsePrefix(subnet.cidr);
  if (cidr === undefined) return [];
  const mode = { slaac: 'ra-only', 'dhcpv6-stateless': 'ra-stateless', 'dhcpv6-stateful': 'static' } as const;
  const first = formatPrefix(cidr).split('/')[0];
  const tag = subnetTag(subnet.id);
  const servers = validAddresses(subnet.dnsNameservers, 6);
  return [
    `dhcp-range=set:${tag},${first},${mode[subnet.ipv6RaMode ?? 'slaac']},${cidr.prefixLength}`,
    ...(servers.length === 0
      ? []
      : [`dhcp-option=tag:${tag},option6:dns-server,${servers.map((server) => `[${server}]`).join(',')}`]),
  ];
}

/**
 * Tags for ports with options of their own. They do not stand in the hosts file (`set:`), because dnsmasq 2.90 dies at the
 * first SIGHUP after it has given a lease to a host with such a tag.
 */
function tagLines(dhcp: DesiredDhcp): readonly string[] {
  return dhcp.leases.flatMap((lease) => {
    const mac = canonicalMac(lease.macAddress);
    return lease.options.length === 0 || mac === undefined ? [] : [`dhcp-mac=set:${portTag(lease.portId)},${mac}`];
  });
}

function hostLines(
  dhcp: DesiredDhcp,
  subnets: readonly DesiredSubnet[],
  domain: string,
  problems: string[],
): readonly string[] {
  const served = new Map(subnets.map((subnet) => [subnet.id, subnet]));
  return dhcp.leases.flatMap((lease) => {
    const mac = canonicalMac(lease.macAddress);
    if (mac === undefined) {
      problems.push(`'${printable(lease.macAddress)}' is not a MAC address; port ${lease.portId} gets no lease`);
      return [];
    }
    const addresses = lease.fixedIps.flatMap((fixed) => {
      const address = canonicalAddress(fixed.address);
      const subnet = served.get(fixed.subnetId);
      return address === undefined || subnet === undefined || subnet.ipv6AddressMode === 'slaac' ? [] : [address];
    });
    const v6 = addresses.filter((address) => familyOf(address) === 6);
    const line = (address: string, ...rest: readonly string[]): string =>
      [mac, hostName(lease.hostname, address, domain), ...rest].join(',');
    return [
      ...addresses.filter((address) => familyOf(address) === 4).map((address) => line(address, address)),
      ...(v6.length === 0 ? [] : [line(v6[0] ?? '', ...v6.map((address) => `[${address}]`))]),
    ];
  });
}

function nameLines(dhcp: DesiredDhcp, domain: string): readonly string[] {
  return dhcp.leases.flatMap((lease) =>
    lease.fixedIps.flatMap((fixed) => {
      const address = canonicalAddress(fixed.address);
      if (address === undefined) return [];
      const full = hostName(lease.hostname, address, domain);
      const short = full.split('.')[0];
      return [full === short ? `${address} ${full}` : `${address} ${full} ${short}`];
    }),
  );
}

/** The port's own name where it is one, else `host-10-0-0-5`, as neutron calls it. */
function hostName(name: string, address: string, domain: string): string {
  const own = name.split('.')[0] ?? '';
  const host = HOST_LABEL.test(own)
    ? own.toLowerCase()
    : `host-${address.replaceAll(/[.:]+/g, '-').replaceAll(/^-|-$/g, '0')}`;
  return domain === '' ? host : `${host}.${domain}`;
}

function optionLines(
  network: DesiredNetwork,
  dhcp: DesiredDhcp,
  subnets: readonly DesiredSubnet[],
  domain: string,
  problems: string[],
): readonly string[] {
  return [
    ...subnets.flatMap((subnet) => {
      const own = ownAddressOn(dhcp, subnet);
      return subnet.ipVersion === 4
        ? subnetOptions4(network, dhcp, subnet, own, problems)
        : subnetOptions6(subnet, own, domain, problems);
    }),
    ...dhcp.leases.flatMap((lease) => lease.options.flatMap((option) => portOption(lease.portId, option, problems))),
  ];
}

function subnetOptions4(
  network: DesiredNetwork,
  dhcp: DesiredDhcp,
  subnet: DesiredSubnet,
  own: string | undefined,
  problems: string[],
): readonly string[] {
  const tag = `tag:${subnetTag(subnet.id)}`;
  const asked = checkAddresses(subnet, 4, problems);
  // As in neutron, 0.0.0.0 asks for no name server at all.
  const servers = asked.length > 0 ? asked.filter((server) => server !== '0.0.0.0') : own === undefined ? [] : [own];
  const gateway = subnet.gatewayIp === null ? undefined : canonicalAddress(subnet.gatewayIp);
  const routes = subnet.hostRoutes.flatMap((route) => {
    const destination = parsePrefix(route.destination);
    const nexthop = canonicalAddress(route.nexthop);
    if (destination?.version === 4 && nexthop !== undefined && familyOf(nexthop) === 4) {
      return [`${withLength(formatPrefix(destination))},${nexthop}`];
    }
    problems.push(`the route to '${printable(route.destination)}' of subnet ${subnet.id} is none; it is left out`);
    return [];
  });
  if (dhcp.servesMetadata && own !== undefined) routes.unshift(`${METADATA_ADDRESS}/32,${own}`);
  for (const other of network.subnets) {
    const cidr = parsePrefix(other.cidr);
    if (other.id !== subnet.id && cidr?.version === 4) routes.push(`${withLength(formatPrefix(cidr))},0.0.0.0`);
  }
  // Whoever is given option 121 ignores option 3, so the default route has to be in it too.
  if (routes.length > 0 && gateway !== undefined) routes.push(`0.0.0.0/0,${gateway}`);
  return [
    servers.length === 0 ? `${tag},option:dns-server` : `${tag},option:dns-server,${servers.join(',')}`,
    ...(routes.length === 0
      ? []
      : [`${tag},option:classless-static-route,${routes.join(',')}`, `${tag},249,${routes.join(',')}`]),
    gateway === undefined ? `${tag},option:router` : `${tag},option:router,${gateway}`,
  ];
}

function subnetOptions6(
  subnet: DesiredSubnet,
  own: string | undefined,
  domain: string,
  problems: string[],
): readonly string[] {
  const tag = `tag:${subnetTag(subnet.id)}`;
  const asked = checkAddresses(subnet, 6, problems);
  const servers = asked.length > 0 ? asked.filter((server) => server !== '::') : own === undefined ? [] : [own];
  return [
    ...(servers.length === 0 ? [] : [`${tag},option6:dns-server,${servers.map((server) => `[${server}]`).join(',')}`]),
    ...(domain === '' ? [] : [`${tag},option6:domain-search,${domain}`]),
  ];
}

type PortOption = DesiredDhcp['leases'][number]['options'][number];

function portOption(portId: string, option: PortOption, problems: string[]): readonly string[] {
  const refuse = (why: string): readonly string[] => {
    problems.push(`the DHCP option '${printable(option.name)}' of port ${portId} ${why}; it is left out`);
    return [];
  };
  if (!OPTION_NAME.test(option.name)) return refuse('has a name that is none');
  if (option.value.length > MAX_OPTION_LENGTH) return refuse(`is longer than ${MAX_OPTION_LENGTH} characters`);
  if (!OPTION_VALUE.test(option.value)) return refuse('has characters that cannot be sent');
  const prefix = option.ipVersion === 6 ? 'option6:' : /^\d+$/.test(option.name) ? '' : 'option:';
  const value = option.value === '' ? '' : `,${option.value}`;
  return [`tag:${portTag(portId)},${prefix}${option.name}${value}`];
}

function checkAddresses(subnet: DesiredSubnet, family: 4 | 6, problems: string[]): readonly string[] {
  for (const server of subnet.dnsNameservers) {
    if (canonicalAddress(server) === undefined) {
      problems.push(`the name server '${printable(server)}' of subnet ${subnet.id} is not an address; it is left out`);
    }
  }
  return validAddresses(subnet.dnsNameservers, family);
}

function validAddresses(texts: readonly string[], family: 4 | 6): readonly string[] {
  return texts
    .map(canonicalAddress)
    .filter((address) => address !== undefined && familyOf(address) === family) as string[];
}

function ownAddresses(network: DesiredNetwork, dhcp: DesiredDhcp): readonly string[] {
  const own = dhcp.fixedIps.flatMap((fixed) => {
    const subnet = network.subnets.find((other) => other.id === fixed.subnetId);
    const cidr = subnet === undefined ? undefined : parsePrefix(subnet.cidr);
    const address = canonicalAddress(fixed.address);
    return cidr === undefined || address === undefined ? [] : [`${address}/${cidr.prefixLength}`];
  });
  return dhcp.servesMetadata ? [...own, `${METADATA_ADDRESS}/32`] : own;
}

function ownAddressOn(dhcp: DesiredDhcp, subnet: DesiredSubnet): string | undefined {
  const fixed = dhcp.fixedIps.find((ip) => ip.subnetId === subnet.id);
  return fixed === undefined ? undefined : canonicalAddress(fixed.address);
}

function ownersOf(dhcp: DesiredDhcp): readonly string[] {
  return dhcp.leases.flatMap((lease) =>
    lease.fixedIps.map((fixed) => `${lease.macAddress.toLowerCase()} ${canonicalAddress(fixed.address) ?? ''}`),
  );
}

const subnetTag = (subnetId: string): string => `s${subnetId.replaceAll(/[^0-9a-zA-Z]/g, '')}`;
const portTag = (portId: string): string => `p${portId.replaceAll(/[^0-9a-zA-Z]/g, '')}`;
const withLength = (cidr: string): string => (cidr.includes('/') ? cidr : `${cidr}/32`);

function maskOf(prefix: number): string {
  const mask = prefix === 0 ? 0 : (0xffff_ffff << (32 - prefix)) >>> 0;
  return [24, 16, 8, 0].map((shift) => (mask >>> shift) & 255).join('.');
}
