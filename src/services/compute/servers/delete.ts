import type { RequestContext } from '#kernel/auth/context.ts';
import type { Db } from '#kernel/db/database.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import type { ComputeDeps } from '../deps.ts';
import { recordAction, startEvent } from '../instance-actions/store.ts';
import { requireUnlocked, requireVisible } from './access.ts';
import { getServer, updateServer } from './store.ts';
import { CLEANUP_DEADLINE_MS, LOOK_AT_DELETION_MS } from './tasks/abandon.ts';
import { DELETE_EVENT, deleteServerTask } from './tasks/delete.ts';

/**
 * Accepts a server's deletion, in any state; a build under way is cancelled. Repeating it changes nothing.
 * @throws {NotFound} `compute.server.absent`; {Conflict} `compute.server.locked`; {Forbidden} by policy.
 * @see https://docs.openstack.org/api-ref/compute/#delete-server
 */
export async function removeServer(
  deps: ComputeDeps,
  ctx: RequestContext,
  id: string,
  rule = 'os_compute_api:servers:delete',
): Promise<void> {
  const nowMs = deps.clock.now().getTime();
  await inTransaction(deps.db, async (tx) => {
    const server = await getServer(tx, id);
    requireVisible(deps, ctx, server);
    deps.policy.enforce(ctx, rule, { project_id: server.project_id, user_id: server.user_id });
    requireUnlocked(deps, ctx, server);
    if (server.task_state === 'deleting') return;
    await updateServer(tx, id, {
      task_state: 'deleting',
      request_id: ctx.requestId,
      deadline_at: nowMs + LOOK_AT_DELETION_MS,
      updated_at: nowMs,
    });
    await recordAction(tx, {
      serverId: id,
      requestId: ctx.requestId,
      action: 'delete',
      userId: ctx.userId,
      projectId: ctx.projectId,
      at: nowMs,
    });
    await startEvent(tx, {
      serverId: id,
      requestId: ctx.requestId,
      event: DELETE_EVENT,
      host: server.host_id,
      at: nowMs,
    });
    await deps.tasks.cancel(tx as Db, id);
    await deps.tasks.enqueue(tx as Db, {
      name: deleteServerTask,
      resourceId: id,
      projectId: server.project_id,
      requestId: ctx.requestId,
      input: {},
      deadlineMs: CLEANUP_DEADLINE_MS,
    });
  });
}
