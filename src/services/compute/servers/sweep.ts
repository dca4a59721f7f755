/**
 * Looking after servers that nobody reports about: each transitional state has a deadline, and a host that is down keeps
 * no deletion waiting.
 */
import type { Db } from '#kernel/db/database.ts';
import { toJson } from '#kernel/db/json.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { errorChain } from '#kernel/errors.ts';
import type { ComputeDeps } from '../deps.ts';
import { findHost } from '../hosts/store.ts';
import { finishEvent } from '../instance-actions/store.ts';
import { ENDINGS } from './guests/read-report.ts';
import { enqueueFinishDelete } from './guests/report.ts';
import { findGuest, listGuestsOf } from './guests/store.ts';
import { discardSnapshotsOf, isSnapshotting } from './snapshots/take.ts';
import { findServer, listOverdue, pruneServers, type Server, updateServer } from './store.ts';
import type { ServerFault } from './tables.ts';
import { abandonInput, abandonServerTask, CLEANUP_DEADLINE_MS, LOOK_AT_DELETION_MS } from './tasks/abandon.ts';
import { beginOffload, enqueueFinishOffload } from './tasks/offload.ts';

/** How often it's looked. Longer leaves servers in a state that they'll not leave. */
const PERIOD_MS = 5_000;
/** Servers in one go; the next look takes the others. */
const BATCH = 100;
/** Deleted servers are shown this long to those who ask for them. */
const KEEP_DELETED_MS = 30 * 24 * 3600_000;

/** Looks until `signal` aborts. */
export async function sweepServers(deps: ComputeDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await deps.clock.sleep(PERIOD_MS, signal);
    if (signal.aborted) return;
    try {
      await sweepOnce(deps);
    } catch (error) {
      deps.log.error({ error: errorChain(error) }, 'servers could not be looked after');
    }
  }
}

/** One look. */
export async function sweepOnce(deps: ComputeDeps): Promise<void> {
  const nowMs = deps.clock.now().getTime();
  for (const server of await listOverdue(deps.db, nowMs, BATCH)) await giveUp(deps, server.id, nowMs);
  await pruneServers(deps.db, nowMs - KEEP_DELETED_MS, BATCH);
}

/** Ends what has been under way for too long, with its reason. */
async function giveUp(deps: ComputeDeps, id: string, nowMs: number): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    const server = await findServer(tx, id);
    if (server?.deadline_at == null || server.deadline_at > nowMs) return;
    if (server.task_state === 'deleting' || server.task_state === 'shelving_offloading') {
      await pushOn(deps, tx, server, nowMs);
      return;
    }
    if (isSnapshotting(server)) {
      await discardSnapshotsOf(deps, tx, id, `Instance ${id} did not get its snapshot in time.`);
      // Without a row there is nothing to end: the server goes on all the same.
      await updateServer(tx, id, { task_state: null, deadline_at: null, updated_at: nowMs });
      return;
    }
    const problem = (await findGuest(tx, id))?.problem ?? 'its host has not reported it';
    const message = `Instance ${id} did not finish ${server.task_state ?? 'its action'} in time.`;
    const fault: ServerFault = { code: 500, message, details: problem, createdAt: nowMs };
    if (server.task_state === 'spawning' && server.host_id !== null) {
      await updateServer(tx, id, { deadline_at: null });
      await enqueueAbandon(deps, tx, server, fault);
      return;
    }
    const event = server.task_state === null ? undefined : ENDINGS[server.task_state]?.event;
    if (event !== undefined)
      await finishEvent(
        tx,
        { serverId: id, requestId: server.request_id, event, host: server.host_id, at: nowMs },
        message,
      );
    if (server.task_state === 'unshelving') {
      // Without a host it ends by its task's own deadline.
      if ((await findGuest(tx, id)) === undefined) await updateServer(tx, id, { deadline_at: null });
      else await beginOffload(deps, tx, server, fault);
      return;
    }
    // A build that is still looking for its host ends by its task's own deadline, which returns what it has.
    if (server.vm_state === 'building') {
      await updateServer(tx, id, { deadline_at: null });
      return;
    }
    await updateServer(tx, id, {
      vm_state: 'error',
      task_state: null,
      deadline_at: null,
      fault: toJson(fault),
      updated_at: nowMs,
    });
  });
}

async function enqueueAbandon(
  deps: ComputeDeps,
  tx: ComputeDeps['db'],
  server: Server,
  fault: ServerFault,
): Promise<void> {
  const guest = await findGuest(tx, server.id);
  await deps.tasks.enqueue(tx as Db, {
    name: abandonServerTask,
    resourceId: server.id,
    projectId: server.project_id,
    requestId: server.request_id,
    input: guest === undefined ? { fault, hostId: server.host_id ?? '' } : abandonInput(fault, guest),
    deadlineMs: CLEANUP_DEADLINE_MS,
  });
}

/** A deletion or offloading that nobody works on goes on without the hosts that are down. */
async function pushOn(deps: ComputeDeps, tx: ComputeDeps['db'], server: Server, nowMs: number): Promise<void> {
  if (server.deleted_at !== null) {
    await updateServer(tx, server.id, { deadline_at: null });
    return;
  }
  await updateServer(tx, server.id, { deadline_at: nowMs + LOOK_AT_DELETION_MS });
  if ((await deps.tasks.listUnfinished(tx as Db, server.id)).length > 0) return;
  for (const guest of await listGuestsOf(tx, server.id)) {
    const host = await findHost(tx, guest.host_id);
    if (host !== undefined && deps.liveness.isUp(host)) return;
  }
  if (server.task_state === 'deleting') await enqueueFinishDelete(deps, tx, server);
  else await enqueueFinishOffload(deps, tx, server);
}
