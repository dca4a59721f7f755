/**
 * A router as a namespace: forwarding, source NAT, floating IPs, extra routes, router advertisements.
 *
 * Floating IPs are two maps. A flow that was translated before keeps its translation in the kernel for as long as it lives,
 * so the forward chain compares each translated flow with the pairs that are valid now, and drops it when its floating IP
 * has gone or moved. Traffic between the router's own networks is not translated, but for traffic that came back through a floating
 * IP: that must return the same way.
 */

import { canonicalAddress } from '#kernel/net.ts';
import type { DesiredNetworks, DesiredRouter } from '#protocol/networks.ts';
import { canonicalMac, familyOf, formatPrefix, parsePrefix } from './addresses.ts';
import { gatewayInnerName, routerInnerName, routerNamespace } from './names.ts';
import type { InnerLink, InnerRoute, NamespaceSpec } from './namespace.ts';
import { printable } from './rules.ts';
import type { ScriptLine } from './ruleset.ts';

export const METADATA_ADDRESS = '169.254.169.254';
/** Where the metadata listener of a router listens; guests reach it through a redirect only. */
export const ROUTER_METADATA_PORT = 9697;

export interface RenderedRouter {
  readonly namespace: NamespaceSpec;
  /** The gateway's address here → the network that asks through it. */
  readonly metadataNetworks: Readonly<Record<string, string>>;
  readonly problems: readonly string[];
}

/** Pure. What cannot be read is left out and told. */
export function renderRouter(router: DesiredRouter, networks: DesiredNetworks['networks']): RenderedRouter {
  const problems: string[] = [];
  const mtuOf = new Map(networks.map((network) => [network.id, network.mtu]));
  const floating = validFloatingIps(router, problems);
  const inner = router.interfaces.map((port) => innerLink(port, routerInnerName(port.portId), mtuOf, [], problems));
  const gatewayName = router.gateway === null ? null : gatewayInnerName(router.gateway.portId);
  const gateway =
    router.gateway === null || gatewayName === null
      ? []
      : [
          innerLink(
            router.gateway,
            gatewayName,
            mtuOf,
            floating.map((ip) => `${ip.floating}/32`),
            problems,
          ),
        ];
  const links = [...inner, ...gateway].filter((link) => link !== undefined);
  return {
    namespace: {
      name: routerNamespace(router.id),
      links,
      routes: routesOf(router, gatewayName, problems),
      sysctls: routerSysctls(links.map((link) => link.name)),
      nft: routerScript(router, gatewayName, floating),
      ownsRoutes: true,
    },
    metadataNetworks: Object.fromEntries(
      router.interfaces.flatMap((port) =>
        port.addresses
          .map((address) => canonicalAddress(address.address))
          .filter((address) => address !== undefined && familyOf(address) === 4)
          .map((address) => [address, port.networkId]),
      ),
    ),
    problems,
  };
}

interface FloatingPair {
  readonly floating: string;
  readonly fixed: string;
}

type RouterPort = DesiredRouter['interfaces'][number];

function innerLink(
  port: RouterPort,
  name: string,
  mtuOf: ReadonlyMap<string, number>,
  extra: readonly string[],
  problems: string[],
): InnerLink | undefined {
  const macAddress = canonicalMac(port.macAddress);
  if (macAddress === undefined) {
    problems.push(`'${printable(port.macAddress)}' is not a MAC address; port ${port.portId} is left out`);
    return undefined;
  }
  const own = port.addresses.flatMap(({ address, prefixLength }) => {
    const canonical = canonicalAddress(address);
    const bits = canonical?.includes(':') === true ? 128 : 32;
    if (canonical !== undefined && prefixLength >= 0 && prefixLength <= bits) return [`${canonical}/${prefixLength}`];
    problems.push(`'${printable(address)}/${prefixLength}' is not an address; it is left out`);
    return [];
  });
  const hosts = new Set(own.map((address) => address.split('/')[0]));
  const others = extra.filter((address) => !hosts.has(address.split('/')[0]));
  return { name, macAddress, mtu: mtuOf.get(port.networkId) ?? 1500, addresses: [...own, ...others] };
}

/** One floating IP serves one fixed address and the other way round; of a conflict the first (by id) counts. */
function validFloatingIps(router: DesiredRouter, problems: string[]): readonly FloatingPair[] {
  const pairs: FloatingPair[] = [];
  for (const ip of router.floatingIps.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    const floating = canonicalAddress(ip.floatingAddress);
    const fixed = canonicalAddress(ip.fixedAddress);
    if (floating === undefined || fixed === undefined || familyOf(floating) !== 4 || familyOf(fixed) !== 4) {
      problems.push(`floating IP ${ip.id} does not have two IPv4 addresses; it is left out`);
    } else if (pairs.some((pair) => pair.floating === floating)) {
      problems.push(`floating IP ${floating} is there twice; the second is left out`);
    } else pairs.push({ floating, fixed });
  }
  return pairs;
}

function routesOf(router: DesiredRouter, gatewayName: string | null, problems: string[]): readonly InnerRoute[] {
  const routes: InnerRoute[] = [];
  for (const nexthop of router.gateway?.nexthops ?? []) {
    const via = canonicalAddress(nexthop);
    const family = via === undefined ? undefined : familyOf(via);
    if (via === undefined || family === undefined)
      problems.push(`the gateway '${printable(nexthop)}' is not an address`);
    else routes.push({ destination: 'default', family, via, device: gatewayName });
  }
  for (const route of router.routes) {
    const cidr = parsePrefix(route.destination);
    const via = canonicalAddress(route.nexthop);
    if (cidr === undefined || via === undefined || familyOf(via) !== cidr.version) {
      problems.push(
        `the route to '${printable(route.destination)}' via '${printable(route.nexthop)}' is none; it is left out`,
      );
    } else {
      const destination = cidr.prefixLength === 0 ? 'default' : formatPrefix(cidr);
      routes.push({ destination, family: cidr.version, via, device: null });
    }
  }
  return routes;
}

function routerSysctls(linkNames: readonly string[]): readonly string[] {
  const each = linkNames.flatMap((name) => [`net.ipv6.conf.${name}.accept_dad=0`, `net.ipv6.conf.${name}.accept_ra=0`]);
  return [
    'net.ipv4.ip_forward=1',
    'net.ipv4.conf.all.arp_notify=1',
    'net.ipv4.conf.all.arp_ignore=1',
    'net.ipv4.conf.all.arp_announce=2',
    'net.ipv6.conf.all.forwarding=1',
    'net.ipv6.conf.all.ndisc_notify=1',
    'net.ipv6.conf.all.accept_dad=0',
    'net.ipv6.conf.default.accept_dad=0',
    ...each,
  ];
}

function routerScript(
  router: DesiredRouter,
  gatewayName: string | null,
  floating: readonly FloatingPair[],
): readonly ScriptLine[] {
  const source = router.gateway?.addresses
    .map((address) => canonicalAddress(address.address))
    .find((text) => text !== undefined && familyOf(text) === 4);
  const fixedOnce = new Map(floating.toReversed().map((pair) => [pair.fixed, pair.floating]));
  const elements = (texts: readonly string[]): string =>
    texts.length === 0 ? '' : ` elements = { ${texts.join(', ')} };`;
  const inbound = floating.map((pair) => `${pair.floating} : ${pair.fixed}`);
  const outbound = [...fixedOnce].map(([fixed, address]) => `${fixed} : ${address}`);
  const pairs = floating.map((pair) => `${pair.fixed} . ${pair.floating}`);
  const text = [
    'table ip pileus',
    'delete table ip pileus',
    'table ip6 pileus',
    'delete table ip6 pileus',
    'table ip pileus {',
    `map inbound { type ipv4_addr : ipv4_addr;${elements(inbound)} }`,
    `map outbound { type ipv4_addr : ipv4_addr;${elements(outbound)} }`,
    `set pairs { type ipv4_addr . ipv4_addr;${elements(pairs)} }`,
    'chain prerouting {',
    'type nat hook prerouting priority dstnat; policy accept;',
    `iifname "qr-*" ip daddr ${METADATA_ADDRESS} tcp dport 80 redirect to :${ROUTER_METADATA_PORT}`,
    'dnat to ip daddr map @inbound',
    '}',
    'chain output {',
    'type nat hook output priority -100; policy accept;',
    'dnat to ip daddr map @inbound',
    '}',
    'chain postrouting {',
    'type nat hook postrouting priority srcnat; policy accept;',
    'iifname "qr-*" oifname "qr-*" ct status & dnat == 0 accept',
    'iifname "qr-*" snat to ip saddr map @outbound',
    ...(source === undefined || gatewayName === null || router.gateway?.hasSnat !== true
      ? []
      : [`iifname "qr-*" oifname "${gatewayName}" snat to ${source}`]),
    ...(source === undefined ? [] : [`iifname "qr-*" oifname "qr-*" ct status dnat snat to ${source}`]),
    '}',
    'chain forward {',
    'type filter hook forward priority filter; policy accept;',
    'ct status dnat ct reply ip saddr . ct original ip daddr != @pairs drop',
    `ct status snat ${source === undefined ? '' : `ct reply ip daddr != ${source} `}ct original ip saddr . ct reply ip daddr != @pairs drop`,
    '}',
    'chain input {',
    'type filter hook input priority filter; policy accept;',
    `tcp dport ${ROUTER_METADATA_PORT} ct status & dnat == 0 drop`,
    '}',
    '}',
    // Router advertisements come from a dnsmasq here; answering DHCPv6 is the DHCP server's business.
    'table ip6 pileus {',
    'chain input {',
    'type filter hook input priority filter; policy accept;',
    'udp dport 547 drop',
    `tcp dport ${ROUTER_METADATA_PORT} drop`,
    '}',
    '}',
  ];
  return text.map((line) => ({ text: line }));
}
