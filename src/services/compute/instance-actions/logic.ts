import type { RequestContext } from '#kernel/auth/context.ts';
import { BadRequest, NotFound } from '#kernel/errors.ts';
import type { ComputeDeps } from '../deps.ts';
import {
  type ActionFilter,
  findAction,
  findActionServer,
  listActions,
  listEvents,
  type ServerAction,
  type ServerActionEvent,
} from './store.ts';

type Deps = Pick<ComputeDeps, 'db' | 'policy'>;

export interface ActionSearch {
  readonly changedSince?: number | undefined;
  readonly changedBefore?: number | undefined;
  /** A request id. */
  readonly marker?: string | undefined;
  readonly limit: number;
  /** Whether a deleted server still has its actions (from 2.21 on). */
  readonly withDeleted: boolean;
}

/** @throws {NotFound} `compute.server.absent`; {BadRequest} `compute.marker`, `compute.invalid_input`; {Forbidden} by policy. */
export async function findActions(
  deps: Deps,
  ctx: RequestContext,
  serverId: string,
  search: ActionSearch,
): Promise<ServerAction[]> {
  await openServerFor(deps, ctx, serverId, { verb: 'list', withDeleted: search.withDeleted });
  const { marker, changedSince, changedBefore } = search;
  if (changedSince !== undefined && changedBefore !== undefined && changedBefore < changedSince) {
    throw new BadRequest(
      'compute.invalid_input',
      'The value of changes-since must be less than or equal to changes-before.',
    );
  }
  const before = marker === undefined ? undefined : await findAction(deps.db, serverId, marker);
  if (marker !== undefined && before === undefined)
    throw new BadRequest('compute.marker', `Marker ${marker.slice(0, 255)} could not be found.`);
  const filter: ActionFilter = { changedSince, changedBefore, before, limit: search.limit };
  return listActions(deps.db, serverId, filter);
}

export interface WholeAction {
  readonly action: ServerAction;
  readonly events: readonly ServerActionEvent[];
  readonly projectId: string;
  /** Whether the caller may see hosts and tracebacks, and details. */
  readonly canSeeHosts: boolean;
  readonly canSeeDetails: boolean;
}

/** @throws {NotFound} `compute.server.absent`, `compute.action.absent`; {Forbidden} by policy. */
export async function showAction(
  deps: Deps,
  ctx: RequestContext,
  serverId: string,
  { requestId, withDeleted }: { readonly requestId: string; readonly withDeleted: boolean },
): Promise<WholeAction> {
  const server = await openServerFor(deps, ctx, serverId, { verb: 'show', withDeleted });
  const action = await findAction(deps.db, serverId, requestId);
  if (action === undefined) throw new NotFound('compute.action.absent', `Action ${requestId.slice(0, 255)} not found`);
  const target = { project_id: server.project_id };
  return {
    action,
    events: await listEvents(deps.db, serverId, requestId),
    projectId: server.project_id,
    canSeeHosts: deps.policy.allows(ctx, 'os_compute_api:os-instance-actions:events', target),
    canSeeDetails: deps.policy.allows(ctx, 'os_compute_api:os-instance-actions:events:details', target),
  };
}

async function openServerFor(
  { db, policy }: Deps,
  ctx: RequestContext,
  serverId: string,
  { verb, withDeleted }: { readonly verb: 'list' | 'show'; readonly withDeleted: boolean },
): Promise<{ readonly project_id: string }> {
  const server = await findActionServer(db, serverId);
  if (server === undefined || (server.deleted_at !== null && !withDeleted))
    throw new NotFound('compute.server.absent', `Instance ${serverId.slice(0, 255)} could not be found.`);
  policy.enforce(ctx, `os_compute_api:os-instance-actions:${verb}`, { project_id: server.project_id });
  return server;
}
