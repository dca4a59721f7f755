/** Security group rules as nftables matches. A rule that makes no sense is refused here, alone, before nft sees it. */
import { ICMP, ICMPV6, IP_PROTOCOLS, PROTOCOLS_WITH_PORTS } from '#kernel/ip-protocols.ts';
import type { Cidr } from '#kernel/net.ts';
import type { DesiredSecurityGroupRule } from '#protocol/networks.ts';
import { formatPrefix, parsePrefix, withoutOverlaps } from './addresses.ts';

/** A rule that can be written down: the match without what follows from the remote side. */
export interface RuleMatch {
  readonly ipVersion: 4 | 6;
  /** Without the remote part, such as `meta nfproto ipv4 meta l4proto 6 th dport 22`. */
  readonly match: string;
  /** Null is anybody. */
  readonly remotes: readonly Cidr[] | null;
}

/**
 * Translates one rule. Returns undefined for a rule that nobody can ever match (its remote group is empty), and a
 * sentence for a rule that cannot be understood.
 */
export function translateRule(rule: DesiredSecurityGroupRule): RuleMatch | string | undefined {
  if (rule.ipVersion !== 4 && rule.ipVersion !== 6) return `IP version ${String(rule.ipVersion)} is neither 4 nor 6`;
  const remotes = rule.remoteCidrs === null ? null : translateRemotes(rule.remoteCidrs, rule.ipVersion);
  if (typeof remotes === 'string') return remotes;
  const protocol = translateProtocol(rule);
  if ('refused' in protocol) return protocol.refused;
  if (remotes !== null && remotes.length === 0) return undefined;
  return { ipVersion: rule.ipVersion, match: `meta nfproto ipv${rule.ipVersion}${protocol.match}`, remotes };
}

function translateRemotes(texts: readonly string[], family: 4 | 6): readonly Cidr[] | string {
  const cidrs: Cidr[] = [];
  for (const text of texts) {
    const cidr = parsePrefix(text);
    if (cidr === undefined) return `'${printable(text)}' is not an address or prefix`;
    if (cidr.version === family) cidrs.push(cidr);
  }
  return withoutOverlaps(cidrs);
}

function translateProtocol(rule: DesiredSecurityGroupRule): { match: string } | { refused: string } {
  const number = protocolNumber(rule.protocol, rule.ipVersion);
  if (number === undefined) return { refused: `protocol '${printable(rule.protocol ?? '')}' is not known` };
  if (number === null) {
    if (rule.portMin !== null || rule.portMax !== null) return { refused: 'ports need a protocol' };
    return { match: '' };
  }
  if (number === ICMP || number === ICMPV6) return icmpMatch(number, rule);
  if (rule.portMin === null && rule.portMax === null) return { match: ` meta l4proto ${number}` };
  if (!PROTOCOLS_WITH_PORTS.has(number))
    return { refused: `protocol '${printable(rule.protocol ?? '')}' has no ports` };
  const { portMin: min, portMax: max } = rule;
  if (!isWithin(min, 65_535) || !isWithin(max, 65_535) || min > max)
    return { refused: `ports ${min}-${max} are no range` };
  return { match: ` meta l4proto ${number} th dport ${min === max ? min : `${min}-${max}`}` };
}

function icmpMatch(number: number, rule: DesiredSecurityGroupRule): { match: string } | { refused: string } {
  const name = number === ICMP ? 'icmp' : 'icmpv6';
  if ((number === ICMP) !== (rule.ipVersion === 4))
    return { refused: `${name} does not exist in IPv${rule.ipVersion}` };
  const { portMin: type, portMax: code } = rule;
  if (type === null)
    return code === null ? { match: ` meta l4proto ${number}` } : { refused: 'an ICMP code needs a type' };
  if (!isWithin(type, 255)) return { refused: `${String(type)} is not an ICMP type` };
  if (code === null) return { match: ` meta l4proto ${number} ${name} type ${type}` };
  if (!isWithin(code, 255)) return { refused: `${String(code)} is not an ICMP code` };
  return { match: ` meta l4proto ${number} ${name} type ${type} ${name} code ${code}` };
}

/** Null is any protocol; undefined is none that exists. As in neutron, `icmp` in an IPv6 rule means ICMPv6, and 0 any. */
function protocolNumber(name: string | null, ipVersion: 4 | 6): number | null | undefined {
  if (name === null) return null;
  const text = name.toLowerCase();
  if (text === 'any' || text === '') return null;
  const number = /^\d{1,3}$/.test(text)
    ? Number(text)
    : Object.hasOwn(IP_PROTOCOLS, text)
      ? IP_PROTOCOLS[text]
      : undefined;
  if (number === undefined || number > 255) return undefined;
  if (number === 0) return null;
  return number === ICMP && ipVersion === 6 ? ICMPV6 : number;
}

function isWithin(value: number | null, max: number): value is number {
  return value !== null && Number.isInteger(value) && value >= 0 && value <= max;
}

/** A user's text for a message: bounded and without control characters. */
export function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 64);
}

/** The remote side as text for nft, sorted. */
export function remoteTexts(remotes: readonly Cidr[]): readonly string[] {
  return remotes.map(formatPrefix);
}
