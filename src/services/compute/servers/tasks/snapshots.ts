/** What is left to do of snapshots once their server goes on: one step each, which can be repeated. */
import { systemContext } from '#kernel/auth/context.ts';
import type { TaskKind, TaskName, TaskRun } from '#kernel/tasks/task.ts';
import type { ComputeDeps } from '../../deps.ts';
import { isStatus } from '../../proxies/ask.ts';
import { deleteSnapshot } from '../snapshots/store.ts';
import { CLEANUP_DEADLINE_MS } from './abandon.ts';

export interface RotateInput {
  readonly serverId: string;
  readonly backupType: string;
  /** How many of the newest stay. */
  readonly keep: number;
}

/** Its resource is the image. */
export const discardSnapshotTask: TaskName<object> = 'compute.snapshot.discard';
/** Its resource is the newest backup's image. */
export const rotateBackupsTask: TaskName<RotateInput> = 'compute.snapshot.rotate';

/** Deletes a snapshot's image, and forgets it. */
export function discardSnapshot(deps: ComputeDeps): TaskKind<object, object> {
  return {
    name: discardSnapshotTask,
    deadlineMs: CLEANUP_DEADLINE_MS,
    steps: [
      { name: 'delete image', run: (run) => deleteImage(deps, run, run.resourceId) },
      { name: 'forget', run: (run) => deleteSnapshot(deps.db, run.resourceId) },
    ],
  };
}

/** Deletes a server's backups of one type but for the newest. @see nova/compute/manager.py _rotate_backups */
export function rotateBackups(deps: ComputeDeps): TaskKind<RotateInput, object> {
  return {
    name: rotateBackupsTask,
    deadlineMs: CLEANUP_DEADLINE_MS,
    steps: [{ name: 'delete old backups', run: (run) => deleteOldBackups(deps, run) }],
  };
}

/** Backups looked at in one go: more than a page are thinned out with the next backup. */
const MAX_BACKUPS = 1000;

async function deleteOldBackups(deps: ComputeDeps, run: TaskRun<RotateInput, object>): Promise<void> {
  const { serverId, backupType, keep } = run.input;
  const query = new URLSearchParams({
    instance_uuid: serverId,
    image_type: 'backup',
    backup_type: backupType,
    owner: run.projectId ?? '',
    status: 'active',
    sort: 'created_at:desc',
    limit: String(MAX_BACKUPS),
  });
  const backups = await deps.image.listImages(systemContext(run.projectId, run.requestId), query);
  for (const { id } of backups.slice(keep)) await deleteImage(deps, run, id);
}

/** An image that its owner has deleted or protected meanwhile is left to them. */
async function deleteImage(deps: ComputeDeps, run: TaskRun<unknown, object>, imageId: string): Promise<void> {
  try {
    await deps.image.deleteImage(systemContext(run.projectId, run.requestId), imageId);
  } catch (error) {
    if (!isStatus(error, 404) && !isStatus(error, 403)) throw error;
  }
}
