import type { RequestContext } from '#kernel/auth/context.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { BadRequest, OverLimit } from '#kernel/errors.ts';
import { newUuid } from '#kernel/ids.ts';
import type { ComputeDeps } from '../deps.ts';
import { MAX_PAGE } from '../paging.ts';
import { limitsOf } from '../quotas/check.ts';
import { UNLIMITED } from '../quotas/resources.ts';
import { lockQuota } from '../quotas/store.ts';
import type { ServerGroupQuery } from './schema.ts';
import {
  countServerGroups,
  deleteServerGroup,
  getServerGroup,
  insertServerGroup,
  listServerGroups,
  type ServerGroup,
} from './store.ts';
import type { ServerGroupPolicy, ServerGroupRow } from './tables.ts';

type Deps = Pick<ComputeDeps, 'db' | 'policy' | 'clock'>;

export interface ServerGroupWanted {
  readonly name: string;
  readonly policy: ServerGroupPolicy;
  readonly maxServerPerHost: number | undefined;
}

/** @throws {BadRequest} `compute.server_group.rules`; {OverLimit} `compute.quota.server_groups` */
export async function createServerGroup(
  { db, clock }: Deps,
  ctx: RequestContext,
  wanted: ServerGroupWanted,
): Promise<ServerGroup> {
  const projectId = ctx.projectId ?? '';
  if (wanted.maxServerPerHost !== undefined && wanted.policy !== 'anti-affinity')
    throw new BadRequest('compute.server_group.rules', 'Only anti-affinity policy supports rules.');
  const row: ServerGroupRow = {
    id: newUuid(),
    project_id: projectId,
    user_id: ctx.userId,
    name: wanted.name,
    policy: wanted.policy,
    max_server_per_host: wanted.maxServerPerHost ?? null,
    created_at: clock.now().getTime(),
  };
  await inTransaction(db, async (tx) => {
    await lockQuota(tx, projectId);
    // A limit of the user's own counts the user's groups, the project's counts all.
    const { server_groups: ofProject } = await limitsOf(tx, projectId);
    const { server_groups: ofUser } = await limitsOf(tx, projectId, ctx.userId);
    const isFull =
      (ofProject !== UNLIMITED && (await countServerGroups(tx, projectId)) >= ofProject) ||
      (ofUser !== UNLIMITED && (await countServerGroups(tx, projectId, ctx.userId)) >= ofUser);
    if (isFull) throw new OverLimit('compute.quota.server_groups', 'Quota exceeded, too many server groups.');
    await insertServerGroup(tx, row);
  });
  return { ...row, members: [] };
}

/** @throws {NotFound} `compute.server_group.absent` */
export async function showServerGroup({ db, policy }: Deps, ctx: RequestContext, id: string): Promise<ServerGroup> {
  const group = await getServerGroup(db, id);
  policy.enforce(ctx, 'os_compute_api:os-server-groups:show', { project_id: group.project_id });
  return group;
}

/** @throws {NotFound} `compute.server_group.absent` */
export async function removeServerGroup({ db, policy }: Deps, ctx: RequestContext, id: string): Promise<void> {
  const group = await getServerGroup(db, id);
  policy.enforce(ctx, 'os_compute_api:os-server-groups:delete', { project_id: group.project_id });
  await inTransaction(db, (tx) => deleteServerGroup(tx, id));
}

/** The project's groups; those of all projects for administrators who ask, and for nobody else. */
export function findServerGroups(
  { db, policy }: Deps,
  ctx: RequestContext,
  query: ServerGroupQuery,
): Promise<ServerGroup[]> {
  const isForAll = query.all_projects !== undefined && policy.allows(ctx, 'context_is_admin');
  if (isForAll)
    policy.enforce(ctx, 'os_compute_api:os-server-groups:index:all_projects', { project_id: ctx.projectId });
  const limit = Number(query.limit ?? 0);
  return listServerGroups(db, isForAll ? undefined : (ctx.projectId ?? ''), {
    offset: Number(query.offset ?? 0),
    limit: limit === 0 ? MAX_PAGE : Math.min(limit, MAX_PAGE),
  });
}
