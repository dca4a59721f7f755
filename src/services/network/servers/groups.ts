import type { RequestContext } from '#kernel/auth/context.ts';
import { BadRequest, Conflict } from '#kernel/errors.ts';
import { isUuidLike } from '#kernel/ids.ts';
import type { NetworkDeps } from '../deps.ts';
import { scopeOf } from '../resources/access.ts';
import { prepareGroups } from '../security-groups/logic.ts';
import { findSecurityGroupsBy } from '../security-groups/store.ts';

/**
 * The ids of security groups that a user names by id or name, in that order and each once.
 * @throws {BadRequest} when there is none of a name; {Conflict} when there are several.
 */
export async function findSecurityGroups(
  deps: NetworkDeps,
  ctx: RequestContext,
  namesOrIds: readonly string[],
): Promise<string[]> {
  const scope = scopeOf(deps, ctx);
  await prepareGroups(deps, ctx);
  const ids: string[] = [];
  for (const wanted of new Set(namesOrIds)) {
    const byId = isUuidLike(wanted) ? await findSecurityGroupsBy(deps.db, scope, { id: wanted }) : [];
    const found =
      byId.length > 0
        ? byId
        : await findSecurityGroupsBy(deps.db, scope, { name: wanted, projectId: ctx.projectId ?? '' });
    const [first, second] = found;
    if (first === undefined)
      throw new BadRequest('network.server.group_not_found', `Security group ${wanted} not found.`, {
        type: 'SecurityGroupNotFound',
      });
    if (second !== undefined)
      throw new Conflict(
        'network.server.group_ambiguous',
        `Multiple security groups found matching '${wanted}'. Use an ID to be more specific.`,
        { type: 'NoUniqueMatch' },
      );
    ids.push(first.id);
  }
  return [...new Set(ids)];
}
