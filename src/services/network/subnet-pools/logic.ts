import type { Db } from '#kernel/db/database.ts';
import { fromJson, toBit, toJson } from '#kernel/db/json.ts';
import { type Cidr, cidrsOverlap, formatCidr } from '#kernel/net.ts';
import { getAddressScope } from '../address-scopes/store.ts';
import { badRequest, conflict, invalidInput } from '../errors.ts';
import { listSharedIds } from '../networks/store.ts';
import { addRbacPolicy } from '../rbac-policies/store.ts';
import type { Changes, NewValues } from '../resources/attributes.ts';
import { newRow, standardView, type WireObject, type Write } from '../resources/resource.ts';
import { deleteAttachments, type Scope, tagsOf, touchRow } from '../resources/store.ts';
import { cidrOf } from '../subnets/ranges.ts';
import { listSubnetsOfPools } from '../subnets/store.ts';
import type { NetworkTables } from '../tables.ts';
import type { subnetPoolAttributes } from './schema.ts';
import {
  deleteSubnetPoolRow,
  findDefaultPool,
  getSubnetPool,
  insertSubnetPool,
  listPoolsOfScope,
  updateSubnetPoolRow,
} from './store.ts';
import type { SubnetPoolRow } from './tables.ts';

type New = NewValues<typeof subnetPoolAttributes> & { readonly project_id: string };
type Update = Changes<typeof subnetPoolAttributes>;

const WHOLE: Scope = { projectId: null, isAdmin: true };
/** Prefix lengths that a pool may give when it says nothing of them. */
const LENGTHS = { 4: { min: 8, max: 32 }, 6: { min: 64, max: 128 } } as const;

export async function viewSubnetPools(
  db: Db<NetworkTables>,
  rows: readonly SubnetPoolRow[],
  scope: Scope,
): Promise<WireObject[]> {
  const ids = rows.map(({ id }) => id);
  const shared = await listSharedIds(db, 'subnetpool', ids, scope.projectId);
  const tags = await tagsOf(db, ids);
  return rows.map((row) => ({
    ...standardView(row),
    name: row.name,
    prefixes: fromJson(row.prefixes),
    ip_version: row.ip_version,
    default_prefixlen: row.default_prefixlen,
    min_prefixlen: row.min_prefixlen,
    max_prefixlen: row.max_prefixlen,
    default_quota: row.default_quota,
    is_default: row.is_default === 1,
    shared: shared.has(row.id),
    address_scope_id: row.address_scope_id,
    tags: tags.get(row.id) ?? [],
  }));
}

/** @throws {BadRequest} for prefixes that don't go together. */
export async function createSubnetPool(write: Write, values: New): Promise<string> {
  const prefixes = compact(readPrefixes(values.prefixes));
  const version = prefixes[0]?.version ?? 4;
  const lengths = checkLengths(version, values, { min: LENGTHS[version].min, max: LENGTHS[version].max });
  if (values.is_default) await refuseSecondDefault(write, version, '');
  const row: SubnetPoolRow = {
    ...newRow(write, values),
    name: values.name,
    ip_version: version,
    ...lengths,
    default_quota: values.default_quota ?? null,
    is_default: toBit(values.is_default),
    address_scope_id: null,
    prefixes: toJson(prefixes.map(formatCidr)),
  };
  await insertSubnetPool(write.tx, row);
  if (values.address_scope_id !== null) await joinScope(write, row, values.address_scope_id, prefixes);
  if (values.shared) await addRbacPolicy(write, row, 'access_as_shared', 'subnetpool');
  return row.id;
}

export async function updateSubnetPool(write: Write, id: string, changes: Update): Promise<void> {
  const row = await getSubnetPool(write.tx, WHOLE, id);
  const old = fromJson(row.prefixes).map(cidrOf);
  const prefixes = changes.prefixes === undefined ? old : compact(readPrefixes(changes.prefixes));
  if (prefixes.some(({ version }) => version !== row.ip_version)) throw mixed();
  if (changes.prefixes !== undefined && old.some((prefix) => !prefixes.some((wider) => holds(wider, prefix))))
    throw badRequest(
      'IllegalSubnetPoolPrefixUpdate',
      'Illegal update to prefixes: Existing prefixes must be a subset of the new prefixes.',
    );
  const lengths = checkLengths(row.ip_version, changes, {
    min: row.min_prefixlen,
    max: row.max_prefixlen,
    usual: row.default_prefixlen,
  });
  if (changes.is_default === true) await refuseSecondDefault(write, row.ip_version, id);
  await updateSubnetPoolRow(write.tx, id, {
    ...lengths,
    prefixes: toJson(prefixes.map(formatCidr)),
    ...(changes.name === undefined ? {} : { name: changes.name }),
    ...(changes.description === undefined ? {} : { description: changes.description }),
    ...(changes.default_quota === undefined ? {} : { default_quota: changes.default_quota }),
    ...(changes.is_default === undefined ? {} : { is_default: toBit(changes.is_default) }),
    ...(changes.address_scope_id === null ? { address_scope_id: null } : {}),
  });
  const scopeId = changes.address_scope_id === undefined ? row.address_scope_id : changes.address_scope_id;
  if (scopeId !== null) await joinScope(write, row, scopeId, prefixes);
  await touchRow(write.tx, 'subnet_pools', id, write.deps.clock.now().getTime());
}

export async function deleteSubnetPool(write: Write, id: string): Promise<void> {
  if ((await listSubnetsOfPools(write.tx, [id])).length > 0)
    throw badRequest('SubnetPoolDeleteError', `Unable to delete subnet pool: Subnet pool has existing allocations.`);
  await deleteAttachments(write.tx, id);
  await deleteSubnetPoolRow(write.tx, id);
}

/** Puts more prefixes into a pool, or takes some out. @returns the prefixes then. */
export async function changePrefixes(
  write: Write,
  id: string,
  change: { readonly add?: readonly string[]; readonly remove?: readonly string[] },
): Promise<readonly string[]> {
  const row = await getSubnetPool(write.tx, WHOLE, id);
  let prefixes = fromJson(row.prefixes).map(cidrOf);
  if (change.add !== undefined) {
    const added = readPrefixes(change.add);
    if (added.some(({ version }) => version !== row.ip_version)) throw mixed();
    prefixes = compact([...prefixes, ...added]);
  }
  for (const text of change.remove ?? []) {
    const gone = cidrOf(text);
    prefixes = prefixes.flatMap((prefix) => subtract(prefix, gone));
  }
  const used = (await listSubnetsOfPools(write.tx, [id])).map((subnet) => cidrOf(subnet.cidr));
  if (used.some((subnet) => !prefixes.some((prefix) => holds(prefix, subnet))))
    throw badRequest(
      'IllegalSubnetPoolPrefixUpdate',
      'Illegal update to prefixes: One or more subnets are allocated from the prefixes to be removed.',
    );
  if (row.address_scope_id !== null) await joinScope(write, row, row.address_scope_id, prefixes);
  const texts = prefixes.map(formatCidr);
  await updateSubnetPoolRow(write.tx, id, { prefixes: toJson(texts) });
  await touchRow(write.tx, 'subnet_pools', id, write.deps.clock.now().getTime());
  return texts;
}

/** A prefix without a part of it, as the fewest prefixes. Pure. */
export function subtract(prefix: Cidr, gone: Cidr): Cidr[] {
  if (!cidrsOverlap(prefix, gone)) return [prefix];
  if (holds(gone, prefix)) return [];
  const size = (prefix.last - prefix.first + 1n) / 2n;
  const half = { version: prefix.version, prefixLength: prefix.prefixLength + 1 };
  return [
    ...subtract({ ...half, first: prefix.first, last: prefix.first + size - 1n }, gone),
    ...subtract({ ...half, first: prefix.first + size, last: prefix.last }, gone),
  ];
}

/** The fewest prefixes for the same addresses. Pure. */
export function compact(prefixes: readonly Cidr[]): Cidr[] {
  const kept: Cidr[] = [];
  for (const prefix of prefixes.toSorted((a, b) =>
    a.first === b.first ? a.prefixLength - b.prefixLength : a.first < b.first ? -1 : 1,
  )) {
    if (kept.some((wider) => holds(wider, prefix))) continue;
    kept.push(prefix);
    for (;;) {
      const [low, high] = kept.slice(-2);
      if (low === undefined || high === undefined || low.prefixLength !== high.prefixLength || low.prefixLength === 0)
        break;
      const size = low.last - low.first + 1n;
      if (low.last + 1n !== high.first || low.first % (2n * size) !== 0n) break;
      kept.splice(-2, 2, { ...low, prefixLength: low.prefixLength - 1, last: high.last });
    }
  }
  return kept;
}

function holds(wider: Cidr, prefix: Cidr): boolean {
  return wider.version === prefix.version && wider.first <= prefix.first && prefix.last <= wider.last;
}

function readPrefixes(texts: readonly string[]): Cidr[] {
  if (texts.length === 0) throw badRequest('EmptySubnetPoolPrefixList', 'Empty subnet pool prefix list.');
  const prefixes = texts.map(cidrOf);
  if (new Set(prefixes.map(({ version }) => version)).size > 1) throw mixed();
  return prefixes;
}

function mixed() {
  return badRequest('PrefixVersionMismatch', 'Cannot mix IPv4 and IPv6 prefixes in a subnet pool.');
}

function checkLengths(
  version: 4 | 6,
  given: {
    readonly min_prefixlen?: number | undefined;
    readonly max_prefixlen?: number | undefined;
    readonly default_prefixlen?: number | undefined;
  },
  current: { readonly min: number; readonly max: number; readonly usual?: number },
): { min_prefixlen: number; max_prefixlen: number; default_prefixlen: number } {
  const min = given.min_prefixlen ?? current.min;
  const max = given.max_prefixlen ?? current.max;
  const usual = given.default_prefixlen ?? current.usual ?? min;
  const bits = version === 4 ? 32 : 128;
  for (const length of [min, max, usual]) {
    if (length > bits)
      throw badRequest('UnsupportedMinSubnetPoolPrefix', `Prefix '${length}' not supported in IPv${version} pool.`);
  }
  const refuse = (kind: string, length: number, baseKind: string, base: number): never => {
    throw badRequest('IllegalSubnetPoolPrefixBounds', `Illegal prefix bounds: ${kind}=${length}, ${baseKind}=${base}.`);
  };
  if (min > max) refuse('min_prefixlen', min, 'max_prefixlen', max);
  if (usual > max) refuse('default_prefixlen', usual, 'max_prefixlen', max);
  if (usual < min) refuse('default_prefixlen', usual, 'min_prefixlen', min);
  return { min_prefixlen: min, max_prefixlen: max, default_prefixlen: usual };
}

async function refuseSecondDefault(write: Write, version: 4 | 6, id: string): Promise<void> {
  const other = await findDefaultPool(write.tx, version);
  if (other !== undefined && other.id !== id)
    throw invalidInput(
      'A default subnetpool for this IP family has already been set. Only one default may exist per IP family',
    );
}

/** Puts the pool into an address scope, whose pools must not meet. */
async function joinScope(write: Write, row: SubnetPoolRow, scopeId: string, prefixes: readonly Cidr[]): Promise<void> {
  const scope = await getAddressScope(write.tx, write.scope, scopeId);
  if (scope.project_id !== row.project_id && !write.scope.isAdmin)
    throw badRequest(
      'IllegalSubnetPoolAssociationToAddressScope',
      `Illegal subnetpool association: subnetpool ${row.id} cannot be associated with address scope ${scopeId}.`,
    );
  if (scope.ip_version !== row.ip_version)
    throw badRequest(
      'IllegalSubnetPoolIpVersionAssociationToAddressScope',
      `Illegal subnetpool association: subnetpool ${row.id} cannot associate with address scope ${scopeId} because subnetpool ip_version is not ${scope.ip_version}.`,
    );
  for (const other of await listPoolsOfScope(write.tx, scopeId)) {
    if (other.id === row.id) continue;
    const meets = fromJson(other.prefixes).some((text) =>
      prefixes.some((prefix) => cidrsOverlap(prefix, cidrOf(text))),
    );
    if (meets)
      throw conflict(
        'AddressScopePrefixConflict',
        'Failed to associate address scope: subnetpools within an address scope must have unique prefixes.',
      );
  }
  await updateSubnetPoolRow(write.tx, row.id, { address_scope_id: scopeId });
}
