import { Type } from 'typebox';
import { Reply } from '#kernel/api/route.ts';
import type { RequestContext } from '#kernel/auth/context.ts';
import type { Db } from '#kernel/db/database.ts';
import { fromJson, toJson } from '#kernel/db/json.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { badInput } from '../../bad-input.ts';
import type { ComputeDeps } from '../../deps.ts';
import { finishEvent, recordAction, startEvent } from '../../instance-actions/store.ts';
import { endMigrations } from '../../migrations/store.ts';
import { checkServerQuota } from '../../quotas/check.ts';
import { openServer, requireUnlocked } from '../access.ts';
import { readFlavor } from '../flavor.ts';
import { bumpGuests } from '../guests/revision.ts';
import { updateGuest } from '../guests/store.ts';
import { FlavorRef } from '../schema.ts';
import { requireState } from '../states.ts';
import { getServer, type Server, swapServer } from '../store.ts';
import type { ServerFlavor } from '../tables.ts';
import { CLEANUP_DEADLINE_MS } from '../tasks/abandon.ts';
import { fitClaimTask, RESIZE_DEADLINE_MS, RESIZE_EVENT, resizeServerTask } from '../tasks/resize.ts';
import type { ServerAction } from './action.ts';
import { changedMeanwhile, requireGuest } from './begin.ts';

const ResizeInput = Type.Object(
  {
    flavorRef: FlavorRef,
    'OS-DCF:diskConfig': Type.Optional(Type.Union([Type.Literal('AUTO'), Type.Literal('MANUAL')])),
  },
  { additionalProperties: false },
);

interface ResizeWanted {
  readonly flavorRef: string | number;
  readonly 'OS-DCF:diskConfig'?: 'AUTO' | 'MANUAL';
}

/** @see https://docs.openstack.org/api-ref/compute/#resize-server-resize-action */
export const resizeActions = (deps: ComputeDeps): ServerAction[] => [
  {
    name: 'resize',
    input: ResizeInput,
    async run({ ctx }, id, input: ResizeWanted) {
      await beginResize(deps, ctx, id, input);
      return undefined;
    },
  },
  {
    name: 'confirmResize',
    async run({ ctx }, id) {
      await confirmResize(deps, ctx, id);
      return new Reply({ status: 204 });
    },
  },
  {
    name: 'revertResize',
    async run({ ctx }, id) {
      await revertResize(deps, ctx, id);
      return undefined;
    },
  },
];

async function beginResize(deps: ComputeDeps, ctx: RequestContext, id: string, input: ResizeWanted): Promise<void> {
  const before = await openServer(deps, ctx, id, 'os_compute_api:servers:resize');
  requireUnlocked(deps, ctx, before);
  requireState(before, 'resize', 'resize');
  const flavor = await readFlavor(deps, ctx, input.flavorRef);
  const old = fromJson(before.flavor);
  if (flavor.id === old.id) throw badInput('When resizing, instances must change flavor!');
  if (flavor.rootGib === 0 && old.rootGib !== 0)
    throw badInput('Server disk was unable to be resized because: Resize to zero disk flavor is not allowed.');
  if (flavor.rootGib < old.rootGib || flavor.ephemeralGib < old.ephemeralGib)
    throw badInput('Server disk was unable to be resized because: Unable to resize disk down.');
  const nowMs = deps.clock.now().getTime();
  await inTransaction(deps.db, async (tx) => {
    const server = await getServer(tx, id);
    requireState(server, 'resize', 'resize');
    await requireGuest(tx, server);
    await checkServerQuota(
      tx,
      { projectId: server.project_id, userId: server.user_id },
      {
        min: 0,
        max: 0,
        vcpus: Math.max(0, flavor.vcpus - old.vcpus),
        memoryMib: Math.max(0, flavor.memoryMib - old.memoryMib),
      },
    );
    const isStill = await swapServer(tx, server, {
      task_state: 'resize_prep',
      vcpus: Math.max(flavor.vcpus, old.vcpus),
      memory_mib: Math.max(flavor.memoryMib, old.memoryMib),
      request_id: ctx.requestId,
      deadline_at: nowMs + 2 * RESIZE_DEADLINE_MS,
      updated_at: nowMs,
      ...(input['OS-DCF:diskConfig'] === undefined ? {} : { disk_config: input['OS-DCF:diskConfig'] }),
    });
    if (!isStill) throw changedMeanwhile(id);
    await note(tx, ctx, { server, action: 'resize', nowMs });
    await startEvent(tx, {
      serverId: id,
      requestId: ctx.requestId,
      event: RESIZE_EVENT,
      host: server.host_id,
      at: nowMs,
    });
    await deps.tasks.enqueue(tx as Db, {
      name: resizeServerTask,
      resourceId: id,
      projectId: server.project_id,
      requestId: ctx.requestId,
      input: { flavor },
      deadlineMs: RESIZE_DEADLINE_MS,
    });
  });
}

/** Keeps the new flavor: the old one's share of the claim is given back. */
async function confirmResize(deps: ComputeDeps, ctx: RequestContext, id: string): Promise<void> {
  await openServer(deps, ctx, id, 'os_compute_api:servers:confirm_resize');
  const nowMs = deps.clock.now().getTime();
  await inTransaction(deps.db, async (tx) => {
    const server = await getServer(tx, id);
    requireUnlocked(deps, ctx, server);
    requireState(server, 'confirmResize', 'confirmResize');
    const guest = await requireGuest(tx, server);
    const isStill = await swapServer(tx, server, {
      ...countOf(fromJson(server.flavor)),
      // it may have stopped by itself since, as nova looks for too
      vm_state: guest.power === 'stopped' ? 'stopped' : 'active',
      old_flavor: null,
      old_vm_state: null,
      updated_at: nowMs,
    });
    if (!isStill) throw changedMeanwhile(id);
    await note(tx, ctx, { server, action: 'confirmResize', nowMs });
    await endMigrations(tx, id, { status: 'confirmed', updated_at: nowMs });
    const event = {
      serverId: id,
      requestId: ctx.requestId,
      event: 'compute_confirm_resize',
      host: server.host_id,
      at: nowMs,
    };
    await finishEvent(tx, event);
    await enqueueFitClaim(deps, tx, ctx, server);
  });
}

/** Goes back to the old flavor; a guest that runs is brought up anew with it. */
async function revertResize(deps: ComputeDeps, ctx: RequestContext, id: string): Promise<void> {
  await openServer(deps, ctx, id, 'os_compute_api:servers:revert_resize');
  const nowMs = deps.clock.now().getTime();
  await inTransaction(deps.db, async (tx) => {
    const server = await getServer(tx, id);
    requireUnlocked(deps, ctx, server);
    requireState(server, 'revertResize', 'revertResize');
    const guest = await requireGuest(tx, server);
    const old = fromJson(server.old_flavor ?? server.flavor);
    const isOff = server.old_vm_state === 'stopped';
    const isStill = await swapServer(tx, server, {
      ...countOf(old),
      flavor: toJson(old),
      flavor_id: old.id,
      old_flavor: null,
      old_vm_state: null,
      ...(isOff
        ? { vm_state: 'stopped' as const }
        : { task_state: 'resize_reverting' as const, deadline_at: nowMs + RESIZE_DEADLINE_MS }),
      request_id: ctx.requestId,
      updated_at: nowMs,
    });
    if (!isStill) throw changedMeanwhile(id);
    if (!isOff) {
      await updateGuest(tx, guest, {
        power: 'running',
        power_serial: guest.power_serial + 1,
        reboot_serial: guest.reboot_serial + 1,
        reboot_type: 'hard',
      });
    }
    await bumpGuests(deps, tx, guest.host_id);
    await note(tx, ctx, { server, action: 'revertResize', nowMs });
    await endMigrations(tx, id, { status: 'reverted', updated_at: nowMs });
    const event = {
      serverId: id,
      requestId: ctx.requestId,
      event: 'compute_revert_resize',
      host: guest.host_id,
      at: nowMs,
    };
    await (isOff ? finishEvent(tx, event) : startEvent(tx, event));
    await enqueueFitClaim(deps, tx, ctx, server);
  });
}

function countOf(flavor: ServerFlavor): Pick<Server, 'vcpus' | 'memory_mib'> {
  return { vcpus: flavor.vcpus, memory_mib: flavor.memoryMib };
}

async function note(
  tx: ComputeDeps['db'],
  ctx: RequestContext,
  about: { readonly server: Server; readonly action: string; readonly nowMs: number },
): Promise<void> {
  const { requestId, userId, projectId } = ctx;
  const { server, action, nowMs } = about;
  await recordAction(tx, { serverId: server.id, requestId, action, userId, projectId, at: nowMs });
}

async function enqueueFitClaim(
  deps: ComputeDeps,
  tx: ComputeDeps['db'],
  ctx: RequestContext,
  server: Server,
): Promise<void> {
  await deps.tasks.enqueue(tx as Db, {
    name: fitClaimTask,
    resourceId: server.id,
    projectId: server.project_id,
    requestId: ctx.requestId,
    input: {},
    deadlineMs: CLEANUP_DEADLINE_MS,
  });
}
