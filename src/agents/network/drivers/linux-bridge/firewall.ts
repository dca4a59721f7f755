/**
 * Security groups and anti-spoofing as one nftables script.
 *
 * Theory of operation. A table of family `bridge` sees each frame before br_netfilter does: it lets a guest's frame pass
 * only with the addresses of its port, and marks the packet with the port's number. A table of family `inet`, which sees
 * bridged packets through br_netfilter, tracks connections (one zone per bridge, because networks may use the same
 * addresses) and asks the rules by that mark. On the way out the bridge table marks again, with the number of the port that the
 * packet goes to and {@link INGRESS_BIT}, so that both sides of a conversation on one host are judged each by their own
 * rules. Packets without our marks are none of our business: nothing here drops another's traffic.
 *
 * Established flows are not accepted for ever. Whoever accepts the first packet writes the first 16 bits of the hash of the
 * rules that allowed it into the flow's mark, one half for each direction. After the rules have changed the hash
 * is another and the flow's next packet is judged anew; so a flow that is no longer allowed ends at once, with no need of
 * `conntrack -D`, and replacing the rules and judging the flows again is one transaction.
 *
 * Both tables change in one transaction. A chain that nothing jumps to carries the hash of it all: it is the cheapest thing
 * to list, and it disappears with the rest when somebody flushes the rule set.
 */
import type { Cidr } from '#kernel/net.ts';
import { tapName } from '#protocol/devices.ts';
import type { DesiredNetworks, DesiredPort, DesiredSecurityGroup } from '#protocol/networks.ts';
import { canonicalMac, formatPrefix, linkLocalOf, parsePrefix, rawHex, withoutOverlaps } from './addresses.ts';
import { bridgeName, numberIds, shortHash, tableName } from './names.ts';
import { printable, remoteTexts, translateRule } from './rules.ts';
import { type Chain, type ElementSet, hashOf, type ScriptLine, type Table } from './ruleset.ts';

/** All our marks have this bit, so that they are unlike the small numbers that other programs use. */
const OURS_BIT = 0x4000_0000;
/** Distinguishes "comes from this port" from "goes to this port". */
const INGRESS_BIT = 0x8000_0000;
const PORT_NUMBERS = 0x4000_0000;
/** Conntrack zones are 16 bits wide; 0 is the host's own. */
const ZONES = 65_535;
/** More source addresses than this on one port are cut off: the API's quota is far lower, and the kernel's sets are not free. */
const MAX_SOURCES = 512;

export interface FirewallProblem {
  readonly portId: string;
  readonly code: string;
  readonly message: string;
}

export interface Firewall {
  readonly tables: readonly Table[];
  /** Of all that the tables contain. */
  readonly hash: string;
  readonly problems: readonly FirewallProblem[];
}

export interface FirewallInput {
  readonly cloudId: string;
  readonly desired: Pick<DesiredNetworks, 'networks' | 'ports' | 'securityGroups'>;
  /** All devices in our bridges: what they send to the host itself is dropped. */
  readonly members: readonly string[];
  /** What comes from this prefix through this bridge of the host leaves with the host's own addresses. */
  readonly masquerade: readonly { readonly bridge: string; readonly cidr: Cidr }[];
  /** Owners that nft refused: ports among them get nothing through, rules of groups among them are left out. */
  readonly excluded?: ReadonlySet<string>;
}

/** Writes the whole script. Pure. */
export function renderFirewall(input: FirewallInput): Firewall {
  const { desired, cloudId } = input;
  const excluded = input.excluded ?? new Set<string>();
  const problems: FirewallProblem[] = [];
  const table = tableName(cloudId);
  const secured = desired.ports.filter((port) => port.hasPortSecurity).toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const numbers = numberIds(
    secured.map((port) => port.id),
    OURS_BIT,
    PORT_NUMBERS,
  );
  const remoteSets = new Map<string, ElementSet>();
  const groups = new Map(desired.securityGroups.map((group) => [group.id, renderGroup(group, remoteSets, excluded)]));
  const usedGroups = new Set(secured.flatMap((port) => port.securityGroupIds));
  const ports = secured.map((port) => renderPort(port, numbers.get(port.id) ?? 0, groups, excluded, problems));
  const bridge: Table = {
    family: 'bridge',
    name: table,
    sets: [
      elementMap(
        'sources',
        'ifname : verdict',
        ports.map((port) => `"${port.tap}" : goto ${port.sourceChain}`),
      ),
      elementMap(
        'destinations',
        'ifname : mark',
        ports.map((port) => `"${port.tap}" : ${hex(port.mark | INGRESS_BIT)}`),
      ),
      {
        name: 'members',
        kind: 'set',
        type: 'ifname',
        isInterval: false,
        elements: input.members.toSorted().map((name) => `"${name}"`),
      },
    ],
    chains: [
      hooked('prerouting', 'prerouting priority -310', ['iifname vmap @sources']),
      hooked('input', 'input priority -310', ['iifname @members drop']),
      hooked('postrouting', 'postrouting priority -310', ['meta mark set oifname map @destinations']),
      ...ports.map((port) => port.source),
    ],
  };
  const inet: Table = {
    family: 'inet',
    name: table,
    sets: [
      ...[...remoteSets.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1)),
      elementMap(
        'approvals',
        'mark : verdict',
        ports.flatMap((port) => port.acceptElements),
      ),
      elementMap(
        'senders',
        'mark : verdict',
        ports.map((port) => `${hex(port.mark)} : goto ${port.egressChain}`),
      ),
      elementMap(
        'receivers',
        'mark : verdict',
        ports.map((port) => `${hex(port.mark | INGRESS_BIT)} : goto ${port.ingressChain}`),
      ),
    ],
    chains: [
      hooked('prerouting', 'prerouting priority raw', zoneLines(desired.networks.map((network) => network.id))),
      plain('accepted', ['meta mark vmap @approvals']),
      ...basicChains(),
      ...ports.flatMap((port) => port.approvals),
      ...[...groups].filter(([id]) => usedGroups.has(id)).flatMap(([, group]) => group.chains),
      ...ports.flatMap((port) => port.judges),
      hooked('forward', 'forward priority filter', ['meta mark vmap @senders']),
      hooked('postrouting', 'postrouting priority filter', ['meta mark vmap @receivers']),
      {
        name: 'outbound',
        hook: 'type nat hook postrouting priority srcnat; policy accept;',
        rules: masqueradeLines(input.masquerade).map((text) => ({ text })),
      },
    ],
  };
  for (const port of secured) noteGroupProblems(port, groups, problems);
  return { tables: [bridge, inet], hash: hashOf([bridge, inet]), problems };
}

interface RenderedGroup {
  readonly chains: readonly Chain[];
  readonly problems: readonly string[];
  /** Changes whenever what the group allows changes. */
  readonly content: { readonly ingress: string; readonly egress: string };
}

function renderGroup(
  group: DesiredSecurityGroup,
  sets: Map<string, ElementSet>,
  excluded: ReadonlySet<string>,
): RenderedGroup {
  const problems: string[] = [];
  const rules: Record<'ingress' | 'egress', ScriptLine[]> = { ingress: [], egress: [] };
  for (const rule of group.rules.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    const owner = `group ${group.id} rule ${rule.id}`;
    if (excluded.has(owner)) {
      problems.push(`rule ${rule.id}: refused by the kernel`);
      continue;
    }
    const translated = translateRule(rule);
    if (translated === undefined) continue;
    if (typeof translated === 'string') {
      problems.push(`rule ${rule.id}: ${translated}`);
      continue;
    }
    const side = rule.direction === 'ingress' ? 'saddr' : 'daddr';
    const remote = remoteMatch(translated.ipVersion, side, translated.remotes, sets);
    rules[rule.direction].push({ text: `${translated.match}${remote} goto accepted`, owner });
  }
  const tag = chainTag(group.id);
  return {
    problems,
    chains: [jumped(`gi_${tag}`, rules.ingress), jumped(`ge_${tag}`, rules.egress)],
    content: {
      ingress: rules.ingress.map((line) => line.text).join('\n'),
      egress: rules.egress.map((line) => line.text).join('\n'),
    },
  };
}

/** A single remote stands in the rule; several become a set, shared by all rules with the same remotes. */
function remoteMatch(
  family: 4 | 6,
  side: 'saddr' | 'daddr',
  remotes: readonly Cidr[] | null,
  sets: Map<string, ElementSet>,
): string {
  if (remotes === null) return '';
  const keyword = family === 4 ? 'ip' : 'ip6';
  const texts = remoteTexts(remotes);
  if (texts.length === 1) return remotes[0]?.prefixLength === 0 ? '' : ` ${keyword} ${side} ${texts[0]}`;
  const name = `r${family}_${shortHash(texts.join(','))}`;
  sets.set(name, {
    name,
    kind: 'set',
    type: family === 4 ? 'ipv4_addr' : 'ipv6_addr',
    isInterval: true,
    elements: texts,
  });
  return ` ${keyword} ${side} @${name}`;
}

interface RenderedPort {
  readonly tap: string;
  readonly mark: number;
  readonly sourceChain: string;
  readonly ingressChain: string;
  readonly egressChain: string;
  readonly source: Chain;
  readonly judges: readonly Chain[];
  readonly approvals: readonly Chain[];
  readonly acceptElements: readonly string[];
}

function renderPort(
  port: DesiredPort,
  mark: number,
  groups: ReadonlyMap<string, RenderedGroup>,
  excluded: ReadonlySet<string>,
  problems: FirewallProblem[],
): RenderedPort {
  const owner = `port ${port.id}`;
  const tag = chainTag(port.id);
  const isExcluded = excluded.has(owner);
  if (isExcluded)
    problems.push({
      portId: port.id,
      code: 'network.port.refused',
      message: "The kernel refused the port's filters; nothing passes.",
    });
  const known = port.securityGroupIds.filter((id) => groups.has(id)).toSorted();
  const generation = (direction: 'ingress' | 'egress'): number =>
    Number.parseInt(
      shortHash(
        `${port.id} ${port.macAddress} ${known.map((id) => groups.get(id)?.content[direction]).join('\n-\n')}`,
        4,
      ),
      16,
    ) || 1;
  const gates = isExcluded ? [] : (['ingress', 'egress'] as const);
  return {
    tap: tapName(port.id),
    mark,
    sourceChain: `s_${tag}`,
    ingressChain: `i_${tag}`,
    egressChain: `e_${tag}`,
    source: jumped(`s_${tag}`, [
      { text: `meta mark set ${hex(mark)}`, owner },
      ...(isExcluded ? [{ text: 'drop' }] : sourceLines(port, problems).map((text) => ({ text, owner }))),
    ]),
    approvals: gates.map((direction) =>
      jumped(`a${direction[0]}_${tag}`, [{ text: acceptFlow(direction, generation(direction)), owner }]),
    ),
    acceptElements: gates.map(
      (direction) => `${hex(direction === 'ingress' ? mark | INGRESS_BIT : mark)} : goto a${direction[0]}_${tag}`,
    ),
    judges: (['ingress', 'egress'] as const).map((direction) =>
      jumped(`${direction[0]}_${tag}`, [
        ...(isExcluded ? [] : flowLines(direction, generation(direction), known).map((text) => ({ text, owner }))),
        { text: 'drop' },
      ]),
    ),
  };
}

/** The half of a flow's mark that tells which rules accepted it in one direction. */
function acceptFlow(direction: 'ingress' | 'egress', generation: number): string {
  return direction === 'ingress'
    ? `ct mark set ct mark and 0xffff0000 or ${hex(generation)} accept`
    : `ct mark set ct mark and 0x0000ffff or ${hex(generation * 0x1_0000)} accept`;
}

function flowLines(
  direction: 'ingress' | 'egress',
  generation: number,
  groupIds: readonly string[],
): readonly string[] {
  const judged =
    direction === 'ingress'
      ? `ct mark and 0x0000ffff == ${hex(generation)} accept`
      : `ct mark and 0xffff0000 == ${hex(generation * 0x1_0000)} accept`;
  return [
    'ct state invalid drop',
    'ct state established ct direction reply accept',
    'ct state related accept',
    `ct state established ${judged}`,
    `jump basic_${direction}`,
    ...groupIds.map((id) => `jump g${direction[0]}_${chainTag(id)}`),
  ];
}

/** What every guest needs to get and keep its addresses, whatever its groups say; as neutron allows it. */
function basicChains(): readonly Chain[] {
  return [
    plain('basic_ingress', [
      'meta nfproto ipv4 udp sport 67 udp dport 68 accept',
      'meta nfproto ipv6 udp sport 547 udp dport 546 accept',
      // multicast listener query, router and neighbour advertisement, neighbour solicitation
      'meta nfproto ipv6 icmpv6 type { 130, 134, 135, 136 } accept',
    ]),
    plain('basic_egress', [
      'meta nfproto ipv4 udp sport 68 udp dport 67 accept',
      'meta nfproto ipv6 udp sport 546 udp dport 547 accept',
      // multicast listener messages, router and neighbour solicitation, neighbour advertisement (its target is checked before)
      'meta nfproto ipv6 icmpv6 type { 130, 131, 132, 133, 135, 136, 143 } accept',
    ]),
  ];
}

/** The anti-spoofing of one port: what a frame from it may say about its sender. */
function sourceLines(port: DesiredPort, problems: FirewallProblem[]): readonly string[] {
  const own = canonicalMac(port.macAddress);
  const refuse = (message: string): void =>
    void problems.push({ portId: port.id, code: 'network.port.bad_address', message });
  if (own === undefined) {
    refuse(`'${printable(port.macAddress)}' is not a MAC address; nothing passes.`);
    return ['drop'];
  }
  const byMac = new Map<string, Cidr[]>([[own, []]]);
  const allow = (mac: string, text: string, what: string): void => {
    const cidr = parsePrefix(text);
    if (cidr === undefined)
      return refuse(`The ${what} '${printable(text)}' is not an address or prefix and is left out.`);
    byMac.set(mac, [...(byMac.get(mac) ?? []), cidr]);
  };
  for (const fixed of port.fixedIps) allow(own, fixed.address, 'fixed IP');
  for (const pair of port.allowedAddressPairs) {
    const mac = pair.macAddress === '' ? own : canonicalMac(pair.macAddress);
    if (mac === undefined) refuse(`The allowed MAC address '${printable(pair.macAddress)}' is none and is left out.`);
    else allow(mac, pair.cidr, 'allowed address');
  }
  const macs = [...byMac.keys()].toSorted();
  for (const mac of macs) allow(mac, linkLocalOf(mac), 'link-local address');
  const sources = macs.flatMap((mac) => withoutOverlaps(byMac.get(mac) ?? []).map((cidr) => ({ mac, cidr })));
  if (sources.length > MAX_SOURCES) refuse(`Only ${MAX_SOURCES} of ${sources.length} source addresses are allowed.`);
  return sourceRules(macs, sources.slice(0, MAX_SOURCES));
}

function sourceRules(
  macs: readonly string[],
  sources: readonly { readonly mac: string; readonly cidr: Cidr }[],
): readonly string[] {
  const v4 = sources.filter(({ cidr }) => cidr.version === 4);
  const v6 = sources.filter(({ cidr }) => cidr.version === 6);
  const anyMac = macs.length === 1 ? String(macs[0]) : `{ ${macs.join(', ')} }`;
  const v4Set = v4.map(({ mac, cidr }) => `${mac} . ${formatPrefix(cidr)}`).join(', ');
  const v6Set = v6.map(({ mac, cidr }) => `${mac} . ${formatPrefix(cidr)}`).join(', ');
  const arpSet = v4.map(({ mac, cidr }) => `${mac} . ${mac} . ${formatPrefix(cidr)}`);
  // A probe for one's own address names no sender (RFC 5227).
  const probes = macs.map((mac) => `${mac} . ${mac} . 0.0.0.0`);
  const isAnyV4 = v4.some(({ cidr }) => cidr.prefixLength === 0);
  const targets = withoutOverlaps(v6.map(({ cidr }) => cidr)).map((cidr) =>
    cidr.prefixLength === 128 ? rawHex(cidr.first) : `${rawHex(cidr.first)}-${rawHex(cidr.last)}`,
  );
  return [
    'ether type { 8021q, 8021ad } drop',
    `ether saddr . arp saddr ether . arp saddr ip { ${[...arpSet, ...(isAnyV4 ? [] : probes)].join(', ')} } accept`,
    'ether type arp drop',
    'udp sport 67 udp dport 68 drop',
    'udp sport 547 udp dport 546 drop',
    'icmpv6 type { nd-router-advert, nd-redirect } drop',
    `icmpv6 type nd-neighbor-advert @th,64,128 != { ${targets.join(', ')} } drop`,
    ...(v4Set === '' ? [] : [`ether saddr . ip saddr { ${v4Set} } accept`]),
    `ether saddr ${anyMac} ip saddr 0.0.0.0 ip daddr 255.255.255.255 udp sport 68 udp dport 67 accept`,
    `ether saddr . ip6 saddr { ${v6Set} } accept`,
    // Before it has an address a host may only ask whether the address is free, and say which groups it listens to.
    `ether saddr ${anyMac} ip6 saddr :: icmpv6 type { 131, 135, 143 } accept`,
    'drop',
  ];
}

function zoneLines(networkIds: readonly string[]): readonly string[] {
  if (networkIds.length === 0) return [];
  const zones = [...numberIds(networkIds, 1, ZONES)].map(([id, zone]) => `"${bridgeName(id)}" : ${zone}`);
  return [`ct zone set iifname map { ${zones.join(', ')} }`];
}

/** The bridge is named because bridged packets of our networks pass this hook too, and must not be translated. */
function masqueradeLines(sources: FirewallInput['masquerade']): readonly string[] {
  return sources.map(({ bridge, cidr }) => {
    const keyword = cidr.version === 4 ? 'ip' : 'ip6';
    const text = formatPrefix(cidr);
    return `iifname "${bridge}" ${keyword} saddr ${text} ${keyword} daddr != ${text} masquerade`;
  });
}

function noteGroupProblems(
  port: DesiredPort,
  groups: ReadonlyMap<string, RenderedGroup>,
  problems: FirewallProblem[],
): void {
  for (const id of port.securityGroupIds) {
    const group = groups.get(id);
    const messages = group === undefined ? ['it is not known on this host; it allows nothing'] : group.problems;
    for (const message of messages) {
      problems.push({
        portId: port.id,
        code: 'network.rule.invalid',
        message: `Security group ${id}: ${message}; it is left out.`,
      });
    }
  }
}

function chainTag(id: string): string {
  return id.replaceAll(/[^0-9a-zA-Z]/g, '');
}

function hooked(name: string, hook: string, rules: readonly string[]): Chain {
  return { name, hook: `type filter hook ${hook}; policy accept;`, rules: rules.map((text) => ({ text })) };
}

function plain(name: string, rules: readonly string[]): Chain {
  return { name, hook: null, rules: rules.map((text) => ({ text })) };
}

function jumped(name: string, rules: readonly ScriptLine[]): Chain {
  return { name, hook: null, rules };
}

function elementMap(name: string, type: string, elements: readonly string[]): ElementSet {
  return { name, kind: 'map', type, isInterval: false, elements };
}

/** `>>> 0` because JavaScript's bit operations give signed numbers. */
function hex(value: number): string {
  return `0x${(value >>> 0).toString(16).padStart(8, '0')}`;
}
