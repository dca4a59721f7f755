import type { RequestContext } from '#kernel/auth/context.ts';
import { Conflict } from '#kernel/errors.ts';
import type { ComputeDeps } from '../deps.ts';
import { getServer, type Server, serverAbsent } from './store.ts';

/**
 * A server that the caller may do something with.
 * @throws {NotFound} `compute.server.absent`; {Forbidden} by policy.
 */
export async function openServer(
  deps: Pick<ComputeDeps, 'db' | 'policy'>,
  ctx: RequestContext,
  id: string,
  rule: string,
): Promise<Server> {
  const server = await getServer(deps.db, id);
  requireVisible(deps, ctx, server);
  deps.policy.enforce(ctx, rule, { project_id: server.project_id, user_id: server.user_id });
  return server;
}

/**
 * Keeps other projects' servers from being seen: they are not there, as nova has it.
 * @throws {NotFound} `compute.server.absent`.
 */
export function requireVisible(
  deps: Pick<ComputeDeps, 'policy'>,
  ctx: RequestContext,
  server: Pick<Server, 'id' | 'project_id'>,
): void {
  if (server.project_id !== ctx.projectId && !deps.policy.allows(ctx, 'context_is_admin'))
    throw serverAbsent(server.id);
}

/**
 * Refuses to touch a locked server, unless the caller may break locks.
 * @throws {Conflict} `compute.server.locked`.
 * @see nova/compute/api.py, check_instance_lock
 */
export function requireUnlocked(
  deps: Pick<ComputeDeps, 'policy'>,
  ctx: RequestContext,
  server: Pick<Server, 'id' | 'locked_by'>,
): void {
  if (server.locked_by === null || deps.policy.allows(ctx, 'context_is_admin')) return;
  throw new Conflict('compute.server.locked', `Instance ${server.id} is locked`);
}
