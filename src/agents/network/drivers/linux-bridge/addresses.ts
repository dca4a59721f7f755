/** Addresses and prefixes as scripts of the host want them: in one canonical form, for they are compared, too. */
import ipaddr from 'ipaddr.js';
import { type Cidr, formatAddress, formatCidr, isMacAddress, parseAddress, parseCidr } from '#kernel/net.ts';

/** 4 or 6, or undefined if the text is no address. */
export function familyOf(text: string): 4 | 6 | undefined {
  return parseAddress(text)?.version;
}

/** Lower case with colons, or undefined. */
export function canonicalMac(text: string): string | undefined {
  return isMacAddress(text) ? text.toLowerCase() : undefined;
}

/** A prefix with its host bits cleared; a bare address counts as a prefix of full length. Undefined if it is neither. */
export function parsePrefix(text: string): Cidr | undefined {
  return parseCidr(text) ?? parseCidr(`${text}/${familyOf(text) === 4 ? 32 : 128}`);
}

/** `10.0.0.0/24`; a single address is written without a length. */
export function formatPrefix(cidr: Cidr): string {
  return cidr.first === cidr.last ? formatAddress(cidr.version, cidr.first) : formatCidr(cidr);
}

/** Sorted, without repetitions and without prefixes that lie inside others: nftables refuses overlaps. */
export function withoutOverlaps(cidrs: readonly Cidr[]): readonly Cidr[] {
  const sorted = cidrs.toSorted(
    (a, b) =>
      compare(BigInt(a.version), BigInt(b.version)) || compare(a.first, b.first) || a.prefixLength - b.prefixLength,
  );
  const kept: Cidr[] = [];
  for (const cidr of sorted) {
    const last = kept.at(-1);
    if (last !== undefined && last.version === cidr.version && cidr.first <= last.last) continue;
    kept.push(cidr);
  }
  return kept;
}

/** The link-local address that a host with this MAC gives itself (modified EUI-64). */
export function linkLocalOf(mac: string): string {
  const bytes = mac.split(':').map((part) => Number.parseInt(part, 16));
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = bytes;
  const words = [0xfe80, 0, 0, 0, ((a ^ 2) << 8) | b, (c << 8) | 0xff, 0xfe00 | d, (e << 8) | f];
  return new ipaddr.IPv6(words).toRFC5952String();
}

/** 32 hex digits after `0x`, for a raw match on an IPv6 address. */
export function rawHex(value: bigint): string {
  return `0x${value.toString(16).padStart(32, '0')}`;
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
