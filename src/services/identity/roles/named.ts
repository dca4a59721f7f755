import type { Db } from '#kernel/db/database.ts';
import { notFound } from '../errors.ts';
import { findRoleByName, getRole } from './store.ts';
import type { RoleRow, RoleTables } from './tables.ts';

/** Roles given by id or by name, each once. @throws {NotFound} `identity.role.not_found`. */
export async function namedRoles(
  db: Db<RoleTables>,
  refs: readonly { readonly id?: string; readonly name?: string }[],
): Promise<RoleRow[]> {
  const found = new Map<string, RoleRow>();
  for (const { id, name } of refs) {
    const role = id === undefined ? await findRoleByName(db, '', name ?? '') : await getRole(db, id);
    if (role === undefined) throw notFound('role', name ?? '');
    found.set(role.id, role);
  }
  return [...found.values()];
}
