/** Addresses and prefixes: read strictly, written in one canonical form, because they go into scripts and are compared. */
import ipaddr from 'ipaddr.js';

export interface Cidr {
  readonly family: 4 | 6;
  /** The network's first address. */
  readonly base: bigint;
  readonly prefix: number;
}

/** No leading zeros: some programs would read them as octal. */
const STRICT_V4 = /^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$/;
const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;

/** The canonical text of an address, or undefined if it is none. Zones (`%eth0`) and short IPv4 forms are refused. */
export function canonicalAddress(text: string): string | undefined {
  return parseAddress(text)?.toString();
}

/** 4 or 6, or undefined if the text is no address. */
export function familyOf(text: string): 4 | 6 | undefined {
  const address = parseAddress(text);
  if (address === undefined) return undefined;
  return address.kind() === 'ipv4' ? 4 : 6;
}

/** Lower case with colons, or undefined. */
export function canonicalMac(text: string): string | undefined {
  const mac = text.toLowerCase();
  return MAC.test(mac) ? mac : undefined;
}

/** A prefix with its host bits cleared; a bare address counts as a prefix of full length. Undefined if it is neither. */
export function parseCidr(text: string): Cidr | undefined {
  const [addressText, prefixText, ...rest] = text.split('/');
  if (addressText === undefined || rest.length > 0) return undefined;
  const address = parseAddress(addressText);
  if (address === undefined) return undefined;
  const family = address.kind() === 'ipv4' ? 4 : 6;
  const bits = widthOf(family);
  if (prefixText !== undefined && !/^\d{1,3}$/.test(prefixText)) return undefined;
  const prefix = prefixText === undefined ? bits : Number(prefixText);
  if (prefix > bits) return undefined;
  const hostBits = BigInt(bits - prefix);
  return { family, base: (toNumber(address) >> hostBits) << hostBits, prefix };
}

/** `10.0.0.0/24`; a single address is written without a length. */
export function formatCidr(cidr: Cidr): string {
  const address = formatNumber(cidr.base, cidr.family);
  return cidr.prefix === widthOf(cidr.family) ? address : `${address}/${cidr.prefix}`;
}

/** The last address of a prefix. */
export function lastOf(cidr: Cidr): bigint {
  return cidr.base + (1n << BigInt(widthOf(cidr.family) - cidr.prefix)) - 1n;
}

/** Sorted, without repetitions and without prefixes that lie inside others: nftables refuses overlaps. */
export function withoutOverlaps(cidrs: readonly Cidr[]): readonly Cidr[] {
  const sorted = cidrs.toSorted(
    (a, b) => compare(BigInt(a.family), BigInt(b.family)) || compare(a.base, b.base) || a.prefix - b.prefix,
  );
  const kept: Cidr[] = [];
  for (const cidr of sorted) {
    const last = kept.at(-1);
    if (last !== undefined && last.family === cidr.family && cidr.base <= lastOf(last)) continue;
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

function parseAddress(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  if (STRICT_V4.test(text)) return ipaddr.IPv4.isValid(text) ? ipaddr.IPv4.parse(text) : undefined;
  if (!text.includes(':') || text.includes('%') || !ipaddr.IPv6.isValid(text)) return undefined;
  const address = ipaddr.IPv6.parse(text);
  return Object.assign(address, { toString: () => address.toRFC5952String() });
}

function toNumber(address: ipaddr.IPv4 | ipaddr.IPv6): bigint {
  return address.toByteArray().reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

function formatNumber(value: bigint, family: 4 | 6): string {
  const bytes = Array.from({ length: widthOf(family) / 8 }, (_, index, count = widthOf(family) / 8) =>
    Number((value >> BigInt(8 * (count - 1 - index))) & 255n),
  );
  const address = ipaddr.fromByteArray(bytes);
  return address.kind() === 'ipv4' ? address.toString() : (address as ipaddr.IPv6).toRFC5952String();
}

const widthOf = (family: 4 | 6): 32 | 128 => (family === 4 ? 32 : 128);

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
