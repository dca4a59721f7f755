import type { V3Url } from '../views.ts';
import type { Assignment } from './list.ts';

/** A thing and, where names are wanted, its name and its domain's. */
export interface Named {
  readonly id: string;
  readonly name?: string;
  readonly domain?: Named;
}

export interface Names {
  user(id: string): Named;
  group(id: string): Named;
  role(id: string): Named;
  project(id: string): Named;
  domain(id: string): Named;
}

/** One line of the list of role assignments. */
export function showAssignment(one: Assignment, names: Names, v3Url: V3Url): Record<string, unknown> {
  const links: Record<string, string> = { assignment: `${v3Url}${assignmentPath(one)}` };
  if (one.via.groupId !== undefined) links['membership'] = `${v3Url}/groups/${one.via.groupId}/users/${one.actorId}`;
  if (one.via.roleId !== undefined) links['prior_role'] = `${v3Url}/prior_role/${one.roleId}/implies/${one.via.roleId}`;
  const scope: Record<string, unknown> =
    one.targetKind === 'system' ? { system: { all: true } } : { [one.targetKind]: names[one.targetKind](one.targetId) };
  if (one.isInherited) scope['OS-INHERIT:inherited_to'] = 'projects';
  return { links, scope, [one.actorKind]: names[one.actorKind](one.actorId), role: names.role(one.roleId) };
}

/** Where the assignment that this one comes from can be taken back. */
function assignmentPath(one: Assignment): string {
  const { above, groupId, roleId } = one.via;
  const target =
    one.targetKind === 'system' ? '/system' : `/${above?.kind ?? one.targetKind}s/${above?.id ?? one.targetId}`;
  const actor = groupId === undefined ? `/${one.actorKind}s/${one.actorId}` : `/groups/${groupId}`;
  const path = `${target}${actor}/roles/${roleId ?? one.roleId}`;
  return one.isInherited ? `/OS-INHERIT${path}/inherited_to_projects` : path;
}
