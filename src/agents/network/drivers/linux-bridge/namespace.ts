/** Network namespaces of DHCP servers and routers: what should be in them, and the way there. */

import { addressesOf, addressLines, type IpLine, type LinkJson } from './links.ts';
import { shortHash } from './names.ts';
import type { ScriptLine } from './ruleset.ts';

export interface InnerLink {
  readonly name: string;
  readonly macAddress: string;
  readonly mtu: number;
  /** With prefix length, canonical. */
  readonly addresses: readonly string[];
}

export interface InnerRoute {
  /** Canonical prefix, or `default`. */
  readonly destination: string;
  readonly family: 4 | 6;
  readonly via: string;
  /** Null lets the kernel find the device. */
  readonly device: string | null;
}

export interface NamespaceSpec {
  readonly name: string;
  readonly links: readonly InnerLink[];
  readonly routes: readonly InnerRoute[];
  readonly sysctls: readonly string[];
  readonly nft: readonly ScriptLine[];
  /** True when the routes are ours alone, so that others are removed. */
  readonly ownsRoutes: boolean;
}

export interface RouteJson {
  readonly dst: string;
  readonly gateway?: string;
  readonly dev?: string;
  readonly protocol?: string;
}

/**
 * Stands in the alias of the namespace's `lo` once all of it has been carried out: routes, sysctls and nftables cannot be
 * compared as cheaply as links.
 */
export function stampOf(spec: NamespaceSpec): string {
  return shortHash(JSON.stringify([spec.links, spec.routes, spec.sysctls, spec.nft.map((line) => line.text)]));
}

/** How the namespace should be; compare with {@link describeNamespace}. */
export function describeNamespaceSpec(spec: NamespaceSpec): string {
  const links = spec.links.map((link) => describeInner(link.name, link.macAddress, link.mtu, true, link.addresses));
  return [`namespace ${spec.name}`, `stamp=${stampOf(spec)}`, ...links.toSorted()].join('\n');
}

/** How the namespace is, as `ip -n NAME -j -d addr show` says; undefined when there is none. */
export function describeNamespace(name: string, links: readonly LinkJson[] | undefined): string {
  if (links === undefined) return `namespace ${name} missing`;
  const stamp =
    links
      .find((link) => link.ifname === 'lo')
      ?.ifalias?.split(':')
      .at(-1) ?? '';
  const inner = links
    .filter((link) => link.ifname !== 'lo')
    .map((link) =>
      describeInner(link.ifname, link.address ?? '', link.mtu, link.flags.includes('UP'), addressesOf(link)),
    );
  return [`namespace ${name}`, `stamp=${stamp}`, ...inner.toSorted()].join('\n');
}

function describeInner(name: string, mac: string, mtu: number, isUp: boolean, addresses: readonly string[]): string {
  return `${name} ${mac} mtu=${mtu} ${isUp ? 'up' : 'down'} ${addresses.toSorted().join(',')}`;
}

/** The `ip -n NAME -batch` lines. */
export function namespaceLines(
  owner: string,
  spec: NamespaceSpec,
  actual: readonly LinkJson[],
  routes: readonly RouteJson[],
): readonly IpLine[] {
  const lines: IpLine[] = [{ text: 'link set dev lo up', owner }];
  for (const link of spec.links) {
    const present = actual.find((other) => other.ifname === link.name);
    lines.push({ text: `link set dev ${link.name} mtu ${link.mtu} address ${link.macAddress}`, owner });
    lines.push(...addressLines(owner, link.name, link.addresses, present === undefined ? [] : addressesOf(present)));
    lines.push({ text: `link set dev ${link.name} up`, owner });
  }
  if (spec.ownsRoutes) lines.push(...staleRouteLines(owner, spec, routes));
  for (const route of spec.routes) {
    const device = route.device === null ? '' : ` dev ${route.device} onlink`;
    lines.push({ text: `route replace ${route.destination} via ${route.via}${device}`, owner });
  }
  // With arp_notify and ndisc_notify set, setting the address again (even to the same) makes the kernel announce all
  // addresses of the link, so that neighbours learn at once where a floating IP has moved to.
  for (const link of spec.links) lines.push({ text: `link set dev ${link.name} address ${link.macAddress}`, owner });
  return lines;
}

function staleRouteLines(owner: string, spec: NamespaceSpec, routes: readonly RouteJson[]): readonly IpLine[] {
  const wanted = new Set(spec.routes.map((route) => `${route.destination} ${route.via}`));
  return routes
    .filter((route) => route.protocol !== 'kernel' && route.gateway !== undefined)
    .filter((route) => !wanted.has(`${route.dst} ${route.gateway}`))
    .map(
      (route): IpLine => ({
        text: `route del ${route.dst} via ${route.gateway} dev ${route.dev}`,
        owner,
        tolerate: 'missing',
      }),
    );
}
