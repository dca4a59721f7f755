/** What makes a subnet possible; no queries. */
import { cidrsOverlap, parseAddress } from '#kernel/net.ts';
import { badRequest, invalidInput } from '../errors.ts';
import { cidrOf, usable } from './ranges.ts';
import type { HostRoute, Ipv6Mode, SubnetRow } from './tables.ts';

/** neutron's max_dns_nameservers: what DHCP options carry safely. */
const MAX_DNS_SERVERS = 5;
/** neutron's max_subnet_host_routes. */
const MAX_HOST_ROUTES = 20;

export interface SubnetSpec {
  readonly id: string;
  readonly ipVersion: 4 | 6;
  readonly cidr: string;
  readonly gatewayIp: string | null;
  readonly isDhcpEnabled: boolean;
  readonly ipv6RaMode: Ipv6Mode | null;
  readonly ipv6AddressMode: Ipv6Mode | null;
  readonly dnsNameservers: readonly string[];
  readonly hostRoutes: readonly HostRoute[];
}

/** @throws {BadRequest} in neutron's words. */
export function checkSubnet(spec: SubnetSpec): void {
  checkVersion(spec.ipVersion, spec.cidr.split('/', 1)[0] ?? '', 'cidr', spec.cidr);
  if (cidrOf(spec.cidr).prefixLength === 0) throw invalidInput('0 is not allowed as CIDR prefix length');
  if (spec.isDhcpEnabled) checkDhcp(spec);
  if (spec.gatewayIp !== null) checkGateway(spec, spec.gatewayIp);
  if (spec.dnsNameservers.length > MAX_DNS_SERVERS)
    throw badRequest(
      'DNSNameServersExhausted',
      `Unable to complete operation for ${spec.id}. The number of DNS nameservers exceeds the limit ${MAX_DNS_SERVERS}.`,
    );
  for (const server of spec.dnsNameservers) checkVersion(spec.ipVersion, server, 'dns_nameserver', server);
  if (spec.hostRoutes.length > MAX_HOST_ROUTES)
    throw badRequest(
      'HostRoutesExhausted',
      `Unable to complete operation for ${spec.id}. The number of host routes exceeds the limit ${MAX_HOST_ROUTES}.`,
    );
  for (const { destination, nexthop } of spec.hostRoutes) {
    checkVersion(spec.ipVersion, nexthop, 'nexthop', nexthop);
    checkVersion(spec.ipVersion, destination.split('/', 1)[0] ?? '', 'destination', destination);
  }
  checkIpv6Modes(spec);
}

/** @throws {BadRequest} when the prefix meets another one of the network. */
export function refuseOverlap(networkId: string, cidr: string, others: readonly Pick<SubnetRow, 'cidr'>[]): void {
  if (others.some((other) => cidrsOverlap(cidrOf(other.cidr), cidrOf(cidr))))
    throw invalidInput(`Requested subnet with cidr: ${cidr} for network: ${networkId} overlaps with another subnet`);
}

/** Whether ports make their own addresses in the subnet. */
export function isAutoAddressed(subnet: Pick<SubnetRow, 'ip_version' | 'ipv6_address_mode' | 'ipv6_ra_mode'>): boolean {
  const modes = [subnet.ipv6_address_mode, subnet.ipv6_ra_mode];
  return subnet.ip_version === 6 && modes.some((mode) => mode === 'slaac' || mode === 'dhcpv6-stateless');
}

function checkVersion(version: 4 | 6, address: string, name: string, shown: string): void {
  if (parseAddress(address)?.version !== version)
    throw invalidInput(`${name} '${shown}' does not match the ip_version '${version}'`);
}

function checkDhcp({ cidr: text, ipVersion }: SubnetSpec): void {
  const cidr = cidrOf(text);
  if (cidr.prefixLength > (ipVersion === 4 ? 30 : 126))
    throw invalidInput('Subnet has a prefix length that is incompatible with DHCP service enabled');
  const top = ipVersion === 4 ? cidr.first >> 24n : cidr.first >> 120n;
  if (ipVersion === 4 ? top >= 224n && top < 240n : top === 0xffn)
    throw invalidInput('Multicast IP subnet is not supported if enable_dhcp is True');
  if (ipVersion === 4 ? top === 127n : cidr.first <= 1n)
    throw invalidInput('Loopback IP subnet is not supported if enable_dhcp is True');
  if (ipVersion === 4 && cidr.first === 0n)
    throw invalidInput("First IP '0.0.0.0' of network is not supported if enable_dhcp is True.");
}

function checkGateway({ ipVersion, cidr: text }: SubnetSpec, gatewayIp: string): void {
  checkVersion(ipVersion, gatewayIp, 'gateway_ip', gatewayIp);
  const cidr = cidrOf(text);
  const gateway = parseAddress(gatewayIp)?.value ?? 0n;
  const isInside = gateway >= cidr.first && gateway <= cidr.last;
  const { first, last } = usable(cidr);
  if (ipVersion === 4 && isInside && (gateway < first || gateway > last))
    throw invalidInput('Gateway is not valid on subnet');
}

function checkIpv6Modes(spec: SubnetSpec): void {
  const { ipv6RaMode: ra, ipv6AddressMode: address } = spec;
  if (spec.ipVersion === 4) {
    if (ra !== null) throw invalidInput('ipv6_ra_mode is not valid when ip_version is 4');
    if (address !== null) throw invalidInput('ipv6_address_mode is not valid when ip_version is 4');
    return;
  }
  if ((ra !== null || address !== null) && !spec.isDhcpEnabled)
    throw invalidInput('ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False');
  if (ra !== null && address !== null && ra !== address)
    throw invalidInput(
      `ipv6_ra_mode set to '${ra}' with ipv6_address_mode set to '${address}' is not valid. If both attributes are set, they must be the same value`,
    );
  const isAuto = [ra, address].some((mode) => mode === 'slaac' || mode === 'dhcpv6-stateless');
  if (isAuto && cidrOf(spec.cidr).prefixLength !== 64)
    throw invalidInput(
      `Invalid CIDR ${spec.cidr} for IPv6 address mode. OpenStack uses the EUI-64 address format, which requires the prefix to be /64`,
    );
}
