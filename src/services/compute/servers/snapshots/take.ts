/**
 * What becomes of a snapshot that a host was asked for.
 *
 * Theory of operation. The host uploads the copy; image stores it as any upload, all or nothing; then one transaction says that the snapshot
 * is done and lets the server go on. A controller that dies between the two is asked again by the host, finds the image active, and only
 * ends. A failure that trying again would not mend (the image was deleted, a quota is used up), the host giving up, and the deadline all end
 * the snapshot too: the image is deleted by a task, and the server goes on as it was. Ending is a swap of the row's state, so that
 * only one of them does it.
 */
import type { Readable } from 'node:stream';
import { systemContext } from '#kernel/auth/context.ts';
import type { Db } from '#kernel/db/database.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { CloudError, NotFound } from '#kernel/errors.ts';
import type { ComputeDeps } from '../../deps.ts';
import { finishEvent } from '../../instance-actions/store.ts';
import { bumpGuests } from '../guests/revision.ts';
import { findGuest } from '../guests/store.ts';
import { POWER, type TaskState } from '../states.ts';
import { findServer, type Server, updateServer } from '../store.ts';
import { beginOffload } from '../tasks/offload.ts';
import { discardSnapshotTask, rotateBackupsTask } from '../tasks/snapshots.ts';
import { SNAPSHOT_DEADLINE_MS, SNAPSHOT_EVENTS } from './request.ts';
import {
  deleteSnapshot,
  findSnapshot,
  listSnapshotsOf,
  type Snapshot,
  setShelvedPorts,
  swapSnapshot,
} from './store.ts';

/** Task states of a server whose snapshot is under way, and how far it is. */
const PROGRESS: Readonly<Record<'made' | 'uploading', Readonly<Partial<Record<TaskState, TaskState>>>>> = {
  made: {
    image_snapshot: 'image_pending_upload',
    image_backup: 'image_pending_upload',
    shelving: 'shelving_image_pending_upload',
  },
  uploading: {
    image_snapshot: 'image_uploading',
    image_backup: 'image_uploading',
    image_pending_upload: 'image_uploading',
    shelving: 'shelving_image_uploading',
    shelving_image_pending_upload: 'shelving_image_uploading',
  },
};

const AT_WORK: ReadonlySet<TaskState | null> = new Set<TaskState>([
  'image_snapshot',
  'image_backup',
  'image_pending_upload',
  'image_uploading',
  'shelving',
  'shelving_image_pending_upload',
  'shelving_image_uploading',
]);

/** Whether a server waits for a snapshot. */
export function isSnapshotting({ task_state: taskState }: Pick<Server, 'task_state'>): boolean {
  return AT_WORK.has(taskState);
}

/**
 * Takes a snapshot's bytes from the host that was asked for it.
 * @throws {NotFound} `compute.snapshot.unwanted` for any other; {CloudError} of image's when it cannot be stored.
 */
export async function takeSnapshot(deps: ComputeDeps, hostId: string, imageId: string, data: Readable): Promise<void> {
  const row = await findSnapshot(deps.db, imageId);
  if (row === undefined || row.host_id !== hostId || row.state !== 'wanted')
    throw new NotFound('compute.snapshot.unwanted', `Nobody waits for image ${imageId} from this host.`);
  await inTransaction(deps.db, (tx) => noteProgress(deps, tx, row.server_id, 'uploading'));
  const ctx = systemContext(row.project_id, row.request_id);
  try {
    const { status } = await deps.image.showImage(ctx, imageId);
    if (status === 'active') data.resume();
    else await deps.image.uploadImageData(ctx, imageId, data);
  } catch (error) {
    if (isFinal(error)) await endSnapshot(deps, imageId, error.message);
    throw error;
  }
  await finishSnapshot(deps, imageId);
}

/** Whether an upload that failed would fail again: not when the host died in the middle, or an earlier upload counts as alive. */
function isFinal(error: unknown): error is CloudError {
  if (!(error instanceof CloudError) || error.status >= 500) return false;
  return error.code !== 'image.data.cut_off' && error.code !== 'image.status';
}

/** Shows how far a snapshot is. */
export async function noteProgress(
  deps: ComputeDeps,
  tx: ComputeDeps['db'],
  serverId: string,
  reached: keyof typeof PROGRESS,
): Promise<void> {
  const server = await findServer(tx, serverId);
  const next = server?.task_state == null ? undefined : PROGRESS[reached][server.task_state];
  if (next !== undefined)
    await updateServer(tx, serverId, { task_state: next, updated_at: deps.clock.now().getTime() });
}

/** The image is there: the server goes on. Doing it again does nothing. */
async function finishSnapshot(deps: ComputeDeps, imageId: string): Promise<void> {
  const nowMs = deps.clock.now().getTime();
  await inTransaction(deps.db, async (tx) => {
    const row = await findSnapshot(tx, imageId);
    if (row === undefined || !(await swapSnapshot(tx, row, 'stored')) || row.state !== 'wanted') return;
    await bumpGuests(deps, tx, row.host_id);
    if (row.purpose === 'shelve') {
      await keepShelved(deps, tx, row, nowMs);
      return;
    }
    await letGo(deps, tx, row, { nowMs });
    await deleteSnapshot(tx, imageId);
    if (row.purpose === 'backup') await enqueueRotation(deps, tx, row);
  });
}

/** The server is in its image, and is taken from its host at once, as with nova's `shelved_offload_time` of 0. */
async function keepShelved(deps: ComputeDeps, tx: ComputeDeps['db'], row: Snapshot, nowMs: number): Promise<void> {
  const server = await findServer(tx, row.server_id);
  if (server === undefined || !isSnapshotting(server)) return;
  const ports = (await findGuest(tx, server.id))?.ports ?? null;
  await setShelvedPorts(tx, server.id, ports);
  const event = SNAPSHOT_EVENTS.shelve;
  await finishEvent(tx, { serverId: server.id, requestId: row.request_id, event, host: row.host_id, at: nowMs });
  await beginOffload(deps, tx, server);
}

/**
 * The snapshot comes to nothing: its image is deleted, and the server goes on. Doing it again does nothing.
 * @param why For the server's owner.
 */
export async function endSnapshot(deps: ComputeDeps, imageId: string, why: string): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    const row = await findSnapshot(tx, imageId);
    if (row !== undefined) await discard(deps, tx, row, why);
  });
}

/** Ends all that is wanted of a server, or kept of it while it is shelved. */
export async function discardSnapshotsOf(
  deps: ComputeDeps,
  tx: ComputeDeps['db'],
  serverId: string,
  why: string,
): Promise<void> {
  for (const row of await listSnapshotsOf(tx, serverId)) await discard(deps, tx, row, why);
}

async function discard(deps: ComputeDeps, tx: ComputeDeps['db'], row: Snapshot, why: string): Promise<void> {
  if (row.state === 'discarded' || !(await swapSnapshot(tx, row, 'discarded'))) return;
  if (row.state === 'wanted') {
    await bumpGuests(deps, tx, row.host_id);
    await letGo(deps, tx, row, { nowMs: deps.clock.now().getTime(), failure: why });
  }
  // Under the image's id: deleting the server cancels what is under its own.
  await deps.tasks.enqueue(tx as Db, {
    name: discardSnapshotTask,
    resourceId: row.image_id,
    projectId: row.project_id,
    requestId: row.request_id,
    input: {},
    deadlineMs: SNAPSHOT_DEADLINE_MS,
  });
}

/** The server no longer waits; the action's record has how it ended. */
async function letGo(
  deps: ComputeDeps,
  tx: ComputeDeps['db'],
  row: Snapshot,
  { nowMs, failure }: { readonly nowMs: number; readonly failure?: string },
): Promise<void> {
  const server = await findServer(tx, row.server_id);
  if (server === undefined) return;
  const event = {
    serverId: server.id,
    requestId: row.request_id,
    event: SNAPSHOT_EVENTS[row.purpose],
    host: row.host_id,
    at: nowMs,
  };
  await finishEvent(tx, event, failure);
  if (isSnapshotting(server))
    await updateServer(tx, server.id, {
      task_state: null,
      deadline_at: null,
      updated_at: nowMs,
      // It was shut down for the copy, and stays so.
      ...(row.purpose === 'shelve' ? { vm_state: 'stopped' as const, power_state: POWER.stopped } : {}),
    });
}

async function enqueueRotation(deps: ComputeDeps, tx: ComputeDeps['db'], row: Snapshot): Promise<void> {
  await deps.tasks.enqueue(tx as Db, {
    name: rotateBackupsTask,
    resourceId: row.image_id,
    projectId: row.project_id,
    requestId: row.request_id,
    input: { serverId: row.server_id, backupType: row.backup_type ?? '', keep: row.rotation ?? 0 },
    deadlineMs: SNAPSHOT_DEADLINE_MS,
  });
}
