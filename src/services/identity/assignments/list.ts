/**
 * The list of role assignments, as given or as they work out ("effective"): groups become their members, what is inherited
 * becomes an assignment on each project below, and each role brings those it implies.
 * @see https://docs.openstack.org/api-ref/identity/v3/#list-role-assignments
 */
import type { Db } from '#kernel/db/database.ts';
import type { IdentityDeps } from '../deps.ts';
import { badRequest } from '../errors.ts';
import { listMembers } from '../groups/store.ts';
import { getProject, listSubtree } from '../projects/store.ts';
import { isFlagSet, type Query } from '../query.ts';
import { expandRoles } from '../roles/implications.ts';
import { listImplications, listRoles } from '../roles/store.ts';
import type { IdentityTables } from '../tables.ts';
import { listAssignments } from './store.ts';
import type { AssignmentRow } from './tables.ts';

/** One line of the list; `via` says where an effective one comes from. */
export interface Assignment {
  readonly actorKind: 'user' | 'group';
  readonly actorId: string;
  readonly targetKind: AssignmentRow['target_kind'];
  readonly targetId: string;
  readonly roleId: string;
  readonly isInherited: boolean;
  readonly via: {
    readonly groupId?: string;
    readonly above?: { kind: 'project' | 'domain'; id: string };
    readonly roleId?: string;
  };
}

export interface AssignmentFilter {
  readonly userId: string | undefined;
  readonly groupId: string | undefined;
  readonly roleId: string | undefined;
  readonly projectId: string | undefined;
  readonly domainId: string | undefined;
  readonly isOnSystem: boolean;
  readonly isInherited: boolean | undefined;
  readonly isEffective: boolean;
  readonly withSubtree: boolean;
}

/**
 * Reads the filters of a request.
 * @throws {BadRequest} for those that exclude one another.
 */
export function readAssignmentFilter(query: Query): AssignmentFilter {
  const of = (name: string): string | undefined => (query[name] === '' ? undefined : query[name]);
  const inheritedTo = query['scope.OS-INHERIT:inherited_to'];
  const filter: AssignmentFilter = {
    userId: of('user.id'),
    groupId: of('group.id'),
    roleId: of('role.id'),
    projectId: of('scope.project.id'),
    domainId: of('scope.domain.id'),
    isOnSystem: of('scope.system') !== undefined,
    isInherited: inheritedTo === undefined ? undefined : inheritedTo === 'projects',
    isEffective: isFlagSet(query, 'effective'),
    withSubtree: isFlagSet(query, 'include_subtree'),
  };
  checkFilter(filter);
  return filter;
}

function checkFilter(filter: AssignmentFilter): void {
  const refuse = (message: string) => badRequest('role_assignment.filter', message);
  if (filter.domainId !== undefined && filter.projectId !== undefined)
    throw refuse('Specify a domain or project, not both');
  if (filter.domainId !== undefined && filter.isOnSystem) throw refuse('Specify system or domain, not both');
  if (filter.projectId !== undefined && filter.isOnSystem) throw refuse('Specify system or project, not both');
  if (filter.userId !== undefined && filter.groupId !== undefined) throw refuse('Specify a user or group, not both');
  if (filter.isEffective && filter.groupId !== undefined)
    throw refuse('Combining effective and group filter will always result in an empty list.');
  if (filter.isEffective && filter.isInherited === true && filter.domainId !== undefined)
    throw refuse('Combining effective, domain and inherited filters will always result in an empty list.');
  if (filter.withSubtree && filter.projectId === undefined)
    throw refuse('scope.project.id must be specified if include_subtree is also specified');
}

/** @throws {NotFound} when the project of a subtree is not there. */
export async function findAssignments(deps: IdentityDeps, filter: AssignmentFilter): Promise<Assignment[]> {
  const projectIds = await wantedProjects(deps.db, filter);
  return filter.isEffective ? findEffective(deps, filter, projectIds) : findGiven(deps, filter, projectIds);
}

async function wantedProjects(
  db: Db<IdentityTables>,
  { projectId, withSubtree }: AssignmentFilter,
): Promise<ReadonlySet<string> | undefined> {
  if (projectId === undefined) return undefined;
  if (!withSubtree) return new Set([projectId]);
  await getProject(db, projectId);
  return new Set([projectId, ...(await listSubtree(db, projectId)).map(({ id }) => id)]);
}

async function findGiven(
  deps: IdentityDeps,
  filter: AssignmentFilter,
  projectIds: ReadonlySet<string> | undefined,
): Promise<Assignment[]> {
  const rows = await listAssignments(deps.db, {
    actorKind: filter.userId !== undefined ? 'user' : filter.groupId !== undefined ? 'group' : undefined,
    actorId: filter.userId ?? filter.groupId,
    targetKind: targetKindOf(filter),
    targetId: filter.domainId,
    targetIds: projectIds === undefined ? undefined : [...projectIds],
    roleId: filter.roleId,
    isInherited: filter.isInherited,
  });
  return rows.map(asAssignment);
}

function targetKindOf(filter: AssignmentFilter): AssignmentRow['target_kind'] | undefined {
  if (filter.isOnSystem) return 'system';
  if (filter.domainId !== undefined) return 'domain';
  return filter.projectId === undefined ? undefined : 'project';
}

async function findEffective(
  deps: IdentityDeps,
  filter: AssignmentFilter,
  projectIds: ReadonlySet<string> | undefined,
): Promise<Assignment[]> {
  const { db } = deps;
  const given = (await listAssignments(db, {})).map(asAssignment);
  const onProjects = (await Promise.all(given.map((one) => spreadDown(db, one)))).flat();
  const matching = onProjects.filter((one) => isOnTarget(one, filter, projectIds));
  const members = await spreadToMembers(db, matching);
  const ofUser = members.filter((one) => filter.userId === undefined || one.actorId === filter.userId);
  const implied = await spreadToImplied(deps, ofUser);
  return implied.filter((one) => filter.roleId === undefined || one.roleId === filter.roleId);
}

function isOnTarget(one: Assignment, filter: AssignmentFilter, projectIds: ReadonlySet<string> | undefined): boolean {
  const kind = targetKindOf(filter);
  if (kind !== undefined && one.targetKind !== kind) return false;
  if (filter.domainId !== undefined && one.targetId !== filter.domainId) return false;
  if (projectIds !== undefined && !projectIds.has(one.targetId)) return false;
  return filter.isInherited === undefined || filter.isInherited === (one.via.above !== undefined);
}

async function spreadDown(db: Db<IdentityTables>, one: Assignment): Promise<Assignment[]> {
  if (!one.isInherited || one.targetKind === 'system') return [one];
  const above = { kind: one.targetKind, id: one.targetId };
  const below = await listSubtree(db, one.targetId);
  return below.map(({ id }) => ({ ...one, targetKind: 'project', targetId: id, via: { ...one.via, above } }));
}

async function spreadToMembers(db: Db<IdentityTables>, all: readonly Assignment[]): Promise<Assignment[]> {
  const groupIds = all.filter((one) => one.actorKind === 'group').map((one) => one.actorId);
  const members = await listMembers(db, [...new Set(groupIds)]);
  return all.flatMap((one): Assignment[] => {
    if (one.actorKind === 'user') return [one];
    const via = { ...one.via, groupId: one.actorId };
    return (members.get(one.actorId) ?? []).map((userId) => ({ ...one, actorKind: 'user', actorId: userId, via }));
  });
}

/** Roles of a domain work through what they imply, and are not in the list themselves. */
async function spreadToImplied(deps: IdentityDeps, all: readonly Assignment[]): Promise<Assignment[]> {
  const rules = await listImplications(deps.db);
  const global = await listRoles(deps.db, { filters: [], domainId: '', limit: deps.config.listLimit });
  const globalIds = new Set(global.map(({ id }) => id));
  const expansions = new Map<string, string[]>();
  const expand = (roleId: string): string[] => {
    const known = expansions.get(roleId) ?? expandRoles([roleId], rules);
    expansions.set(roleId, known);
    return known;
  };
  return all
    .flatMap((one) =>
      expand(one.roleId).map((roleId) =>
        roleId === one.roleId ? one : { ...one, roleId, via: { ...one.via, roleId: one.roleId } },
      ),
    )
    .filter((one) => globalIds.has(one.roleId));
}

function asAssignment(row: AssignmentRow): Assignment {
  return {
    actorKind: row.actor_kind,
    actorId: row.actor_id,
    targetKind: row.target_kind,
    targetId: row.target_id,
    roleId: row.role_id,
    isInherited: row.inherited === 1,
    via: {},
  };
}
