/**
 * Deleting a server, in two tasks with a host between them.
 *
 * Theory of operation. The first task waits for every earlier one of the server (a build under way has been cancelled and
 * undoes itself), and makes the guest no longer desired. When the host reports it gone, or the host is down and cannot, the
 * second task returns what is left: ports, the claim, the quota (the row itself). A host that was down gives the guest up
 * when it is back, for it is not among the desired. Nothing is undone: a deletion only goes forward.
 */
import type { Db } from '#kernel/db/database.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import type { TaskKind, TaskName, TaskRun } from '#kernel/tasks/task.ts';
import type { ComputeDeps } from '../../deps.ts';
import { findHost } from '../../hosts/store.ts';
import { finishEvent } from '../../instance-actions/store.ts';
import { listGuestsOf } from '../guests/store.ts';
import { discardSnapshotsOf } from '../snapshots/take.ts';
import { findServer, updateServer } from '../store.ts';
import { CLEANUP_DEADLINE_MS } from './abandon.ts';
import { giveUpGuests } from './build.ts';

export const DELETE_EVENT = 'compute_terminate_instance';

type Run = TaskRun<object, object>;

export const deleteServerTask: TaskName<object> = 'compute.server.delete';
export const finishDeleteTask: TaskName<object> = 'compute.server.finish-delete';

export function deleteServer(deps: ComputeDeps): TaskKind<object, object> {
  return {
    name: deleteServerTask,
    deadlineMs: CLEANUP_DEADLINE_MS,
    steps: [
      { name: 'discard snapshots', run: (run) => discardSnapshots(deps, run) },
      { name: 'take from host', run: (run) => giveUpGuests(deps, run.resourceId) },
      { name: 'hand on', run: (run) => handOn(deps, run) },
    ],
  };
}

export function finishDelete(deps: ComputeDeps): TaskKind<object, object> {
  return {
    name: finishDeleteTask,
    deadlineMs: CLEANUP_DEADLINE_MS,
    steps: [
      { name: 'delete ports', run: (run) => deps.network.releaseServerPorts(run.resourceId) },
      { name: 'release host', run: (run) => deps.placement.release(deps.db as Db, run.resourceId) },
      { name: 'forget', run: (run) => forget(deps, run) },
    ],
  };
}

/** What is wanted of the guest comes to nothing, and what a shelved server is made of goes with it. */
async function discardSnapshots(deps: ComputeDeps, run: Run): Promise<void> {
  await inTransaction(deps.db, (tx) => discardSnapshotsOf(deps, tx, run.resourceId, 'The server was deleted.'));
}

/** Goes on at once when no host that is up has the guest; otherwise the host's report does. */
async function handOn(deps: ComputeDeps, run: Run): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    const server = await findServer(tx, run.resourceId);
    if (server === undefined || server.deleted_at !== null) return;
    for (const guest of await listGuestsOf(tx, server.id)) {
      const host = await findHost(tx, guest.host_id);
      if (host !== undefined && deps.liveness.isUp(host)) return;
    }
    await deps.tasks.enqueue(tx as Db, {
      name: finishDeleteTask,
      resourceId: server.id,
      projectId: server.project_id,
      requestId: run.requestId,
      input: {},
      deadlineMs: CLEANUP_DEADLINE_MS,
    });
  });
}

async function forget(deps: ComputeDeps, run: Run): Promise<void> {
  const nowMs = deps.clock.now().getTime();
  await inTransaction(deps.db, async (tx) => {
    const server = await findServer(tx, run.resourceId);
    if (server === undefined || server.deleted_at !== null) return;
    const event = {
      serverId: server.id,
      requestId: run.requestId,
      event: DELETE_EVENT,
      host: server.host_id,
      at: nowMs,
    };
    await finishEvent(tx, event);
    await updateServer(tx, server.id, {
      vm_state: 'deleted',
      task_state: null,
      deadline_at: null,
      terminated_at: nowMs,
      deleted_at: nowMs,
      updated_at: nowMs,
    });
  });
}
