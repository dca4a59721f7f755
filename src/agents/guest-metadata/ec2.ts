import type { GuestMetadata } from '#protocol/guests.ts';

/** A leaf, a list that is shown line by line, or a folder. `_name` is how a folder is listed in its parent. */
export type Ec2Tree = string | readonly string[] | { readonly [key: string]: Ec2Tree };

/** Versions of Amazon's tree that nova serves. Some keys came with a later one. */
export const EC2_VERSIONS = [
  '1.0',
  '2007-01-19',
  '2007-03-01',
  '2007-08-29',
  '2007-10-10',
  '2007-12-15',
  '2008-02-01',
  '2008-09-01',
  '2009-04-04',
] as const;
export type Ec2Version = (typeof EC2_VERSIONS)[number];

/** The guest's metadata as Amazon names it. @see nova/api/metadata/base.py, get_ec2_metadata */
export function ec2Tree(guest: GuestMetadata, version: Ec2Version): { readonly [key: string]: Ec2Tree } {
  const fixed = guest.networks.flatMap((network) =>
    network.subnets.filter((subnet) => subnet.ipVersion === 4).map((subnet) => subnet.address),
  );
  const publicAddress = guest.networks.flatMap((network) => network.publicAddresses)[0] ?? '';
  const key = guest.keys[0];
  // versions are dates, and '1.0' sorts before them
  const has = (since: Ec2Version): boolean => version >= since;
  return {
    'ami-id': `ami-${(guest.imageId ?? '00000000').slice(0, 8)}`,
    'ami-launch-index': String(guest.launchIndex),
    'ami-manifest-path': 'FIXME',
    'instance-id': guest.ec2Id,
    hostname: guest.hostname,
    'local-ipv4': fixed[0] ?? '',
    'reservation-id': guest.ec2Id.replace(/^i-/, 'r-'),
    'security-groups': guest.securityGroups,
    ...(key === undefined ? {} : { 'public-keys': { '0': { _name: `0=${key.name}`, 'openssh-key': key.data } } }),
    ...(has('2007-01-19')
      ? { 'local-hostname': guest.hostname, 'public-hostname': guest.hostname, 'public-ipv4': publicAddress }
      : {}),
    ...(has('2007-08-29') ? { 'instance-type': guest.flavorName } : {}),
    ...(has('2007-12-15') ? { 'block-device-mapping': { ami: 'vda', root: '/dev/vda' } } : {}),
    ...(has('2008-02-01') ? { placement: { 'availability-zone': guest.availabilityZone } } : {}),
    ...(has('2008-09-01') ? { 'instance-action': 'none' } : {}),
  };
}

/** Follows a path; undefined when it leads nowhere. */
export function findInTree(tree: Ec2Tree, path: readonly string[]): Ec2Tree | undefined {
  const [name, ...rest] = path;
  if (name === undefined) return tree;
  if (typeof tree === 'string' || isList(tree) || name === '_name' || !Object.hasOwn(tree, name)) return undefined;
  return findInTree(tree[name] as Ec2Tree, rest);
}

/** What the service shows of a part of the tree. @see nova/api/metadata/base.py, ec2_md_print */
export function printTree(tree: Ec2Tree): string {
  if (typeof tree === 'string') return tree;
  if (isList(tree)) return tree.join('\n');
  return Object.keys(tree)
    .filter((key) => key !== '_name')
    .toSorted()
    .map((key) => listing(key, tree[key] as Ec2Tree))
    .join('\n');
}

function listing(key: string, value: Ec2Tree): string {
  if (typeof value === 'string' || isList(value)) return key;
  return typeof value._name === 'string' ? value._name : `${key}/`;
}

function isList(tree: Ec2Tree): tree is readonly string[] {
  return Array.isArray(tree);
}
