import type { RequestContext } from '#kernel/auth/context.ts';
import { Conflict } from '#kernel/errors.ts';
import type { ComputeDeps } from '../deps.ts';
import { getServer, type Server } from './store.ts';

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
  deps.policy.enforce(ctx, rule, { project_id: server.project_id, user_id: server.user_id });
  return server;
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
