import type { RequestContext } from '#kernel/auth/context.ts';
import { OverLimit } from '#kernel/errors.ts';
import { badInput } from '../../bad-input.ts';
import type { ComputeDeps } from '../../deps.ts';
import { limitsOf } from '../../quotas/check.ts';
import { findServerGroup, insertGroupMembers, listGroupMembers } from '../../server-groups/store.ts';
import type { HintsInput } from '../schema.ts';
import type { SchedulerHints } from '../tables.ts';

/** What a user wishes of the place of servers; a single id may stand for a list. */
export function readHints(hints: HintsInput): SchedulerHints {
  const list = (value: string | readonly string[] | undefined): readonly string[] =>
    typeof value === 'string' ? [value] : (value ?? []);
  return {
    sameHost: list(hints.same_host),
    differentHost: list(hints.different_host),
    groupId: list(hints.group)[0] ?? null,
  };
}

/** @throws {BadRequest} `compute.invalid_input` unless the hinted group is a group of the caller's project. */
export async function requireGroup(deps: ComputeDeps, ctx: RequestContext, { groupId }: SchedulerHints): Promise<void> {
  if (groupId === null) return;
  const group = await findServerGroup(deps.db, groupId);
  if (group === undefined || group.project_id !== ctx.projectId)
    throw badInput(`Instance group ${groupId} could not be found.`);
}

/**
 * Puts new servers into the group that they are to be scheduled by, if any.
 * @throws {OverLimit} `compute.quota.server_group_members`; {BadRequest} when the group has gone.
 */
export async function joinGroup(
  tx: ComputeDeps['db'],
  { groupId }: SchedulerHints,
  servers: readonly { readonly id: string }[],
): Promise<void> {
  if (groupId === null) return;
  const group = await findServerGroup(tx, groupId);
  if (group === undefined) throw badInput(`Instance group ${groupId} could not be found.`);
  const { server_group_members: limit } = await limitsOf(tx, group.project_id);
  const members = await listGroupMembers(tx, groupId);
  if (limit >= 0 && members.length + servers.length > limit)
    throw new OverLimit('compute.quota.server_group_members', 'Quota exceeded, too many servers in group');
  await insertGroupMembers(
    tx,
    groupId,
    servers.map(({ id }) => id),
  );
}
