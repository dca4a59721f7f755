import type { Db } from '#kernel/db/database.ts';
import { badRequest, conflict } from '../errors.ts';
import { listSharedIds } from '../networks/store.ts';
import { addRbacPolicy } from '../rbac-policies/store.ts';
import { newRow, standardView, type WireObject, type Write } from '../resources/resource.ts';
import { deleteAttachments, type Scope, touchRow } from '../resources/store.ts';
import { listPoolsOfScope } from '../subnet-pools/store.ts';
import type { NetworkTables } from '../tables.ts';
import {
  addressScopeNotFound,
  deleteAddressScopeRow,
  getAddressScope,
  insertAddressScope,
  renameAddressScope,
} from './store.ts';
import type { AddressScopeRow } from './tables.ts';

const WHOLE: Scope = { projectId: null, isAdmin: true };

export async function viewAddressScopes(
  db: Db<NetworkTables>,
  rows: readonly AddressScopeRow[],
  scope: Scope,
): Promise<WireObject[]> {
  const shared = await listSharedIds(
    db,
    'address_scope',
    rows.map(({ id }) => id),
    scope.projectId,
  );
  return rows.map((row) => {
    const { description: _description, ...standard } = standardView(row);
    return { ...standard, id: row.id, name: row.name, ip_version: row.ip_version, shared: shared.has(row.id) };
  });
}

export async function createAddressScope(
  write: Write,
  values: { readonly project_id: string; readonly name: string; readonly ip_version: 4 | 6; readonly shared: boolean },
): Promise<string> {
  const row: AddressScopeRow = {
    ...newRow(write, { project_id: values.project_id }),
    name: values.name,
    ip_version: values.ip_version,
  };
  await insertAddressScope(write.tx, row);
  if (values.shared) await addRbacPolicy(write, row, 'access_as_shared', 'address_scope');
  return row.id;
}

export async function updateAddressScope(
  write: Write,
  id: string,
  changes: { readonly name?: string | undefined; readonly shared?: boolean | undefined },
): Promise<void> {
  const row = await getAddressScope(write.tx, WHOLE, id);
  if (changes.shared === false)
    throw badRequest(
      'AddressScopeUpdateError',
      `Unable to update address scope ${id} : Shared address scope can't be unshared.`,
    );
  if (changes.shared === true) await addRbacPolicy(write, row, 'access_as_shared', 'address_scope');
  if (changes.name !== undefined) await renameAddressScope(write.tx, id, changes.name);
  if (!(await touchRow(write.tx, 'address_scopes', id, write.deps.clock.now().getTime())))
    throw addressScopeNotFound(id);
}

export async function deleteAddressScope(write: Write, id: string): Promise<void> {
  if ((await listPoolsOfScope(write.tx, id)).length > 0)
    throw conflict(
      'AddressScopeInUse',
      `Unable to complete operation on address scope ${id}. There are one or more subnet pools in use on the address scope.`,
    );
  await deleteAttachments(write.tx, id);
  await deleteAddressScopeRow(write.tx, id);
}
