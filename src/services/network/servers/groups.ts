import { type RequestContext, systemContext } from '#kernel/auth/context.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { BadRequest, Conflict, NotFound } from '#kernel/errors.ts';
import { isUuidLike } from '#kernel/ids.ts';
import type { NetworkDeps } from '../deps.ts';
import { updatePort } from '../ports/logic.ts';
import { groupsOf, listPorts } from '../ports/store.ts';
import { scopeOf } from '../resources/access.ts';
import { newWrite } from '../resources/resource.ts';
import { WHOLE_CLOUD } from '../resources/store.ts';
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

/**
 * Puts a security group onto all of a server's ports, or takes it off those that have it.
 * @throws {NotFound} when the server has no ports, or none with the group to take off; {BadRequest} when a port cannot have any.
 * @see nova/network/security_group_api.py, add_to_instance, remove_from_instance
 */
export async function changeServerSecurityGroup(
  deps: NetworkDeps,
  serverId: string,
  change: { readonly groupId: string; readonly how: 'add' | 'remove' },
): Promise<void> {
  const { groupId, how } = change;
  await inTransaction(deps.db, async (tx) => {
    const write = newWrite(deps, tx, systemContext(null), WHOLE_CLOUD);
    const ports = await listPorts(tx, { deviceIds: [serverId] });
    if (ports.length === 0)
      throw new NotFound(
        'network.server.no_ports',
        `instance_id ${serverId} could not be found as device id on any ports`,
      );
    const groups = await groupsOf(
      tx,
      ports.map(({ id }) => id),
    );
    let changed = 0;
    for (const port of ports) {
      const before = groups.get(port.id) ?? [];
      if (before.includes(groupId) === (how === 'add')) continue;
      const after = how === 'add' ? [...before, groupId] : before.filter((id) => id !== groupId);
      await updatePort(write, port.id, { security_groups: after });
      changed += 1;
    }
    if (how === 'remove' && changed === 0)
      throw new NotFound(
        'network.server.group_not_found',
        `Security group ${groupId} not associated with the instance ${serverId}`,
      );
  });
}
