/** Giving prefixes out of pools. */
import { fromJson } from '#kernel/db/json.ts';
import { type Cidr, cidrsOverlap, formatCidr } from '#kernel/net.ts';
import { badRequest, badResource, overQuota } from '../errors.ts';
import type { Write } from '../resources/resource.ts';
import { cidrOf } from '../subnets/ranges.ts';
import { listSubnetsOfNetwork, listSubnetsOfPools } from '../subnets/store.ts';
import type { SubnetRow } from '../subnets/tables.ts';
import { findDefaultPool, getSubnetPool, listPoolsOfScope } from './store.ts';
import type { SubnetPoolRow } from './tables.ts';

/**
 * The pool that a new subnet is taken from, or undefined when it has none.
 * @throws {BadRequest} when the network's other subnets come from another one.
 */
export async function choosePool(
  write: Write,
  wanted: {
    readonly networkId: string;
    readonly poolId: string | null;
    readonly useDefault: boolean;
    readonly ipVersion: 4 | 6 | undefined;
    readonly hasCidr: boolean;
  },
): Promise<SubnetPoolRow | undefined> {
  const pool = await findPool(write, wanted);
  if (pool !== undefined && wanted.ipVersion !== undefined && pool.ip_version !== wanted.ipVersion)
    throw badResource(
      'subnets',
      'Cannot allocate IPv' + `${wanted.ipVersion} subnet from IPv${pool.ip_version} subnet pool`,
    );
  const version = pool?.ip_version ?? wanted.ipVersion;
  const others = (await listSubnetsOfNetwork(write.tx, wanted.networkId)).filter(
    (subnet) => subnet.ip_version === version,
  );
  if (others.some((other) => other.subnetpool_id !== (pool?.id ?? null)))
    throw badRequest(
      'NetworkSubnetPoolAffinityError',
      'Subnets hosted on the same network must be allocated from the same subnet pool.',
    );
  return pool;
}

async function findPool(
  write: Write,
  wanted: { readonly poolId: string | null; readonly useDefault: boolean; readonly ipVersion: 4 | 6 | undefined },
): Promise<SubnetPoolRow | undefined> {
  if (wanted.poolId !== null) {
    if (wanted.useDefault)
      throw badResource('subnets', 'subnetpool_id and use_default_subnetpool cannot both be specified');
    return getSubnetPool(write.tx, write.scope, wanted.poolId);
  }
  if (!wanted.useDefault) return undefined;
  const found = await findDefaultPool(write.tx, wanted.ipVersion ?? 4);
  if (found === undefined) throw badResource('subnets', `No default subnetpool found for IPv${wanted.ipVersion ?? 4}`);
  return found;
}

/**
 * The prefix that was asked for, or the first free one of a length.
 * @throws {BadRequest} when the pool can't give it; {OverLimit} beyond the pool's quota per project.
 */
export async function allocatePrefix(
  write: Write,
  pool: SubnetPoolRow,
  projectId: string,
  wanted: { readonly cidr: string | null; readonly prefixLength: number | undefined },
): Promise<string> {
  const length =
    wanted.cidr === null ? (wanted.prefixLength ?? pool.default_prefixlen) : cidrOf(wanted.cidr).prefixLength;
  if (length < pool.min_prefixlen)
    throw badRequest(
      'MinPrefixSubnetAllocationError',
      `Unable to allocate subnet with prefix length ${length}, minimum allowed prefix is ${pool.min_prefixlen}.`,
    );
  if (length > pool.max_prefixlen)
    throw badRequest(
      'MaxPrefixSubnetAllocationError',
      `Unable to allocate subnet with prefix length ${length}, maximum allowed prefix is ${pool.max_prefixlen}.`,
    );
  const given = await listSubnetsOfPools(write.tx, [pool.id]);
  checkPoolQuota(pool, projectId, length, given);
  const taken = await takenOf(write, pool, given);
  const prefixes = fromJson(pool.prefixes).map(cidrOf);
  if (wanted.cidr !== null) {
    const cidr = cidrOf(wanted.cidr);
    const isInside = prefixes.some((prefix) => prefix.first <= cidr.first && cidr.last <= prefix.last);
    if (!isInside || taken.some((other) => cidrsOverlap(other, cidr)))
      throw badRequest(
        'SubnetAllocationError',
        'Failed to allocate subnet: Cannot allocate requested subnet from the available set of prefixes.',
      );
    return wanted.cidr;
  }
  const found = firstFree(prefixes, taken, length);
  if (found === undefined)
    throw badRequest(
      'SubnetAllocationError',
      `Failed to allocate subnet: Insufficient prefix space to allocate subnet size /${length}.`,
    );
  return formatCidr(found);
}

/** The first free block of a length in the prefixes. Pure. */
export function firstFree(prefixes: readonly Cidr[], taken: readonly Cidr[], length: number): Cidr | undefined {
  const sorted = taken.toSorted((a, b) => (a.first < b.first ? -1 : 1));
  for (const prefix of prefixes.toSorted((a, b) => (a.first < b.first ? -1 : 1))) {
    if (length < prefix.prefixLength) continue;
    const size = 1n << BigInt((prefix.version === 4 ? 32 : 128) - length);
    let first = prefix.first;
    for (const other of sorted) {
      if (other.last < first) continue;
      if (other.first > first + size - 1n) break;
      first = ((other.last + size) / size) * size;
    }
    if (first + size - 1n <= prefix.last)
      return { version: prefix.version, prefixLength: length, first, last: first + size - 1n };
  }
  return undefined;
}

/** Everything in the address scope counts: addresses must not meet anywhere in it. */
async function takenOf(write: Write, pool: SubnetPoolRow, own: readonly SubnetRow[]): Promise<Cidr[]> {
  if (pool.address_scope_id === null) return own.map((subnet) => cidrOf(subnet.cidr));
  const pools = await listPoolsOfScope(write.tx, pool.address_scope_id);
  const all = await listSubnetsOfPools(
    write.tx,
    pools.map(({ id }) => id),
  );
  return all.map((subnet) => cidrOf(subnet.cidr));
}

/** IPv4 counts addresses, IPv6 counts /64s. */
function checkPoolQuota(pool: SubnetPoolRow, projectId: string, length: number, given: readonly SubnetRow[]): void {
  if (pool.default_quota === null) return;
  const bits = pool.ip_version === 4 ? 32 : 64;
  const sizeOf = (prefixLength: number): bigint => (prefixLength > bits ? 1n : 1n << BigInt(bits - prefixLength));
  const used = given
    .filter((subnet) => subnet.project_id === projectId)
    .reduce((sum, subnet) => sum + sizeOf(cidrOf(subnet.cidr).prefixLength), 0n);
  if (used + sizeOf(length) > BigInt(pool.default_quota)) throw overQuota(['Per-project subnet pool prefix']);
}
