/**
 * Taking a shelved server from its host, in two tasks with the host between them, as a deletion has it (`delete.ts`).
 *
 * Theory of operation. The first task makes the guest no longer desired; when the host reports it gone, or is down and cannot, the second
 * unbinds the ports and gives the claim back. What the server is made of from here is the image in its snapshot's row. An unshelving that its
 * host could not finish ends here too: everything is given back the same way. Nothing is undone: it only goes forward.
 */
import type { Db } from '#kernel/db/database.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import type { TaskKind, TaskName, TaskRun } from '#kernel/tasks/task.ts';
import type { ComputeDeps } from '../../deps.ts';
import { findHost } from '../../hosts/store.ts';
import { finishEvent, startEvent } from '../../instance-actions/store.ts';
import { listGuestsOf } from '../guests/store.ts';
import { findServer, type Server, updateServer } from '../store.ts';
import type { ServerFault } from '../tables.ts';
import { CLEANUP_DEADLINE_MS, LOOK_AT_DELETION_MS } from './abandon.ts';
import { giveUpGuests } from './build.ts';

const OFFLOAD_EVENT = 'compute_shelve_offload_instance';

export const offloadServerTask: TaskName<object> = 'compute.server.offload';
export const finishOffloadTask: TaskName<object> = 'compute.server.finish-offload';

type Run = TaskRun<object, object>;

export function offloadServer(deps: ComputeDeps): TaskKind<object, object> {
  return {
    name: offloadServerTask,
    deadlineMs: CLEANUP_DEADLINE_MS,
    steps: [
      { name: 'take from host', run: (run) => giveUpGuests(deps, run.resourceId) },
      { name: 'hand on', run: (run) => handOn(deps, run) },
    ],
  };
}

export function finishOffload(deps: ComputeDeps): TaskKind<object, object> {
  return {
    name: finishOffloadTask,
    deadlineMs: CLEANUP_DEADLINE_MS,
    steps: [
      { name: 'unbind ports', run: (run) => deps.network.bindServerPorts(run.resourceId, null) },
      { name: 'release host', run: (run) => deps.placement.release(deps.db as Db, run.resourceId) },
      { name: 'let go', run: (run) => letGo(deps, run) },
    ],
  };
}

/**
 * Begins to take a server from its host, in the caller's transaction.
 * @param fault Why, when that isn't what was asked for.
 */
export async function beginOffload(
  deps: ComputeDeps,
  tx: ComputeDeps['db'],
  server: Pick<Server, 'id' | 'project_id' | 'request_id' | 'host_id'>,
  fault?: ServerFault,
): Promise<void> {
  const nowMs = deps.clock.now().getTime();
  await updateServer(tx, server.id, {
    vm_state: 'shelved',
    task_state: 'shelving_offloading',
    power_state: 4,
    fault: fault === undefined ? null : JSON.stringify(fault),
    deadline_at: nowMs + LOOK_AT_DELETION_MS,
    updated_at: nowMs,
  });
  await startEvent(tx, eventOf(server, nowMs));
  await enqueue(deps, tx, server, offloadServerTask);
}

/** Ends the taking of a server from its host, once no host has it any more. */
export async function enqueueFinishOffload(
  deps: ComputeDeps,
  tx: ComputeDeps['db'],
  server: Pick<Server, 'id' | 'project_id' | 'request_id'>,
): Promise<void> {
  await enqueue(deps, tx, server, finishOffloadTask);
}

async function enqueue(
  deps: ComputeDeps,
  tx: ComputeDeps['db'],
  server: Pick<Server, 'id' | 'project_id' | 'request_id'>,
  name: TaskName<object>,
): Promise<void> {
  await deps.tasks.enqueue(tx as Db, {
    name,
    resourceId: server.id,
    projectId: server.project_id,
    requestId: server.request_id,
    input: {},
    deadlineMs: CLEANUP_DEADLINE_MS,
  });
}

function eventOf(server: Pick<Server, 'id' | 'request_id' | 'host_id'>, at: number) {
  return { serverId: server.id, requestId: server.request_id, event: OFFLOAD_EVENT, host: server.host_id, at };
}

/** Goes on at once when no host that is up has the guest; otherwise the host's report does. */
async function handOn(deps: ComputeDeps, run: Run): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    const server = await findServer(tx, run.resourceId);
    if (server === undefined || server.task_state !== 'shelving_offloading') return;
    for (const guest of await listGuestsOf(tx, server.id)) {
      const host = await findHost(tx, guest.host_id);
      if (host !== undefined && deps.liveness.isUp(host)) return;
    }
    await enqueueFinishOffload(deps, tx, server);
  });
}

async function letGo(deps: ComputeDeps, run: Run): Promise<void> {
  const nowMs = deps.clock.now().getTime();
  await inTransaction(deps.db, async (tx) => {
    const server = await findServer(tx, run.resourceId);
    if (server === undefined || server.task_state !== 'shelving_offloading') return;
    await finishEvent(tx, eventOf(server, nowMs));
    await updateServer(tx, server.id, {
      vm_state: 'shelved_offloaded',
      task_state: null,
      host_id: null,
      deadline_at: null,
      updated_at: nowMs,
    });
  });
}
