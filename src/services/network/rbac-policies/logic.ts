import { badBody, badRequest, conflict, hidden } from '../errors.ts';
import { listForeignUsers } from '../networks/store.ts';
import { newRow, type WireObject, type Write } from '../resources/resource.ts';
import { touchRow } from '../resources/store.ts';
import {
  deleteRbacPolicy,
  findOwner,
  findRbacPolicy,
  insertRbacPolicy,
  listGroupUsers,
  listTargets,
  rbacPolicyNotFound,
  retargetRbacPolicy,
} from './store.ts';
import type { RbacObjectType, RbacPolicyRow } from './tables.ts';

interface NewPolicy {
  readonly project_id: string;
  readonly object_type: RbacObjectType;
  readonly object_id: string;
  readonly action: RbacPolicyRow['action'];
  readonly target_tenant?: string | undefined;
  readonly target_project?: string | undefined;
}

export async function viewRbacPolicies(_db: unknown, rows: readonly RbacPolicyRow[]): Promise<WireObject[]> {
  return rows.map((row) => ({
    id: row.id,
    project_id: row.project_id,
    tenant_id: row.project_id,
    object_type: row.object_type,
    object_id: row.object_id,
    action: row.action,
    target_tenant: row.target_project,
    target_project: row.target_project,
    revision_number: row.revision_number,
  }));
}

/**
 * Opens an object to a project, or `*`.
 * @throws {Conflict} `DuplicateRbacPolicy`; {Forbidden} for `*` by others than administrators.
 */
export async function createRbacPolicy(write: Write, values: NewPolicy): Promise<string> {
  const target = values.target_tenant ?? values.target_project;
  if (target === undefined || target === '')
    throw badBody("Failed to parse request. Required attribute 'target_tenant' not specified");
  enforceTarget(write, 'create', values.project_id, target);
  if (values.action === 'access_as_external' && values.object_type !== 'network')
    throw badRequest(
      'RbacPolicyInitError',
      `Failed to create RBAC policy on object ${values.object_id} because Invalid action '${values.action}' for object type '${values.object_type}'. Valid actions: access_as_shared.`,
    );
  if (values.action === 'access_as_external' && !write.scope.isAdmin)
    throw badRequest(
      'InvalidInput',
      'Invalid input for operation: Only admins can manipulate policies on networks for external access.',
    );
  const owner = await findOwner(write.tx, values.object_type, values.object_id);
  if (owner === undefined || (owner !== write.ctx.projectId && !write.scope.isAdmin)) throw hidden();
  const row: RbacPolicyRow = {
    ...newRow(write, { project_id: values.project_id }),
    object_type: values.object_type,
    object_id: values.object_id,
    action: values.action,
    target_project: target,
  };
  if (!(await insertRbacPolicy(write.tx, row)))
    throw conflict('DuplicateRbacPolicy', 'An RBAC policy already exists with those values.');
  return row.id;
}

export async function updateRbacPolicy(
  write: Write,
  id: string,
  changes: { readonly target_tenant?: string | undefined; readonly target_project?: string | undefined },
): Promise<void> {
  const row = await findRbacPolicy(write.tx, id);
  if (row === undefined) throw rbacPolicyNotFound(id);
  const target = changes.target_tenant ?? changes.target_project ?? row.target_project;
  if (target === row.target_project) return;
  enforceTarget(write, 'update', row.project_id, target);
  await refuseInUse(write, row, target);
  if (!(await retargetRbacPolicy(write.tx, id, target)))
    throw conflict('DuplicateRbacPolicy', 'An RBAC policy already exists with those values.');
  await touchRow(write.tx, 'rbac_policies', id, write.deps.clock.now().getTime());
}

export async function removeRbacPolicy(write: Write, id: string): Promise<void> {
  const row = await findRbacPolicy(write.tx, id);
  if (row === undefined) throw rbacPolicyNotFound(id);
  await refuseInUse(write, row, undefined);
  await deleteRbacPolicy(write.tx, id);
}

function enforceTarget(write: Write, verb: 'create' | 'update', projectId: string, target: string): void {
  write.deps.policy.enforce(write.ctx, `${verb}_rbac_policy:target_tenant`, {
    project_id: projectId,
    target_tenant: target,
    target_project: target,
  });
}

/** What somebody uses because it is shared stays shared with him. */
async function refuseInUse(write: Write, row: RbacPolicyRow, newTarget: string | undefined): Promise<void> {
  if (row.action !== 'access_as_shared') return;
  const owner = (await findOwner(write.tx, row.object_type, row.object_id)) ?? '';
  const users =
    row.object_type === 'network'
      ? await listForeignUsers(write.tx, row.object_id, owner)
      : row.object_type === 'security_group'
        ? (await listGroupUsers(write.tx, row.object_id)).filter((project) => project !== owner)
        : [];
  const others = await listTargets(write.tx, row.object_id, row.action, row.id);
  if (newTarget !== undefined) others.add(newTarget);
  const left = users.filter(
    (project) =>
      (row.target_project === '*' || row.target_project === project) && !others.has(project) && !others.has('*'),
  );
  if (left.length > 0)
    throw conflict(
      'RbacPolicyInUse',
      `RBAC policy on object ${row.object_id} cannot be removed because other objects depend on it.\nDetails: projects ${left.slice(0, 5).join(', ')} use it.`,
    );
}
