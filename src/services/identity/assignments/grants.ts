import type { RequestContext } from '#kernel/auth/context.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { Forbidden, NotFound } from '#kernel/errors.ts';
import { deleteApplicationCredentialsOf } from '../application-credentials/store.ts';
import type { IdentityDeps } from '../deps.ts';
import { badRequest, notFound } from '../errors.ts';
import { findGroup } from '../groups/store.ts';
import { getDomain, getProject } from '../projects/store.ts';
import type { ProjectRow } from '../projects/tables.ts';
import { getRole, listRoles } from '../roles/store.ts';
import type { RoleRow } from '../roles/tables.ts';
import { findUser } from '../users/store.ts';
import { deleteAssignment, insertAssignment, listAssignments } from './store.ts';
import type { AssignmentRow } from './tables.ts';

/** What a request about roles of one actor on one target names; the role is absent from lists. */
export type Grant = Omit<AssignmentRow, 'role_id'> & { readonly role_id?: string };

type Action = 'check' | 'list' | 'create' | 'revoke';

/**
 * Holds a request against the rules.
 * @throws {NotFound} when the role, actor or target is not there; an actor that is gone may have its role taken.
 * @throws {Forbidden} when the caller may not.
 */
async function enforceOnGrant(deps: IdentityDeps, ctx: RequestContext, action: Action, grant: Grant): Promise<void> {
  if (grant.target_kind === 'system') {
    deps.policy.enforce(ctx, grantRule(action, grant));
    await findActor(deps, grant);
    return;
  }
  const target: Record<string, unknown> = {};
  if (grant.role_id !== undefined) {
    const role = await getRole(deps.db, grant.role_id);
    target['role'] = { id: role.id, domain_id: role.domain_id === '' ? null : role.domain_id };
  }
  const actor = await findActor(deps, grant);
  if (actor === undefined && action !== 'revoke') throw notFound(grant.actor_kind, grant.actor_id);
  if (actor !== undefined) target[grant.actor_kind] = { id: actor.id, domain_id: actor.domain_id };
  const on = await getTarget(deps, grant);
  target[grant.target_kind] = { id: on.id, domain_id: on.is_domain === 1 ? null : on.domain_id };
  deps.policy.enforce(ctx, grantRule(action, grant), { target });
}

/** The rule of one of the four operations: those on the system have their own. */
export function grantRule(
  action: Action,
  { target_kind: target, actor_kind: actor }: Pick<Grant, 'target_kind' | 'actor_kind'>,
): string {
  const noun = `${target === 'system' ? 'system_' : ''}grant${action === 'list' ? 's' : ''}`;
  return `identity:${action}_${noun}${target === 'system' ? `_for_${actor}` : ''}`;
}

/** @throws {Forbidden} for a role of another domain; {BadRequest} for a domain's role on the system. */
export async function createGrant(deps: IdentityDeps, ctx: RequestContext, grant: Grant): Promise<void> {
  await enforceOnGrant(deps, ctx, 'create', grant);
  if ((await findActor(deps, grant)) === undefined) throw notFound(grant.actor_kind, grant.actor_id);
  const role = await getRole(deps.db, grant.role_id ?? '');
  if (role.domain_id !== '') await checkRoleFits(deps, role, grant);
  await inTransaction(deps.db, async (tx) => {
    await insertAssignment(tx, { ...grant, role_id: role.id });
    await deps.forgetTokens(tx);
  });
}

/** @throws {NotFound} `identity.role_assignment.not_found`. */
export async function checkGrant(deps: IdentityDeps, ctx: RequestContext, grant: Grant): Promise<void> {
  await enforceOnGrant(deps, ctx, 'check', grant);
  const rows = await listAssignments(deps.db, queryOf(grant));
  if (rows.length === 0) throw noSuchGrant(grant);
}

/** @throws {NotFound} `identity.role_assignment.not_found`. */
export async function revokeGrant(deps: IdentityDeps, ctx: RequestContext, grant: Grant): Promise<void> {
  await enforceOnGrant(deps, ctx, 'revoke', grant);
  await inTransaction(deps.db, async (tx) => {
    if (!(await deleteAssignment(tx, { ...grant, role_id: grant.role_id ?? '' }))) throw noSuchGrant(grant);
    // Credentials were made with the roles of that time: who loses one makes new credentials.
    if (grant.actor_kind === 'user' && grant.target_kind === 'project')
      await deleteApplicationCredentialsOf(tx, grant.actor_id, grant.target_id);
    await deps.forgetTokens(tx);
  });
}

/** The roles that this actor was given on this target itself. */
export async function listGrants(deps: IdentityDeps, ctx: RequestContext, grant: Grant): Promise<RoleRow[]> {
  await enforceOnGrant(deps, ctx, 'list', grant);
  const ids = (await listAssignments(deps.db, queryOf(grant))).map((row) => row.role_id);
  return listRoles(deps.db, { filters: [], ids, limit: deps.config.listLimit });
}

function queryOf(grant: Grant) {
  return {
    actorKind: grant.actor_kind,
    actorId: grant.actor_id,
    targetKind: grant.target_kind,
    targetId: grant.target_id,
    roleId: grant.role_id,
    isInherited: grant.inherited === 1,
  };
}

async function checkRoleFits(deps: IdentityDeps, role: RoleRow, grant: Grant): Promise<void> {
  if (grant.target_kind === 'system')
    throw badRequest(
      'role.of_domain',
      `Role ${role.id} is a domain-specific role. Unable to use a domain-specific role in a system assignment.`,
    );
  if (grant.target_kind !== 'project') return;
  const project = await getProject(deps.db, grant.target_id);
  if (project.domain_id !== role.domain_id)
    throw new Forbidden(
      'identity.role.other_domain',
      `Project ${project.id} must be in the same domain as the role ${role.id} being assigned.`,
    );
}

function findActor(deps: IdentityDeps, grant: Grant): Promise<{ id: string; domain_id: string } | undefined> {
  return grant.actor_kind === 'user' ? findUser(deps.db, grant.actor_id) : findGroup(deps.db, grant.actor_id);
}

function getTarget(deps: IdentityDeps, grant: Grant): Promise<ProjectRow> {
  return grant.target_kind === 'domain' ? getDomain(deps.db, grant.target_id) : getProject(deps.db, grant.target_id);
}

function noSuchGrant(grant: Grant): NotFound {
  return new NotFound(
    'identity.role_assignment.not_found',
    `Could not find role assignment with role: ${grant.role_id ?? ''}, user or group: ${grant.actor_id}, project, domain, or system: ${grant.target_id}.`,
  );
}
