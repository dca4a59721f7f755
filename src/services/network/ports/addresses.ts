/**
 * Which addresses a port gets.
 *
 * Every address in use is a row of `port_addresses`, whose key (subnet, address) decides races. An automatic one is picked
 * at random among the first free ones, so that two controllers that pick at once seldom meet, and low addresses go first.
 */
import { fromJson } from '#kernel/db/json.ts';
import { type CloudError } from '#kernel/errors.ts';
import { cidrHas, formatAddress } from '#kernel/net.ts';
import { badRequest, conflict, invalidInput } from '../errors.ts';
import type { Write } from '../resources/resource.ts';
import { isAutoAddressed } from '../subnets/check.ts';
import { cidrOf, eui64, type NumericRange, numberOf, numericRanges, usable } from '../subnets/ranges.ts';
import { listSubnetsById, listSubnetsOfNetwork, subnetNotFound } from '../subnets/store.ts';
import type { SubnetRow } from '../subnets/tables.ts';
import { isRouterPort } from './owners.ts';
import { countAddresses, listPorts, listTakenAddresses, takeAddress } from './store.ts';
import type { PortAddressRow } from './tables.ts';

/** What a caller says of one address: any of a subnet, a certain one, or both. */
export interface AddressWish {
  readonly subnet_id?: string | undefined;
  readonly ip_address?: string | undefined;
}

export interface Holder {
  readonly portId: string;
  readonly networkId: string;
  readonly macAddress: string;
  readonly deviceOwner: string;
}

/** Addresses of one port. Each is a rule on its host and a lease. */
export const MAX_FIXED_IPS = 32;
/** Free addresses that the random pick is among at least, where there are as many. */
const WINDOW = 16;
/** Picks before the whole subnet is read. */
const MAX_PICKS = 12;

/**
 * Gives a port what was wished for, or one address per IP version when nothing was; addresses that ports make for
 * themselves (SLAAC) come on top.
 * @throws {Conflict} when an address is in use or none is left; {BadRequest} for one that fits no subnet.
 */
export async function allocateAddresses(
  write: Write,
  holder: Holder,
  wishes: readonly AddressWish[] | undefined,
  firstPosition = 0,
): Promise<PortAddressRow[]> {
  const subnets = await listSubnetsOfNetwork(write.tx, holder.networkId);
  const taken: PortAddressRow[] = [];
  const take = async (subnet: SubnetRow, address: string): Promise<boolean> => {
    const row = {
      subnet_id: subnet.id,
      address,
      port_id: holder.portId,
      network_id: holder.networkId,
      position: firstPosition + taken.length,
    };
    if (!(await takeAddress(write.tx, row))) return false;
    taken.push(row);
    return true;
  };
  const chosen =
    wishes === undefined
      ? await allocateAny(write, holder, subnets, take)
      : await allocateWished(write, holder, subnets, wishes, take);
  if (!isRouterPort(holder.deviceOwner)) {
    for (const subnet of subnets.filter((each) => isAutoAddressed(each) && !chosen.has(each.id)))
      await take(subnet, eui64(cidrOf(subnet.cidr), holder.macAddress));
  }
  return taken;
}

/** Gives every port of the network its address in a new subnet that ports address themselves. */
export async function addAutoAddresses(write: Write, subnet: SubnetRow): Promise<void> {
  for (const port of await listPorts(write.tx, { networkIds: [subnet.network_id] })) {
    if (isRouterPort(port.device_owner) || port.device_owner === 'network:floatingip') continue;
    await takeAddress(write.tx, {
      subnet_id: subnet.id,
      address: eui64(cidrOf(subnet.cidr), port.mac_address),
      port_id: port.id,
      network_id: subnet.network_id,
      position: MAX_FIXED_IPS,
    });
  }
}

type Take = (subnet: SubnetRow, address: string) => Promise<boolean>;

/** One address of each version that the network gives out. */
async function allocateAny(
  write: Write,
  holder: Holder,
  subnets: readonly SubnetRow[],
  take: Take,
): Promise<ReadonlySet<string>> {
  const usableOnes = servingSubnets(subnets, holder.deviceOwner).filter((subnet) => !isAutoAddressed(subnet));
  for (const version of [4, 6] as const) {
    const candidates = usableOnes.filter((subnet) => subnet.ip_version === version);
    if (candidates.length === 0) continue;
    let isDone = false;
    for (const subnet of candidates) {
      isDone = await allocateFrom(write, subnet, take);
      if (isDone) break;
    }
    if (!isDone) throw exhausted(holder.networkId);
  }
  return new Set();
}

async function allocateWished(
  write: Write,
  holder: Holder,
  subnets: readonly SubnetRow[],
  wishes: readonly AddressWish[],
  take: Take,
): Promise<ReadonlySet<string>> {
  if (wishes.length > MAX_FIXED_IPS)
    throw invalidInput(`Exceeded maximum amount of fixed ips per port: ${MAX_FIXED_IPS}`);
  const chosen = new Set<string>();
  // Certain addresses first, so that an automatic one doesn't take what is asked for next.
  const ordered = wishes.toSorted((a, b) => Number(a.ip_address === undefined) - Number(b.ip_address === undefined));
  for (const wish of ordered) {
    const subnet = await subnetOf(write, holder, subnets, wish);
    chosen.add(subnet.id);
    const isAuto = isAutoAddressed(subnet) && !isRouterPort(holder.deviceOwner);
    if (wish.ip_address === undefined) {
      const done = isAuto
        ? await take(subnet, eui64(cidrOf(subnet.cidr), holder.macAddress))
        : await allocateFrom(write, subnet, take);
      if (!done) throw exhausted(holder.networkId);
      continue;
    }
    if (isAuto && wish.ip_address !== eui64(cidrOf(subnet.cidr), holder.macAddress))
      throw invalidInput(
        `IPv6 address ${wish.ip_address} can not be directly assigned to a port on subnet ${subnet.id} as the subnet is configured for automatic addresses`,
      );
    if (!(await take(subnet, wish.ip_address))) throw addressInUse(holder.networkId, wish.ip_address);
  }
  return chosen;
}

async function subnetOf(
  write: Write,
  { networkId, deviceOwner }: Holder,
  subnets: readonly SubnetRow[],
  wish: AddressWish,
): Promise<SubnetRow> {
  if (subnets.length === 0 && wish.subnet_id === undefined)
    throw invalidInput('IP allocation requires subnets for network');
  if (wish.subnet_id !== undefined) {
    const subnet = subnets.find(({ id }) => id === wish.subnet_id);
    if (subnet === undefined) {
      if ((await listSubnetsById(write.tx, [wish.subnet_id])).length === 0) throw subnetNotFound(wish.subnet_id);
      throw invalidInput(
        `Failed to create port on network ${networkId}, because fixed_ips included invalid subnet ${wish.subnet_id}`,
      );
    }
    if (wish.ip_address !== undefined && !isOnSubnet(subnet, wish.ip_address, deviceOwner))
      throw badRequest(
        'InvalidIpForSubnet',
        `IP address ${wish.ip_address} is not a valid IP for the specified subnet.`,
      );
    return subnet;
  }
  const { ip_address: address } = wish;
  if (address === undefined) throw invalidInput('IP allocation requires subnet_id or ip_address');
  const subnet = subnets.find((each) => isOnSubnet(each, address, deviceOwner));
  if (subnet === undefined)
    throw badRequest(
      'InvalidIpForNetwork',
      `IP address ${address} is not a valid IP for any of the subnets on the specified network.`,
    );
  return subnet;
}

/** Neither the network's nor the broadcast address; routers may have IPv6's first one. */
function isOnSubnet(subnet: SubnetRow, address: string, deviceOwner: string): boolean {
  const cidr = cidrOf(subnet.cidr);
  if (!cidrHas(cidr, address)) return false;
  if (cidr.version === 6 && (isRouterPort(deviceOwner) || deviceOwner === '')) return true;
  const { first, last } = usable(cidr);
  const value = numberOf(address);
  return value >= first && value <= last;
}

/** Subnets reserved for certain owners serve only them; the others everybody else. */
function servingSubnets(subnets: readonly SubnetRow[], deviceOwner: string): SubnetRow[] {
  const typesOf = (subnet: SubnetRow): readonly string[] => fromJson(subnet.service_types);
  const own = subnets.filter((subnet) =>
    typesOf(subnet).some((type) => type === deviceOwner || (type.endsWith(':') && deviceOwner.startsWith(type))),
  );
  const dhcpToo = deviceOwner === 'network:dhcp' ? subnets : own;
  return dhcpToo.length > 0 ? [...dhcpToo] : subnets.filter((subnet) => typesOf(subnet).length === 0);
}

/** @returns false when the subnet has no address left. */
async function allocateFrom(write: Write, subnet: SubnetRow, take: Take): Promise<boolean> {
  const ranges = numericRanges(fromJson(subnet.allocation_pools));
  const size = ranges.reduce((sum, { first, last }) => sum + last - first + 1n, 0n);
  const used = await countAddresses(write.tx, subnet.id);
  const window = Number(size < BigInt(2 * used + WINDOW) ? size : BigInt(2 * used + WINDOW));
  for (let pick = 0; pick < MAX_PICKS && window > 0; pick++) {
    const offset = BigInt(write.deps.random.below(window));
    if (await take(subnet, formatAddress(subnet.ip_version, nth(ranges, offset)))) return true;
  }
  const taken = await listTakenAddresses(write.tx, subnet.id);
  const limit = BigInt(taken.size + 1);
  for (let offset = 0n; offset < size && offset <= limit; offset++) {
    const address = formatAddress(subnet.ip_version, nth(ranges, offset));
    if (!taken.has(address) && (await take(subnet, address))) return true;
  }
  return false;
}

function nth(ranges: readonly NumericRange[], offset: bigint): bigint {
  let left = offset;
  for (const { first, last } of ranges) {
    if (left <= last - first) return first + left;
    left -= last - first + 1n;
  }
  throw new RangeError('an offset beyond all ranges');
}

export function addressInUse(networkId: string, address: string): CloudError {
  return conflict(
    'IpAddressInUse',
    `Unable to complete operation for network ${networkId}. The IP address ${address} is in use.`,
  );
}

function exhausted(networkId: string): CloudError {
  return conflict('IpAddressGenerationFailure', `No more IP addresses available on network ${networkId}.`);
}
