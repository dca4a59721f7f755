/**
 * Giving up a build that its host could not finish: everything is returned, and another host is tried, as long as there is
 * one; otherwise the server is in error with the last host's reason.
 *
 * Every step is harmless to repeat, and there is nothing to undo: giving back is the way forward.
 */
import type { Db } from '#kernel/db/database.ts';
import { fromJson, toJson } from '#kernel/db/json.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import type { TaskKind, TaskName, TaskRun } from '#kernel/tasks/task.ts';
import type { ComputeDeps } from '../../deps.ts';
import { finishEvent } from '../../instance-actions/store.ts';
import type { Guest } from '../guests/store.ts';
import { findServer, updateServer } from '../store.ts';
import type { ServerFault } from '../tables.ts';
import { BUILD_DEADLINE_MS, BUILD_EVENT, buildServerTask, giveUpGuests } from './build.ts';

/** Giving back needs no host: only the database is waited for. */
export const CLEANUP_DEADLINE_MS = 24 * 3600_000;
/** How often a deletion or offloading is looked at that waits for its host. */
export const LOOK_AT_DELETION_MS = 30_000;

export interface AbandonInput {
  readonly fault: ServerFault;
  readonly hostId: string;
  readonly triedHosts?: readonly string[];
  /** Whether no other host is to be tried: somebody has cancelled it. */
  readonly isFinal?: boolean;
  /** For the guest on the next host. */
  readonly adminPassword?: string | null;
}

/** What giving up a guest needs to know of it. */
export function abandonInput(fault: ServerFault, guest: Guest): AbandonInput {
  return {
    fault,
    hostId: guest.host_id,
    triedHosts: fromJson(guest.tried_hosts),
    adminPassword: guest.admin_password,
  };
}

type Run = TaskRun<AbandonInput, object>;

export const abandonServerTask: TaskName<AbandonInput> = 'compute.server.abandon';

export function abandonServer(deps: ComputeDeps): TaskKind<AbandonInput, object> {
  return {
    name: abandonServerTask,
    deadlineMs: CLEANUP_DEADLINE_MS,
    steps: [
      { name: 'take from host', run: (run) => giveUpGuests(deps, run.resourceId) },
      { name: 'delete ports', run: (run) => deps.network.releaseServerPorts(run.resourceId) },
      { name: 'release host', run: (run) => deps.placement.release(deps.db as Db, run.resourceId) },
      { name: 'try another host', run: (run) => tryAgain(deps, run) },
    ],
  };
}

/** How many hosts are tried in all. @see nova's scheduler max_attempts */
const MAX_HOSTS = 3;

async function tryAgain(deps: ComputeDeps, run: Run): Promise<void> {
  const nowMs = deps.clock.now().getTime();
  const { fault, hostId } = run.input;
  const tried = [...(run.input.triedHosts ?? []), hostId];
  await inTransaction(deps.db, async (tx) => {
    const server = await findServer(tx, run.resourceId);
    if (server === undefined || server.vm_state !== 'building' || server.deleted_at !== null) return;
    const event = { serverId: server.id, requestId: run.requestId, event: BUILD_EVENT, host: hostId, at: nowMs };
    await finishEvent(tx, event, fault.message);
    if (server.task_state === 'deleting') return;
    if (run.input.isFinal !== true && tried.length < MAX_HOSTS && server.requested_host_id === null) {
      await updateServer(tx, server.id, {
        task_state: 'scheduling',
        host_id: null,
        deadline_at: nowMs + BUILD_DEADLINE_MS,
        updated_at: nowMs,
      });
      await deps.tasks.enqueue(tx as Db, {
        name: buildServerTask,
        resourceId: server.id,
        projectId: server.project_id,
        requestId: run.requestId,
        input: { adminPassword: run.input.adminPassword ?? '', excludedHosts: tried, lastFault: fault },
        deadlineMs: BUILD_DEADLINE_MS,
      });
      return;
    }
    await updateServer(tx, server.id, {
      vm_state: 'error',
      task_state: null,
      host_id: null,
      fault: toJson(fault),
      deadline_at: null,
      updated_at: nowMs,
    });
  });
}
