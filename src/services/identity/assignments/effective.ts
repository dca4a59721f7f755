import type { Db } from '#kernel/db/database.ts';
import { listAncestors, listProjects, listSubtree } from '../projects/store.ts';
import type { ProjectRow, ProjectTables } from '../projects/tables.ts';
import { expandRoles } from '../roles/implications.ts';
import { listImplications, listRoles } from '../roles/store.ts';
import type { RoleId, RoleRow, RoleTables } from '../roles/tables.ts';
import { type Actors, listAssignmentsOfActors } from './store.ts';
import type { AssignmentRow, AssignmentTables } from './tables.ts';

type Tables = AssignmentTables & ProjectTables & RoleTables;

/** Where roles are looked for. */
export type Scope =
  | { readonly kind: 'project'; readonly project: ProjectRow }
  | { readonly kind: 'domain'; readonly domainId: string }
  | { readonly kind: 'system' };

/** Far above what any actor can have: roles are few. */
const MAX_ROLES = 10_000;
/** One actor's projects in one answer. */
const MAX_PROJECTS = 100_000;

/**
 * The roles that actors have on a scope: given there, inherited from above, and implied by those. Roles of a domain
 * count for what they imply and are not themselves in the result, as in tokens.
 */
export async function rolesOn(db: Db<Tables>, actors: Actors, scope: Scope): Promise<RoleRow[]> {
  const ids = await givenRoleIds(db, actors, scope);
  return ids.length === 0 ? [] : listRoles(db, { filters: [], domainId: '', ids, limit: MAX_ROLES });
}

/** The same, with roles of a domain among them: what a trustor can pass on. */
export async function givenRoleIds(db: Db<Tables>, actors: Actors, scope: Scope): Promise<RoleId[]> {
  const given = await listAssignmentsOfActors(db, actors);
  const above = scope.kind === 'project' ? await listAncestors(db, scope.project) : [];
  const direct = given.filter((row) => holdsOn(row, scope, above)).map((row) => row.role_id);
  return direct.length === 0 ? [] : expandRoles(direct, await listImplications(db));
}

/** Every project that these actors have a role on, in the order of ids. */
export async function projectsOf(db: Db<Tables>, actors: Actors): Promise<ProjectRow[]> {
  const given = await listAssignmentsOfActors(db, actors);
  const ids = new Set<string>();
  for (const row of given) {
    if (row.target_kind === 'project' && row.inherited === 0) ids.add(row.target_id);
    // What is inherited from a domain or a project holds on all below it.
    else if (row.inherited === 1) for (const below of await listSubtree(db, row.target_id)) ids.add(below.id);
  }
  const projects = await listProjects(db, { filters: [], isDomain: false, ids: [...ids], limit: MAX_PROJECTS });
  const domains = await listProjects(db, { filters: [], isDomain: true, ids: [...ids], limit: MAX_PROJECTS });
  return [...projects, ...domains];
}

/** Every domain that these actors have a role on. */
export async function domainsOf(db: Db<Tables>, actors: Actors): Promise<ProjectRow[]> {
  const given = await listAssignmentsOfActors(db, actors);
  const ids = given.filter((row) => row.target_kind === 'domain' && row.inherited === 0).map((row) => row.target_id);
  return listProjects(db, { filters: [], isDomain: true, ids: [...new Set(ids)], limit: MAX_PROJECTS });
}

/** Whether these actors have a role on the system. */
export async function isOnSystem(db: Db<Tables>, actors: Actors): Promise<boolean> {
  return (await listAssignmentsOfActors(db, actors)).some((row) => row.target_kind === 'system');
}

function holdsOn(row: AssignmentRow, scope: Scope, above: readonly ProjectRow[]): boolean {
  switch (scope.kind) {
    case 'system':
      return row.target_kind === 'system';
    case 'domain':
      return row.inherited === 0 && row.target_kind === 'domain' && row.target_id === scope.domainId;
    case 'project': {
      if (row.inherited === 0) return row.target_kind === 'project' && row.target_id === scope.project.id;
      if (row.target_kind === 'domain') return row.target_id === scope.project.domain_id;
      return row.target_kind === 'project' && above.some((project) => project.id === row.target_id);
    }
  }
}
