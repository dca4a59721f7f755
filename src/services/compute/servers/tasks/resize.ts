/**
 * Resizing a server on its host.
 *
 * Theory of operation. The claim grows first, to what the old and the new flavor need together, so that going either way
 * from there cannot fail; then the server gets the new flavor, and its guest a hard reboot that brings it up with it. A
 * server that is off needs no host: it's started with the new flavor. Confirming and reverting fit the claim to
 * the one flavor that is left. Handing to the host has no undo: it is one transaction, and the last step. A disk that has grown stays grown on the host when the resize is reverted.
 */
import type { Db } from '#kernel/db/database.ts';
import { fromJson, toJson } from '#kernel/db/json.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { Gone } from '#kernel/errors.ts';
import type { TaskError } from '#kernel/tasks/tables.ts';
import type { TaskKind, TaskName, TaskRun } from '#kernel/tasks/task.ts';
import type { ComputeDeps } from '../../deps.ts';
import { finishEvent } from '../../instance-actions/store.ts';
import { insertMigration } from '../../migrations/store.ts';
import { bumpGuests } from '../guests/revision.ts';
import { findGuest, updateGuest } from '../guests/store.ts';
import { NoValidHost, resourcesOf } from '../scheduler/schedule.ts';
import { findServer, type Server, swapServer, updateServer } from '../store.ts';
import type { ServerFlavor } from '../tables.ts';
import { CLEANUP_DEADLINE_MS } from './abandon.ts';

export const RESIZE_DEADLINE_MS = 10 * 60_000;
export const RESIZE_EVENT = 'compute_finish_resize';

export interface ResizeInput {
  readonly flavor: ServerFlavor;
}

type Run = TaskRun<ResizeInput, object>;

export const resizeServerTask: TaskName<ResizeInput> = 'compute.server.resize';
export const fitClaimTask: TaskName<object> = 'compute.server.fit-claim';

export function resizeServer(deps: ComputeDeps): TaskKind<ResizeInput, object> {
  return {
    name: resizeServerTask,
    deadlineMs: RESIZE_DEADLINE_MS,
    steps: [
      { name: 'claim both', run: (run) => claimBoth(deps, run), undo: (run) => fitClaim(deps, run.resourceId) },
      { name: 'hand to host', run: (run) => handToHost(deps, run) },
    ],
    onFailed: (run, error) => reportFailure(deps, run, error),
  };
}

/** Makes the claim what the server's flavor needs, whatever it was. */
export function fitServerClaim(deps: ComputeDeps): TaskKind<object, object> {
  return {
    name: fitClaimTask,
    deadlineMs: CLEANUP_DEADLINE_MS,
    steps: [{ name: 'fit claim', run: (run) => fitClaim(deps, run.resourceId) }],
  };
}

async function serverOf(deps: ComputeDeps, run: Run): Promise<Server> {
  const server = await findServer(deps.db, run.resourceId);
  if (server === undefined || server.task_state !== 'resize_prep')
    throw new Gone('compute.server.absent', 'The server is no longer to be resized.');
  return server;
}

async function claimBoth(deps: ComputeDeps, run: Run): Promise<void> {
  const server = await serverOf(deps, run);
  const [before, after] = [resourcesOf(fromJson(server.flavor)), resourcesOf(run.input.flavor)];
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  const both = Object.fromEntries([...names].map((name) => [name, Math.max(before[name] ?? 0, after[name] ?? 0)]));
  if (await claim(deps, server, both)) return;
  throw new NoValidHost(
    `No valid host was found. The server's host has no room for flavor ${run.input.flavor.name}, and servers are resized where they are.`,
    JSON.stringify({ asked: after }),
  );
}

function claim(deps: ComputeDeps, server: Server, resources: Readonly<Record<string, number>>): Promise<boolean> {
  return deps.placement.claim(deps.db as Db, {
    consumerId: server.id,
    projectId: server.project_id,
    userId: server.user_id,
    providerId: server.host_id ?? '',
    resources,
  });
}

async function fitClaim(deps: ComputeDeps, serverId: string): Promise<void> {
  const server = await findServer(deps.db, serverId);
  if (server === undefined || server.deleted_at !== null || server.host_id === null) return;
  if (server.task_state === 'deleting') return;
  if (!(await claim(deps, server, resourcesOf(fromJson(server.flavor)))))
    throw new Error('a claim that became smaller was refused');
}

async function handToHost(deps: ComputeDeps, run: Run): Promise<void> {
  const server = await serverOf(deps, run);
  const nowMs = deps.clock.now().getTime();
  const { flavor } = run.input;
  await inTransaction(deps.db, async (tx) => {
    const guest = await findGuest(tx, server.id);
    if (guest === undefined) throw new Gone('compute.server.absent', 'The server has no guest to resize.');
    const isOff = server.vm_state === 'stopped';
    const isStill = await swapServer(tx, server, {
      flavor: toJson(flavor),
      flavor_id: flavor.id,
      old_flavor: server.flavor,
      old_vm_state: server.vm_state,
      task_state: isOff ? null : 'resize_finish',
      ...(isOff ? { vm_state: 'resized' as const, deadline_at: null } : {}),
      updated_at: nowMs,
    });
    if (!isStill) throw new Gone('compute.server.absent', 'The server is no longer to be resized.');
    await insertMigration(tx, {
      uuid: run.id,
      server_id: server.id,
      project_id: server.project_id,
      user_id: server.user_id,
      type: 'resize',
      status: 'finished',
      source_host_id: guest.host_id,
      dest_host_id: guest.host_id,
      created_at: nowMs,
      updated_at: nowMs,
    });
    if (!isOff) await updateGuest(tx, guest, { reboot_serial: guest.reboot_serial + 1, reboot_type: 'hard' });
    await bumpGuests(deps, tx, guest.host_id);
    if (isOff)
      await finishEvent(tx, {
        serverId: server.id,
        requestId: run.requestId,
        event: RESIZE_EVENT,
        host: guest.host_id,
        at: nowMs,
      });
  });
}

async function reportFailure(deps: ComputeDeps, run: Run, error: TaskError): Promise<void> {
  const nowMs = deps.clock.now().getTime();
  await inTransaction(deps.db, async (tx) => {
    const server = await findServer(tx, run.resourceId);
    if (server === undefined || server.deleted_at !== null) return;
    const event = {
      serverId: server.id,
      requestId: run.requestId,
      event: RESIZE_EVENT,
      host: server.host_id,
      at: nowMs,
    };
    await finishEvent(tx, event, error.message);
    if (server.task_state !== 'resize_prep') return;
    // As it was; what went wrong is with the action, as the server itself is well.
    const { vcpus, memoryMib } = fromJson(server.flavor);
    await updateServer(tx, server.id, {
      task_state: null,
      deadline_at: null,
      vcpus,
      memory_mib: memoryMib,
      updated_at: nowMs,
    });
  });
}
