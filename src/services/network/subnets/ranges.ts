/** Arithmetic of a subnet's addresses; pure. */
import { type Cidr, formatAddress, parseAddress, parseCidr } from '#kernel/net.ts';
import { badRequest, conflict } from '../errors.ts';
import type { AddressRange } from './tables.ts';

export interface NumericRange {
  readonly first: bigint;
  readonly last: bigint;
}

/** A prefix that has been checked before. */
export function cidrOf(text: string): Cidr {
  const cidr = parseCidr(text);
  if (cidr === undefined) throw new TypeError(`'${text}' is no prefix`);
  return cidr;
}

/** An address that has been checked before, as a number. */
export function numberOf(text: string): bigint {
  const address = parseAddress(text);
  if (address === undefined) throw new TypeError(`'${text}' is no address`);
  return address.value;
}

/** The gateway that a subnet gets when none is asked for: its first address. */
export function defaultGateway(cidr: Cidr): string {
  return formatAddress(cidr.version, cidr.first === cidr.last ? cidr.first : cidr.first + 1n);
}

/** All that hosts may have, without the gateway. */
export function defaultPools(cidr: Cidr, gatewayIp: string | null): AddressRange[] {
  const range = usable(cidr);
  const gateway = gatewayIp === null ? undefined : parseAddress(gatewayIp);
  const parts: NumericRange[] =
    gateway === undefined ||
    gateway.version !== cidr.version ||
    gateway.value < range.first ||
    gateway.value > range.last
      ? [range]
      : [
          { first: range.first, last: gateway.value - 1n },
          { first: gateway.value + 1n, last: range.last },
        ];
  return parts
    .filter(({ first, last }) => first <= last)
    .map(({ first, last }) => ({ start: formatAddress(cidr.version, first), end: formatAddress(cidr.version, last) }));
}

/** Addresses that hosts may have: not the network's own and, in IPv4, not the broadcast address. */
export function usable(cidr: Cidr): NumericRange {
  if (cidr.first === cidr.last) return cidr;
  if (cidr.version === 6) return { first: cidr.first + 1n, last: cidr.last };
  if (cidr.prefixLength > 30) return cidr;
  return { first: cidr.first + 1n, last: cidr.last - 1n };
}

/** Ranges that have been checked before, as numbers. */
export function numericRanges(pools: readonly AddressRange[]): NumericRange[] {
  return pools.map(({ start, end }) => ({ first: numberOf(start), last: numberOf(end) }));
}

/**
 * Makes sure that ranges lie in their subnet, apart from each other and from the gateway.
 * @throws {BadRequest} or {Conflict} with neutron's classes.
 */
export function checkPools(
  pools: readonly { readonly start?: string | undefined; readonly end?: string | undefined }[],
  cidrText: string,
  gatewayIp: string | null,
): AddressRange[] {
  const cidr = cidrOf(cidrText);
  const bounds = usable(cidr);
  const checked = pools.map(({ start = '', end = '' }) => {
    const [first, last] = [parseAddress(start), parseAddress(end)];
    const shown = `${start}-${end}`;
    if (first === undefined || last === undefined || first.version !== cidr.version || last.version !== cidr.version)
      throw badRequest('InvalidAllocationPool', `The allocation pool ${shown} is not valid.`);
    if (last.value < first.value)
      throw badRequest('InvalidAllocationPool', `The allocation pool ${shown} is not valid.`);
    if (first.value < bounds.first || last.value > bounds.last)
      throw badRequest(
        'OutOfBoundsAllocationPool',
        `The allocation pool ${shown} spans beyond the subnet cidr ${cidrText}.`,
      );
    return { start, end, first: first.value, last: last.value };
  });
  const sorted = checked.toSorted((a, b) => (a.first < b.first ? -1 : 1));
  for (const [i, pool] of sorted.entries()) {
    const next = sorted[i + 1];
    if (next !== undefined && next.first <= pool.last)
      throw conflict(
        'OverlappingAllocationPools',
        `Found overlapping allocation pools: ${pool.start}-${pool.end} ${next.start}-${next.end} for subnet ${cidrText}.`,
      );
  }
  refuseGatewayInPools(sorted, gatewayIp);
  return checked.map(({ start, end }) => ({ start, end }));
}

/** @throws {Conflict} `GatewayConflictWithAllocationPools`. */
export function refuseGatewayInPools(pools: readonly AddressRange[], gatewayIp: string | null): void {
  if (gatewayIp === null) return;
  const gateway = numberOf(gatewayIp);
  const pool = pools.find(({ start, end }) => numberOf(start) <= gateway && gateway <= numberOf(end));
  if (pool !== undefined)
    throw conflict(
      'GatewayConflictWithAllocationPools',
      `Gateway ip ${gatewayIp} conflicts with allocation pool ${pool.start}-${pool.end}.`,
    );
}

/** The address that a port makes for itself of a /64 prefix and its MAC (RFC 4291, modified EUI-64). */
export function eui64(cidr: Cidr, macAddress: string): string {
  const mac = BigInt(`0x${macAddress.replaceAll(':', '')}`);
  const high = (mac >> 24n) ^ 0x020000n;
  const low = mac & 0xffffffn;
  return formatAddress(6, cidr.first + ((high << 40n) | (0xfffen << 24n) | low));
}
