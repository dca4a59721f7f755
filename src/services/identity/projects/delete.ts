import type { Db } from '#kernel/db/database.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { Forbidden } from '#kernel/errors.ts';
import { deleteAssignmentsOfActor, deleteAssignmentsOnTargets } from '../assignments/store.ts';
import { deleteCredentialsOf } from '../credentials/store.ts';
import type { IdentityDeps } from '../deps.ts';
import { checkMutable } from '../extra.ts';
import { deleteGroup, listGroups } from '../groups/store.ts';
import { revokeTokens } from '../revocations/revoke.ts';
import { deleteRole, listRoles } from '../roles/store.ts';
import type { IdentityTables } from '../tables.ts';
import { clearDefaultProject, deleteUser, listUsers } from '../users/store.ts';
import { deleteProjects, getDomain, getProject, listSubtree } from './store.ts';
import type { ProjectRow } from './tables.ts';

/** What one deletion of a domain takes at a time. */
const BATCH = 1_000;

/**
 * A domain is deleted with all that is in it; a project only when nothing is below it.
 * @throws {Forbidden} for an immutable project, one with children, or an enabled domain.
 */
export async function deleteProject(deps: IdentityDeps, id: string): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    const row = await getProject(tx, id);
    if (row.is_domain === 1) return removeDomain(deps, tx, row);
    checkMutable('project', row);
    if ((await listSubtree(tx, id)).length > 0)
      throw new Forbidden(
        'identity.project.not_leaf',
        `Cannot delete the project ${id} since it is not a leaf in the hierarchy. Use the cascade option if you want to delete a whole subtree.`,
      );
    await removeProjects(deps, tx, [row]);
  });
}

/** @throws {NotFound} `identity.domain.not_found`; {Forbidden} for an immutable or enabled domain. */
export async function deleteDomain(deps: IdentityDeps, id: string): Promise<void> {
  await inTransaction(deps.db, async (tx) => removeDomain(deps, tx, await getDomain(tx, id)));
}

async function removeDomain(deps: IdentityDeps, tx: Db<IdentityTables>, domain: ProjectRow): Promise<void> {
  checkMutable('domain', domain);
  if (domain.enabled === 1)
    throw new Forbidden('identity.domain.enabled', 'Cannot delete a domain that is enabled, please disable it first.');
  await removeActors(tx, domain.id);
  // Children before their parents.
  await removeProjects(deps, tx, [...(await listSubtree(tx, domain.id)).toReversed(), domain]);
  for (const role of await listRoles(tx, { filters: [], domainId: domain.id, limit: BATCH }))
    await deleteRole(tx, role.id);
  await revokeTokens(deps, tx, { domain_id: domain.id });
}

async function removeActors(tx: Db<IdentityTables>, domainId: string): Promise<void> {
  for (;;) {
    const users = await listUsers(tx, { filters: [], domainId, limit: BATCH });
    const groups = await listGroups(tx, { filters: [], domainId, limit: BATCH });
    if (users.length === 0 && groups.length === 0) return;
    for (const { id } of users) {
      await deleteAssignmentsOfActor(tx, 'user', id);
      await deleteCredentialsOf(tx, { userId: id });
      await deleteUser(tx, id);
    }
    for (const { id } of groups) {
      await deleteAssignmentsOfActor(tx, 'group', id);
      await deleteGroup(tx, id);
    }
  }
}

async function removeProjects(deps: IdentityDeps, tx: Db<IdentityTables>, rows: readonly ProjectRow[]): Promise<void> {
  const ids = rows.map((row) => row.id);
  await deleteAssignmentsOnTargets(tx, ids);
  await deleteCredentialsOf(tx, { projectIds: ids });
  for (const id of ids) await clearDefaultProject(tx, id);
  await deleteProjects(tx, ids);
  await deps.forgetTokens(tx);
}
