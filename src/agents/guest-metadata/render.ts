/**
 * What a guest is told about itself: the same tree by metadata service and by config drive.
 * @see https://docs.openstack.org/nova/latest/user/metadata.html
 */
import type { GuestMetadata } from '#protocol/guests.ts';
import { EC2_VERSIONS, type Ec2Tree, ec2Tree, findInTree, printTree } from './ec2.ts';
import { networkData } from './network-data.ts';

/** Each with the documents that came with it. */
const OPENSTACK_VERSIONS = [
  '2012-08-10',
  '2013-04-04',
  '2013-10-17',
  '2015-10-15',
  '2016-06-30',
  '2016-10-06',
  '2017-02-22',
  '2018-08-27',
  '2020-10-14',
] as const;
type OpenstackVersion = (typeof OPENSTACK_VERSIONS)[number];

const FIRST_WITH = {
  'random seed': '2013-04-04',
  password: '2013-04-04',
  'vendor data': '2013-10-17',
  'network data': '2015-10-15',
  'project id': '2015-10-15',
  devices: '2016-06-30',
  'dynamic vendor data': '2016-10-06',
  'dedicated cpus': '2020-10-14',
} as const satisfies Record<string, OpenstackVersion>;

export interface MetadataDocument {
  readonly contentType: 'text/plain; charset=UTF-8' | 'application/json';
  readonly body: string | Buffer;
}

/**
 * The document at a path of the metadata service; undefined when there is none.
 * @param path such as `/openstack/latest/meta_data.json` or `/latest/meta-data/`.
 */
export function lookUpMetadata(guest: GuestMetadata, path: string): MetadataDocument | undefined {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) return undefined;
  if (parts[0] === 'openstack') return lookUpOpenstack(guest, parts.slice(1));
  return lookUpEc2(guest, parts[0] === 'ec2' ? parts.slice(1) : parts);
}

/** The files of a guest's config drive; the administrator's password is told here and nowhere else. */
export function renderConfigDrive(
  guest: GuestMetadata,
): { readonly path: string; readonly content: string | Buffer }[] {
  const userData = decodeUserData(guest);
  const extra = guest.adminPassword === null ? {} : { admin_pass: guest.adminPassword };
  const ec2 = (['2009-04-04', 'latest'] as const).flatMap((version) => [
    { path: `ec2/${version}/meta-data.json`, content: JSON.stringify(ec2Tree(guest, newest(EC2_VERSIONS, version))) },
    ...(userData === undefined ? [] : [{ path: `ec2/${version}/user-data`, content: userData }]),
  ]);
  const openstack = [...OPENSTACK_VERSIONS, 'latest' as const].flatMap((folder) => {
    const version = newest(OPENSTACK_VERSIONS, folder);
    return documentsOf(guest, version, extra).map(({ name, body }) => ({
      path: `openstack/${folder}/${name}`,
      content: body,
    }));
  });
  return [...ec2, ...openstack];
}

function lookUpOpenstack(guest: GuestMetadata, [version, name, ...rest]: string[]): MetadataDocument | undefined {
  if (version === undefined) return text([...OPENSTACK_VERSIONS, 'latest'].join('\n'));
  const known = newestKnown(OPENSTACK_VERSIONS, version);
  if (known === undefined || rest.length > 0) return undefined;
  const documents = documentsOf(guest, known, {});
  if (name === undefined) return text(documentNames(documents, known).join('\n'));
  if (name === 'password' && known >= FIRST_WITH.password) return text('');
  const found = documents.find((document) => document.name === name);
  if (found === undefined) return undefined;
  return name.endsWith('.json') ? { contentType: 'application/json', body: found.body } : text(found.body);
}

function lookUpEc2(guest: GuestMetadata, [version, ...path]: string[]): MetadataDocument | undefined {
  if (version === undefined) return text([...EC2_VERSIONS, 'latest'].join('\n'));
  const known = newestKnown(EC2_VERSIONS, version);
  if (known === undefined) return undefined;
  const userData = decodeUserData(guest);
  if (path[0] === 'user-data') return path.length === 1 && userData !== undefined ? text(userData) : undefined;
  const tree: Ec2Tree = { 'meta-data': ec2Tree(guest, known), ...(userData === undefined ? {} : { 'user-data': '' }) };
  const found = findInTree(tree, path);
  return found === undefined ? undefined : text(printTree(found));
}

interface NamedDocument {
  readonly name: string;
  readonly body: string | Buffer;
}

function documentsOf(guest: GuestMetadata, version: OpenstackVersion, extra: object): NamedDocument[] {
  const userData = decodeUserData(guest);
  return [
    { name: 'meta_data.json', body: JSON.stringify({ ...metaData(guest, version), ...extra }) },
    ...(userData === undefined ? [] : [{ name: 'user_data', body: userData }]),
    ...(version >= FIRST_WITH['vendor data'] ? [{ name: 'vendor_data.json', body: '{}' }] : []),
    ...(version >= FIRST_WITH['network data']
      ? [{ name: 'network_data.json', body: JSON.stringify(networkData(guest)) }]
      : []),
    ...(version >= FIRST_WITH['dynamic vendor data'] ? [{ name: 'vendor_data2.json', body: '{}' }] : []),
  ];
}

/** In nova's order: the password comes after the first two. */
function documentNames(documents: readonly NamedDocument[], version: OpenstackVersion): string[] {
  const [early, late] = [true, false].map((isEarly) =>
    documents.map((document) => document.name).filter((name) => EARLY_DOCUMENTS.has(name) === isEarly),
  ) as [string[], string[]];
  return [...early, ...(version >= FIRST_WITH.password ? ['password'] : []), ...late];
}

const EARLY_DOCUMENTS: ReadonlySet<string> = new Set(['meta_data.json', 'user_data']);

function metaData(guest: GuestMetadata, version: OpenstackVersion): object {
  const has = (what: keyof typeof FIRST_WITH): boolean => version >= FIRST_WITH[what];
  return {
    uuid: guest.instanceId,
    ...(Object.keys(guest.meta).length === 0 ? {} : { meta: guest.meta }),
    ...(guest.keys.length === 0
      ? {}
      : { public_keys: Object.fromEntries(guest.keys.map((key) => [key.name, key.data])), keys: guest.keys }),
    hostname: guest.hostname,
    name: guest.name,
    launch_index: guest.launchIndex,
    availability_zone: guest.availabilityZone,
    ...(has('random seed') ? { random_seed: guest.randomSeed } : {}),
    ...(has('project id') ? { project_id: guest.projectId } : {}),
    ...(has('devices') ? { devices: [] } : {}),
    ...(has('dedicated cpus') ? { dedicated_cpus: [] } : {}),
  };
}

function decodeUserData(guest: GuestMetadata): Buffer | undefined {
  return guest.userData === null ? undefined : Buffer.from(guest.userData, 'base64');
}

function newestKnown<V extends string>(versions: readonly V[], asked: string): V | undefined {
  return asked === 'latest' ? versions.at(-1) : versions.find((version) => version === asked);
}

function newest<V extends string>(versions: readonly V[], asked: V | 'latest'): V {
  return newestKnown(versions, asked) as V;
}

function text(body: string | Buffer): MetadataDocument {
  return { contentType: 'text/plain; charset=UTF-8', body };
}
