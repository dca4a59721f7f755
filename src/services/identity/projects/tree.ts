import { projectsOf } from '../assignments/effective.ts';
import type { IdentityDeps } from '../deps.ts';
import { badRequest } from '../errors.ts';
import { listGroupIdsOfUser } from '../groups/store.ts';
import { isFlagSet, type Query } from '../query.ts';
import type { V3Url } from '../views.ts';
import { showProjects } from './list.ts';
import { listAncestors, listSubtree } from './store.ts';
import type { ProjectRow } from './tables.ts';
import { showParentIds, showSubtreeIds } from './view.ts';

/**
 * What a project's body has more when its parents or its subtree are asked for. Lists hold only projects that the caller
 * has a role on; ids are told of all.
 * @throws {BadRequest} for lists and ids at once.
 * @see https://docs.openstack.org/api-ref/identity/v3/#show-project-details
 */
export async function readTree(
  deps: IdentityDeps,
  row: ProjectRow,
  query: Query,
  caller: { readonly userId: string; readonly v3Url: V3Url },
): Promise<Record<string, unknown>> {
  checkOneForm(query, 'parents');
  checkOneForm(query, 'subtree');
  const tree: Record<string, unknown> = {};
  const wantsParents = isFlagSet(query, 'parents_as_list');
  const wantsSubtree = isFlagSet(query, 'subtree_as_list');
  const reachable = wantsParents || wantsSubtree ? await reachableIds(deps, caller.userId) : new Set<string>();
  const shown = async (rows: readonly ProjectRow[]) => {
    const visible = rows.filter(({ id }) => reachable.has(id));
    return (await showProjects(deps, visible, caller.v3Url)).map((project) => ({ project }));
  };
  if (wantsParents) tree['parents'] = await shown(await listAncestors(deps.db, row));
  if (isFlagSet(query, 'parents_as_ids')) tree['parents'] = showParentIds(await listAncestors(deps.db, row));
  if (wantsSubtree) tree['subtree'] = await shown(await listSubtree(deps.db, row.id));
  if (isFlagSet(query, 'subtree_as_ids')) tree['subtree'] = showSubtreeIds(row.id, await listSubtree(deps.db, row.id));
  return tree;
}

async function reachableIds(deps: IdentityDeps, userId: string): Promise<ReadonlySet<string>> {
  const groupIds = await listGroupIdsOfUser(deps.db, userId);
  return new Set((await projectsOf(deps.db, { userId, groupIds })).map(({ id }) => id));
}

function checkOneForm(query: Query, what: 'parents' | 'subtree'): void {
  if (isFlagSet(query, `${what}_as_list`) && isFlagSet(query, `${what}_as_ids`))
    throw badRequest('project.tree', `Cannot use ${what}_as_list and ${what}_as_ids query params at the same time.`);
}
