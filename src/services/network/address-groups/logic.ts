import type { Db } from '#kernel/db/database.ts';
import { fromJson, toJson } from '#kernel/db/json.ts';
import { badRequest, conflict, notFound } from '../errors.ts';
import { touchAddressGroup } from '../hosts/touch.ts';
import { listSharedIds } from '../networks/store.ts';
import { addRbacPolicy } from '../rbac-policies/store.ts';
import { newRow, standardView, type WireObject, type Write } from '../resources/resource.ts';
import { deleteAttachments, type Scope, touchRow } from '../resources/store.ts';
import { isAddressGroupInUse } from '../security-groups/store.ts';
import type { NetworkTables } from '../tables.ts';
import { deleteAddressGroupRow, getAddressGroup, insertAddressGroup, updateAddressGroupRow } from './store.ts';
import type { AddressGroupRow } from './tables.ts';

const WHOLE: Scope = { projectId: null, isAdmin: true };
/** Prefixes of one group: each is an element of a set on every host that uses it. */
const MAX_ADDRESSES = 1_000;

export async function viewAddressGroups(
  db: Db<NetworkTables>,
  rows: readonly AddressGroupRow[],
  scope: Scope,
): Promise<WireObject[]> {
  const shared = await listSharedIds(
    db,
    'address_group',
    rows.map(({ id }) => id),
    scope.projectId,
  );
  return rows.map((row) => ({
    ...standardView(row),
    name: row.name,
    addresses: fromJson(row.addresses),
    shared: shared.has(row.id),
  }));
}

export async function createAddressGroup(
  write: Write,
  values: {
    readonly project_id: string;
    readonly name: string;
    readonly description: string;
    readonly addresses: readonly string[];
    readonly shared: boolean;
  },
): Promise<string> {
  const addresses = toPrefixes(values.addresses);
  const row: AddressGroupRow = { ...newRow(write, values), name: values.name, addresses: toJson(limited(addresses)) };
  await insertAddressGroup(write.tx, row);
  if (values.shared) await addRbacPolicy(write, row, 'access_as_shared', 'address_group');
  return row.id;
}

export async function updateAddressGroup(
  write: Write,
  id: string,
  changes: { readonly name?: string | undefined; readonly description?: string | undefined },
): Promise<void> {
  await updateAddressGroupRow(write.tx, id, changes);
  await touchRow(write.tx, 'address_groups', id, write.deps.clock.now().getTime());
}

export async function deleteAddressGroup(write: Write, id: string): Promise<void> {
  if (await isAddressGroupInUse(write.tx, id))
    throw conflict('AddressGroupInUse', `Address group ${id} is in use on one or more security group rules.`);
  await deleteAttachments(write.tx, id);
  await deleteAddressGroupRow(write.tx, id);
}

/** Puts addresses into a group, or takes some out; hosts with rules that name it are told. */
export async function changeAddresses(
  write: Write,
  id: string,
  verb: 'add' | 'remove',
  given: readonly string[],
): Promise<void> {
  const row = await getAddressGroup(write.tx, WHOLE, id);
  const current = fromJson(row.addresses);
  const wanted = toPrefixes(given);
  if (verb === 'add') {
    const known = wanted.filter((address) => current.includes(address));
    if (known.length > 0)
      throw badRequest(
        'AddressesAlreadyExist',
        `Addresses ${known.slice(0, 20).join(', ')} already exist in the address group ${id}.`,
      );
    await updateAddressGroupRow(write.tx, id, { addresses: limited([...current, ...wanted]) });
  } else {
    const unknown = wanted.filter((address) => !current.includes(address));
    if (unknown.length > 0)
      throw notFound(
        'AddressesNotFound',
        `Addresses ${unknown.slice(0, 20).join(', ')} not found in the address group ${id}.`,
      );
    await updateAddressGroupRow(write.tx, id, { addresses: current.filter((address) => !wanted.includes(address)) });
  }
  await touchRow(write.tx, 'address_groups', id, write.deps.clock.now().getTime());
  await touchAddressGroup(write, id);
}

function toPrefixes(addresses: readonly string[]): string[] {
  const prefixes = addresses.map((text) => (text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`));
  return [...new Set(prefixes)];
}

function limited(addresses: readonly string[]): readonly string[] {
  if (addresses.length > MAX_ADDRESSES)
    throw badRequest('BadRequest', `Bad address_group request: A group holds no more than ${MAX_ADDRESSES} addresses.`);
  return addresses;
}
