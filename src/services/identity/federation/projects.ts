import type { Db } from '#kernel/db/database.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { newHexId } from '#kernel/ids.ts';
import { insertAssignment } from '../assignments/store.ts';
import { type IdentityDeps, nowMs } from '../deps.ts';
import { unauthorized } from '../errors.ts';
import { findProjectByName, insertProject } from '../projects/store.ts';
import type { ProjectRow } from '../projects/tables.ts';
import { findRoleByName } from '../roles/store.ts';
import type { RoleRow } from '../roles/tables.ts';
import type { IdentityTables } from '../tables.ts';
import type { MappedProject } from './mapping.ts';
import type { ProviderRow } from './tables.ts';

const MAX_NAME_LENGTH = 64;

/**
 * Gives a federated user the projects that a mapping names, in the provider's domain, making those that are not there. All
 * or none: a role that is not there, or another domain's, lets nobody in.
 * @throws {Unauthorized} for such a role, or a name that no project can have.
 * @see https://docs.openstack.org/keystone/latest/admin/federation/mapping_combinations.html#auto-provisioning
 */
export async function ensureProjects(
  deps: IdentityDeps,
  provider: ProviderRow,
  userId: string,
  wanted: readonly MappedProject[],
): Promise<void> {
  if (wanted.length === 0) return;
  await inTransaction(deps.db, async (tx) => {
    for (const { name, roles } of wanted) {
      const project = await ensureProject(deps, tx, provider.domain_id, name.trim());
      for (const role of roles) {
        const { id } = await getRoleFor(tx, provider.domain_id, role.name);
        const on = { target_kind: 'project', target_id: project.id, inherited: 0 } as const;
        await insertAssignment(tx, { actor_kind: 'user', actor_id: userId, ...on, role_id: id });
      }
    }
    await deps.forgetTokens(tx);
  });
}

async function ensureProject(
  deps: IdentityDeps,
  tx: Db<IdentityTables>,
  domainId: string,
  name: string,
): Promise<ProjectRow> {
  const known = await findProjectByName(tx, domainId, name);
  if (known !== undefined) return known;
  if (name === '' || name.length > MAX_NAME_LENGTH) throw unauthorized('federation.project');
  const made: ProjectRow = {
    id: newHexId(),
    domain_id: domainId,
    parent_id: domainId,
    name,
    description: '',
    enabled: 1,
    is_domain: 0,
    options: '{}',
    extra: '{}',
    created_at: nowMs(deps),
  };
  await insertProject(tx, made);
  return made;
}

async function getRoleFor(tx: Db<IdentityTables>, domainId: string, name: string): Promise<RoleRow> {
  const role = (await findRoleByName(tx, '', name)) ?? (await findRoleByName(tx, domainId, name));
  if (role === undefined) throw unauthorized('federation.role');
  return role;
}
