/**
 * Asking for a snapshot of a server.
 *
 * Theory of operation. The image's record is made first, under an id chosen here, in the caller's name: its quota and policy refuse while
 * somebody is there to hear it. One transaction then changes the server's task state and wants the snapshot of the server's host. Was
 * that refused, the record is deleted again; a controller that dies in between leaves a queued image, which its owner can delete, as
 * nova does. From here the host is followed: `take.ts`.
 */
import type { RequestContext } from '#kernel/auth/context.ts';
import { systemContext } from '#kernel/auth/context.ts';
import { fromJson } from '#kernel/db/json.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { errorChain, OverLimit } from '#kernel/errors.ts';
import { newUuid } from '#kernel/ids.ts';
import { badInput } from '../../bad-input.ts';
import type { ComputeDeps } from '../../deps.ts';
import { recordAction, startEvent } from '../../instance-actions/store.ts';
import { ask, isStatus } from '../../proxies/ask.ts';
import { openServer, requireUnlocked } from '../access.ts';
import { changedMeanwhile, requireGuest } from '../actions/begin.ts';
import { bumpGuests } from '../guests/revision.ts';
import { type Guest, updateGuest } from '../guests/store.ts';
import { type ActionName, requireState, type TaskState } from '../states.ts';
import { getServer, type Server, swapServer } from '../store.ts';
import { insertSnapshot } from './store.ts';
import type { SnapshotPurpose } from './tables.ts';

/** From the request to the image: room for copying and uploading a large disk. Then the image is deleted and the server goes on. */
export const SNAPSHOT_DEADLINE_MS = 4 * 3600_000;

/** The part of the action that a host does. @see nova/compute/manager.py */
export const SNAPSHOT_EVENTS: Readonly<Record<SnapshotPurpose, string>> = {
  image: 'compute_snapshot_instance',
  backup: 'compute_backup_instance',
  shelve: 'compute_shelve_instance',
};

export interface SnapshotRequest {
  readonly rule: string;
  readonly action: ActionName;
  /** As clients call the action, and as its record has it. */
  readonly word: string;
  readonly purpose: SnapshotPurpose;
  readonly taskState: TaskState;
  /** Of the image, by the server's name. */
  readonly imageName: (serverName: string) => string;
  /** More properties of the image: they win over those that are inherited. */
  readonly properties: Readonly<Record<string, string>>;
  readonly backup?: { readonly type: string; readonly rotation: number };
  /** Whether a lock keeps its owner from it. */
  readonly isLockable: boolean;
  /** What else the host is to make of the guest. */
  readonly guest?: (guest: Guest) => Partial<Guest>;
}

/**
 * Accepts a snapshot of a server's disk.
 * @returns the image's id: it is queued, and gets its data from the server's host.
 * @throws {NotFound} `compute.server.absent`; {Conflict} `compute.server.wrong_state`, `compute.server.locked`; {OverLimit}
 *   `compute.quota.images`; {BadRequest} and {Forbidden} in image's words.
 */
export async function requestSnapshot(
  deps: ComputeDeps,
  ctx: RequestContext,
  id: string,
  wanted: SnapshotRequest,
): Promise<string> {
  const server = await openServer(deps, ctx, id, wanted.rule);
  if (wanted.isLockable) requireUnlocked(deps, ctx, server);
  requireState(server, wanted.action, wanted.word);
  const disk = diskOf(server);
  const imageId = newUuid();
  await createImage(deps, ctx, server, { imageId, wanted });
  try {
    await shareImage(deps, ctx, server, imageId);
    await wantSnapshot(deps, ctx, id, { imageId, disk, wanted });
  } catch (error) {
    await deps.image.deleteImage(systemContext(ctx.projectId), imageId).catch((cause: unknown) => {
      deps.log.warn({ image: imageId, error: errorChain(cause) }, 'the image of a refused snapshot is left over');
    });
    throw error;
  }
  return imageId;
}

/** The disk that holds what the server has made of its image. @throws {BadRequest} when it has none. */
function diskOf(server: Server): string {
  const image = server.image === null ? null : fromJson(server.image);
  if (image !== null && image.diskFormat !== 'iso') return 'root';
  if (fromJson(server.flavor).rootGib > 0) return 'disk0';
  throw badInput('The server has no disk of its own that a snapshot could be made of.');
}

async function createImage(
  deps: ComputeDeps,
  ctx: RequestContext,
  server: Server,
  { imageId, wanted }: { readonly imageId: string; readonly wanted: SnapshotRequest },
): Promise<void> {
  const isOwner = ctx.projectId === server.project_id;
  try {
    await deps.image.createImage(ctx, {
      ...inheritedProperties(server),
      ...(server.image_id === null ? {} : { base_image_ref: server.image_id }),
      boot_roles: ctx.roles.join(','),
      owner_user_name: ctx.userName,
      owner_project_name: ctx.projectName ?? '',
      instance_uuid: server.id,
      user_id: ctx.userId,
      image_type: wanted.purpose === 'backup' ? 'backup' : 'snapshot',
      ...(isOwner ? {} : { instance_owner: server.project_id }),
      ...wanted.properties,
      // Attributes of the image come last: no metadata passes for one.
      id: imageId,
      name: wanted.imageName(server.name).slice(0, MAX_NAME),
      visibility: isOwner ? 'private' : 'shared',
      disk_format: 'qcow2',
      container_format: 'bare',
      min_disk: fromJson(server.flavor).rootGib,
      min_ram: 0,
      protected: false,
      owner: ctx.projectId,
      os_hidden: false,
      tags: [],
    });
  } catch (error) {
    if (isStatus(error, 413)) throw new OverLimit('compute.quota.images', error.message, { cause: error });
    throw error;
  }
}

/** The server's own project is to see it too, as nova has it. */
async function shareImage(deps: ComputeDeps, ctx: RequestContext, server: Server, imageId: string): Promise<void> {
  if (ctx.projectId === server.project_id) return;
  const body = { member: server.project_id };
  await ask(deps.image, ctx, { method: 'POST', path: `/v2/images/${imageId}/members`, body });
}

/** An image's name has no more characters. */
const MAX_NAME = 255;
/** @see nova/conf/compute.py non_inheritable_image_properties, nova/compute/utils.py NON_INHERITABLE_IMAGE_PROPERTIES */
const NOT_INHERITED =
  /^(cache_in_nova|bittorrent|cinder_encryption_key_.*|img_signature.*|signature_verified|os_glance.*)$/;

function inheritedProperties(server: Server): Record<string, string> {
  const properties = server.image === null ? {} : fromJson(server.image).properties;
  return Object.fromEntries(Object.entries(properties).filter(([name]) => !NOT_INHERITED.test(name)));
}

async function wantSnapshot(
  deps: ComputeDeps,
  ctx: RequestContext,
  id: string,
  { imageId, disk, wanted }: { readonly imageId: string; readonly disk: string; readonly wanted: SnapshotRequest },
): Promise<void> {
  const nowMs = deps.clock.now().getTime();
  await inTransaction(deps.db, async (tx) => {
    const server = await getServer(tx, id);
    requireState(server, wanted.action, wanted.word);
    const guest = await requireGuest(tx, server);
    const isStill = await swapServer(tx, server, {
      task_state: wanted.taskState,
      request_id: ctx.requestId,
      deadline_at: nowMs + SNAPSHOT_DEADLINE_MS,
      updated_at: nowMs,
    });
    if (!isStill) throw changedMeanwhile(id);
    await insertSnapshot(tx, {
      image_id: imageId,
      server_id: id,
      host_id: guest.host_id,
      disk,
      purpose: wanted.purpose,
      state: 'wanted',
      project_id: ctx.projectId ?? server.project_id,
      request_id: ctx.requestId,
      backup_type: wanted.backup?.type ?? null,
      rotation: wanted.backup?.rotation ?? null,
      created_at: nowMs,
    });
    if (wanted.guest !== undefined) await updateGuest(tx, guest, { ...wanted.guest(guest), updated_at: nowMs });
    await bumpGuests(deps, tx, guest.host_id);
    const common = { serverId: id, requestId: ctx.requestId, at: nowMs };
    await recordAction(tx, { ...common, action: wanted.word, userId: ctx.userId, projectId: ctx.projectId });
    await startEvent(tx, { ...common, event: SNAPSHOT_EVENTS[wanted.purpose], host: guest.host_id });
  });
}
