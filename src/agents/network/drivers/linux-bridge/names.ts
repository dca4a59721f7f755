/**
 * What things are called on the host. Names come from ids, so that nothing has to be remembered; bridges, taps and
 * namespaces are called as neutron's Linux bridge agent calls them, because people and tools know these names.
 */
import { createHash } from 'node:crypto';

/** Linux allows 15 characters for an interface: three say what it is, eleven of the id which. */
const ID_CHARS = 11;

const cut = (id: string): string => id.slice(0, ID_CHARS);

export const bridgeName = (networkId: string): string => `brq${cut(networkId)}`;
export const vxlanName = (networkId: string): string => `vxl${cut(networkId)}`;
export const vlanName = (networkId: string): string => `vln${cut(networkId)}`;
/** The link between a network's bridge and the bridge that a physical network stands for: our end and theirs. */
export const patchNames = (networkId: string): readonly [string, string] => [
  `pvb${cut(networkId)}`,
  `pvp${cut(networkId)}`,
];
export const dhcpInnerName = (portId: string): string => `ns-${cut(portId)}`;
export const routerInnerName = (portId: string): string => `qr-${cut(portId)}`;
export const gatewayInnerName = (portId: string): string => `qg-${cut(portId)}`;
export const dhcpNamespace = (networkId: string): string => `qdhcp-${networkId}`;
export const routerNamespace = (routerId: string): string => `qrouter-${routerId}`;

/** An interface's alias says whose it is: `pileus:<cloud>:<resource key>`. */
export const aliasOf = (cloudId: string, key: string): string => `pileus:${cloudId}:${key}`;

/** The resource key in an alias of this cloud, or undefined for anything else. */
export function keyOfAlias(cloudId: string, alias: string | undefined): string | undefined {
  const prefix = `pileus:${cloudId}:`;
  return alias?.startsWith(prefix) === true ? alias.slice(prefix.length) : undefined;
}

/** The nftables tables of this cloud: `pileus_<8 hex digits>`. */
export const tableName = (cloudId: string): string => `pileus_${shortHash(cloudId, 8)}`;

/** The first hex digits of a text's SHA-256. */
export function shortHash(text: string, digits = 16): string {
  return createHash('sha256').update(text).digest('hex').slice(0, digits);
}

/**
 * A number from an id, in `[min, min + size)`, that no other id of the list has. It stays the same as long as no
 * smaller id of the list wants the same number.
 */
export function numberIds(ids: readonly string[], min: number, size: number): ReadonlyMap<string, number> {
  const taken = new Map<number, string>();
  const numbers = new Map<string, number>();
  for (const id of ids.toSorted()) {
    let offset = Number.parseInt(shortHash(id, 12), 16) % size;
    while (taken.has(offset)) offset = (offset + 1) % size;
    taken.set(offset, id);
    numbers.set(id, min + offset);
  }
  return numbers;
}
