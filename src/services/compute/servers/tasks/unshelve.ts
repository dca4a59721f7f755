/**
 * Bringing a shelved server back to a host, from its snapshot's image.
 *
 * Theory of operation. As a build (`build.ts`), but for the ports, which are there and only bound anew, and the root disk, which is made from
 * the snapshot. The task ends when the host's desired state names the guest; the host's report makes the server active, and has the
 * snapshot's image deleted. A failure returns everything: the server stays shelved, and its action's record says why.
 */
import { systemContext } from '#kernel/auth/context.ts';
import type { Db } from '#kernel/db/database.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { Gone } from '#kernel/errors.ts';
import type { TaskError } from '#kernel/tasks/tables.ts';
import type { TaskKind, TaskName, TaskRun } from '#kernel/tasks/task.ts';
import type { ComputeDeps } from '../../deps.ts';
import { finishEvent, startEvent } from '../../instance-actions/store.ts';
import { snapshotImage } from '../boot-image.ts';
import { findGuest } from '../guests/store.ts';
import { takePlaceInGroup } from '../scheduler/group-place.ts';
import { claimHost, overtaken } from '../scheduler/schedule.ts';
import { listSnapshotsOf } from '../snapshots/store.ts';
import { findServer, type Server, swapServer, updateServer } from '../store.ts';
import type { ServerImage } from '../tables.ts';
import { giveToHost, giveUpGuests } from './build.ts';

/** From the request to the guest running, as for a build. */
export const UNSHELVE_DEADLINE_MS = 30 * 60_000;
export const UNSHELVE_EVENT = 'compute_unshelve_instance';

export interface UnshelveInput {
  /** As an administrator asks for; null is where there is room. */
  readonly hostId: string | null;
}

interface UnshelveData {
  readonly hostId: string;
}

type Run = TaskRun<UnshelveInput, UnshelveData>;

export const unshelveServerTask: TaskName<UnshelveInput> = 'compute.server.unshelve';

export function unshelveServer(deps: ComputeDeps): TaskKind<UnshelveInput, UnshelveData> {
  return {
    name: unshelveServerTask,
    deadlineMs: UNSHELVE_DEADLINE_MS,
    steps: [
      { name: 'choose host', run: (run) => chooseHost(deps, run), undo: (run) => releaseHost(deps, run) },
      {
        name: 'bind ports',
        run: (run) => deps.network.bindServerPorts(run.resourceId, run.data.hostId ?? null),
        undo: (run) => unbindPorts(deps, run),
      },
      { name: 'hand to host', run: (run) => handToHost(deps, run), undo: (run) => giveUpGuests(deps, run.resourceId) },
    ],
    onFailed: (run, error) => reportFailure(deps, run, error),
  };
}

/** @throws {Gone} when there is nothing to unshelve any more, which undoes the task. */
async function serverOf(deps: ComputeDeps, run: Run): Promise<Server> {
  const server = await findServer(deps.db, run.resourceId);
  if (server === undefined || server.deleted_at !== null || server.task_state !== 'unshelving')
    throw new Gone('compute.server.absent', 'The server is no longer to be unshelved.');
  return server;
}

async function chooseHost(deps: ComputeDeps, run: Run): Promise<UnshelveData> {
  const server = await serverOf(deps, run);
  // Where it was once asked to be is not asked again.
  const hostId = await claimHost(deps, { ...server, requested_host_id: run.input.hostId }, { excludedHosts: [] });
  if (await takePlaceInGroup(deps, server.id, hostId)) return { hostId };
  await deps.placement.release(deps.db as Db, server.id);
  throw overtaken('another server of its group was quicker');
}

/** A server that is being deleted is its deletion's. */
async function releaseHost(deps: ComputeDeps, run: Run): Promise<void> {
  const server = await findServer(deps.db, run.resourceId);
  if (server?.task_state === 'unshelving') await updateServer(deps.db, server.id, { host_id: null });
  await deps.placement.release(deps.db as Db, run.resourceId);
}

async function unbindPorts(deps: ComputeDeps, run: Run): Promise<void> {
  await deps.network.bindServerPorts(run.resourceId, null);
}

async function handToHost(deps: ComputeDeps, run: Run): Promise<void> {
  // Done before a crash, and the host may have made it active since.
  if ((await findGuest(deps.db, run.resourceId)) !== undefined) return;
  const hostId = run.data.hostId ?? '';
  const server = await serverOf(deps, run);
  const bootImage = await findShelvedImage(deps, server, run.requestId);
  const nowMs = deps.clock.now().getTime();
  await inTransaction(deps.db, async (tx) => {
    if ((await findGuest(tx, server.id)) !== undefined) return;
    const isStill = await swapServer(tx, server, {
      host_id: hostId,
      deadline_at: nowMs + UNSHELVE_DEADLINE_MS,
      updated_at: nowMs,
    });
    if (!isStill) throw new Gone('compute.server.absent', 'The server is no longer to be unshelved.');
    await giveToHost(deps, tx, { server, hostId, adminPassword: null, triedHosts: [], bootImage });
    await startEvent(tx, eventOf(server, run, nowMs));
  });
}

/** @throws {Gone} when somebody has deleted it. */
async function findShelvedImage(deps: ComputeDeps, server: Server, requestId: string): Promise<ServerImage> {
  const row = (await listSnapshotsOf(deps.db, server.id)).find((one) => one.purpose === 'shelve');
  const missing = new Gone(
    'compute.shelved_image.absent',
    `Unshelve instance ${server.id} failed: its image is missing.`,
  );
  if (row?.state !== 'stored') throw missing;
  try {
    const image = await deps.image.getImageForBoot(systemContext(row.project_id, requestId), row.image_id);
    return snapshotImage(image);
  } catch (cause) {
    if (cause instanceof Error && 'status' in cause && cause.status === 404) throw missing;
    throw cause;
  }
}

async function reportFailure(deps: ComputeDeps, run: Run, error: TaskError): Promise<void> {
  const nowMs = deps.clock.now().getTime();
  await inTransaction(deps.db, async (tx) => {
    const server = await findServer(tx, run.resourceId);
    if (server === undefined || server.deleted_at !== null) return;
    await finishEvent(tx, eventOf(server, run, nowMs), error.message);
    if (server.task_state !== 'unshelving') return;
    await updateServer(tx, server.id, { task_state: null, host_id: null, deadline_at: null, updated_at: nowMs });
  });
}

function eventOf(server: Server, run: Run, at: number) {
  return { serverId: server.id, requestId: run.requestId, event: UNSHELVE_EVENT, host: run.data.hostId ?? null, at };
}
