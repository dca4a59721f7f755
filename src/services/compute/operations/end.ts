/**
 * Ending what is under way with a server: turning it back (`cancel`), or ending it now whoever is waited for (`force`).
 *
 * Theory of operation. Each is one transaction that writes the server's row under the condition that its state is still the one
 * that was seen; what runs meanwhile (a step of a task, a host's report) writes under the same condition, so one of the two comes first and
 * the other finds that. What was taken is given back by tasks, which go on whatever becomes of this controller.
 * A task that was cancelled too late ends as it would have; then its server is in another state, and nothing has been written here.
 */
import type { RequestContext } from '#kernel/auth/context.ts';
import type { Db } from '#kernel/db/database.ts';
import { fromJson, toJson } from '#kernel/db/json.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { Conflict } from '#kernel/errors.ts';
import { type Ending, NOTHING_TO_END, type Words } from '#kernel/operations/explanation.ts';
import type { PowerState } from '#protocol/guests.ts';
import type { ComputeDeps } from '../deps.ts';
import { finishEvent } from '../instance-actions/store.ts';
import { requireUnlocked } from '../servers/access.ts';
import { ENDINGS } from '../servers/guests/read-report.ts';
import { enqueueFinishDelete } from '../servers/guests/report.ts';
import { bumpGuests } from '../servers/guests/revision.ts';
import { findGuest, updateGuest } from '../servers/guests/store.ts';
import { discardSnapshotsOf, isSnapshotting } from '../servers/snapshots/take.ts';
import type { TaskState, VmState } from '../servers/states.ts';
import { findServer, type Server, type ServerPatch, swapServer, updateServer } from '../servers/store.ts';
import type { ServerFault } from '../servers/tables.ts';
import { abandonInput, abandonServerTask, CLEANUP_DEADLINE_MS } from '../servers/tasks/abandon.ts';
import { BUILD_EVENT, buildServerTask } from '../servers/tasks/build.ts';
import { finishDeleteTask } from '../servers/tasks/delete.ts';
import { RESIZE_EVENT, resizeServerTask } from '../servers/tasks/resize.ts';

/** How what is under way can be turned back; what is not here cannot be. */
const TURN_BACK: Readonly<Partial<Record<TaskState, 'build' | 'spawn' | 'resize' | 'power'>>> = {
  scheduling: 'build',
  networking: 'build',
  spawning: 'spawn',
  resize_prep: 'resize',
  'powering-on': 'power',
  'powering-off': 'power',
  pausing: 'power',
  unpausing: 'power',
  suspending: 'power',
  resuming: 'power',
  rebooting: 'power',
  rebooting_hard: 'power',
};

/** What a guest is told to be when its server stays what it was. */
const POWER_OF: Readonly<Partial<Record<VmState, PowerState>>> = {
  active: 'running',
  stopped: 'stopped',
  paused: 'paused',
  suspended: 'suspended',
};

const CANCELLED = 'Cancelled by its owner.';
const FORCED = 'Ended by force before it was done.';

interface Under {
  readonly deps: ComputeDeps;
  readonly tx: ComputeDeps['db'];
  readonly server: Server;
  readonly nowMs: number;
}

/**
 * Turns back what is under way with a server; undefined when there is no such server. Repeating it changes nothing.
 * @throws {Conflict} `compute.server.locked`, `compute.server.cannot_cancel`, `compute.server.raced`.
 */
export function cancelServer(deps: ComputeDeps, ctx: RequestContext, id: string): Promise<Ending | undefined> {
  return inTransaction(deps.db, async (tx) => {
    const server = await findServer(tx, id);
    if (server === undefined) return undefined;
    if (server.deleted_at !== null || server.task_state === null) return NOTHING_TO_END;
    requireUnlocked(deps, ctx, server);
    const under: Under = { deps, tx, server, nowMs: deps.clock.now().getTime() };
    if (isSnapshotting(server)) return endSnapshots(under, CANCELLED);
    switch (TURN_BACK[server.task_state]) {
      case 'build':
        return cancelBuild(under);
      case 'spawn':
        return giveUpSpawn(under, { fault: faultOf(under, CANCELLED), isInError: false });
      case 'resize':
        return cancelResize(under, CANCELLED);
      case 'power':
        return cancelPower(under);
      default:
        throw new Conflict(
          'compute.server.cannot_cancel',
          `Instance ${id} is ${server.task_state}, which cannot be turned back; pileus force ${id} ends it now.`,
        );
    }
  });
}

/**
 * Ends what is under way with a server now; undefined when there is no such server. Repeating it changes nothing.
 * @throws {Conflict} `compute.server.locked`, `compute.server.raced`.
 */
export function forceServer(deps: ComputeDeps, ctx: RequestContext, id: string): Promise<Ending | undefined> {
  return inTransaction(deps.db, async (tx) => {
    const server = await findServer(tx, id);
    if (server === undefined) return undefined;
    if (server.deleted_at !== null) return NOTHING_TO_END;
    requireUnlocked(deps, ctx, server);
    const under: Under = { deps, tx, server, nowMs: deps.clock.now().getTime() };
    if (server.task_state === 'deleting') return forceDelete(under);
    if (server.vm_state === 'building') {
      if (server.task_state === 'spawning')
        return giveUpSpawn(under, { fault: faultOf(under, FORCED), isInError: true });
      return forceBuild(under);
    }
    if (server.task_state === null) return NOTHING_TO_END;
    if (isSnapshotting(server)) return endSnapshots(under, FORCED);
    if (server.task_state === 'resize_prep') return cancelResize(under, FORCED);
    return forceError(under);
  });
}

function accepted(message: Words): Ending {
  return { outcome: 'accepted', message };
}

function faultOf({ server, nowMs }: Under, why: string): ServerFault {
  const what = server.task_state ?? server.vm_state;
  return {
    code: 500,
    message: `Instance ${server.id} did not finish ${what}: ${why}`,
    details: null,
    createdAt: nowMs,
  };
}

/** @throws {Conflict} `compute.server.raced` when the server is no longer as it was seen. */
async function swap({ tx, server, nowMs }: Under, patch: ServerPatch): Promise<void> {
  if (await swapServer(tx, server, { ...patch, updated_at: nowMs })) return;
  throw new Conflict(
    'compute.server.raced',
    `Instance ${server.id} has just changed by itself; pileus explain ${server.id} tells how it is now.`,
  );
}

async function endEvent({ tx, server, nowMs }: Under, event: string | undefined, failure: string): Promise<void> {
  if (event === undefined) return;
  const { id, request_id: requestId, host_id: host } = server;
  await finishEvent(tx, { serverId: id, requestId, event, host, at: nowMs }, failure);
}

/** Without its task state it is handed to no host any more; the task gives back what it has, and puts it in error. */
async function cancelBuild(under: Under): Promise<Ending> {
  const { deps, tx, server } = under;
  await swap(under, { task_state: null, fault: toJson(faultOf(under, CANCELLED)) });
  await deps.tasks.cancelKinds(tx as Db, server.id, [buildServerTask]);
  return accepted({
    en: 'the build is turned back; the server will be in ERROR, for you to delete',
    zh: '正在撤回创建；服务器将变为 ERROR，可随后删除',
  });
}

async function forceBuild(under: Under): Promise<Ending> {
  const { deps, tx, server } = under;
  const fault = faultOf(under, FORCED);
  await swap(under, { vm_state: 'error', task_state: null, host_id: null, deadline_at: null, fault: toJson(fault) });
  await endEvent(under, BUILD_EVENT, fault.message);
  await deps.tasks.cancelKinds(tx as Db, server.id, [buildServerTask]);
  return accepted({
    en: 'the server is in ERROR; what its build took is given back',
    zh: '服务器已为 ERROR；正在归还创建所占用的资源',
  });
}

/** The host has it already: all is given back, and no other host is tried. */
async function giveUpSpawn(
  under: Under,
  { fault, isInError }: { readonly fault: ServerFault; readonly isInError: boolean },
): Promise<Ending> {
  const { deps, tx, server } = under;
  const unfinished = await deps.tasks.listUnfinished(tx as Db, server.id);
  // Without its task state no report makes it active any more.
  const ended: ServerPatch = isInError ? { vm_state: 'error', host_id: null, deadline_at: null } : {};
  await swap(under, { ...ended, task_state: null, fault: toJson(fault) });
  await endEvent(under, BUILD_EVENT, fault.message);
  const guest = await findGuest(tx, server.id);
  const isGivenBack = unfinished.some(({ name }) => name === abandonServerTask);
  if (!isGivenBack || !isInError)
    await deps.tasks.enqueue(tx as Db, {
      name: abandonServerTask,
      resourceId: server.id,
      projectId: server.project_id,
      requestId: server.request_id,
      input: {
        ...(guest === undefined ? { fault, hostId: server.host_id ?? '' } : abandonInput(fault, guest)),
        isFinal: true,
      },
      deadlineMs: CLEANUP_DEADLINE_MS,
    });
  return accepted({
    en: isInError
      ? 'the server is in ERROR; its host gives the guest up as soon as it can'
      : 'the build is turned back; the server will be in ERROR, for you to delete',
    zh: isInError ? '服务器已为 ERROR；其主机会尽快移除虚拟机' : '正在撤回创建；服务器将变为 ERROR，可随后删除',
  });
}

/** It stays as it was; the task fits its claim to that again. */
async function cancelResize(under: Under, why: string): Promise<Ending> {
  const { deps, tx, server } = under;
  const { vcpus, memoryMib } = fromJson(server.flavor);
  await swap(under, { task_state: null, deadline_at: null, vcpus, memory_mib: memoryMib });
  await endEvent(under, RESIZE_EVENT, why);
  await deps.tasks.cancelKinds(tx as Db, server.id, [resizeServerTask]);
  return accepted({ en: 'the resize is turned back; the server is as it was', zh: '已撤回调整大小；服务器保持原样' });
}

/** The server goes on as it was; its images that were to be made of it are discarded by their own tasks. */
async function endSnapshots(under: Under, why: string): Promise<Ending> {
  const { deps, tx, server, nowMs } = under;
  await swap(under, {});
  await discardSnapshotsOf(deps, tx, server.id, why);
  await updateServer(tx, server.id, { task_state: null, deadline_at: null, updated_at: nowMs });
  return accepted({ en: 'no snapshot is made; the server is as it was', zh: '不再制作快照；服务器保持原样' });
}

/** It stays what it was, and its host is told so under a new number, whether it had begun or not. */
async function cancelPower(under: Under): Promise<Ending> {
  const { deps, tx, server } = under;
  const power = POWER_OF[server.vm_state];
  if (power === undefined)
    throw new Conflict(
      'compute.server.cannot_cancel',
      `Instance ${server.id} was ${server.vm_state} before, and there is no way back to that; pileus force ${server.id} ends what is under way.`,
    );
  const event = server.task_state === null ? undefined : ENDINGS[server.task_state]?.event;
  await swap(under, { task_state: null, deadline_at: null });
  await endEvent(under, event, CANCELLED);
  const guest = await findGuest(tx, server.id);
  if (guest !== undefined) {
    await updateGuest(tx, guest, { power, power_serial: guest.power_serial + 1, updated_at: under.nowMs });
    await bumpGuests(deps, tx, guest.host_id);
  }
  const isReboot = server.task_state === 'rebooting' || server.task_state === 'rebooting_hard';
  return accepted(
    isReboot
      ? {
          en: 'nobody waits for the reboot any more; its host may still do it',
          zh: '不再等待重启；其主机仍可能执行',
        }
      : { en: 'the server stays as it was, and its host is told so', zh: '服务器保持原样，并已通知其主机' },
  );
}

/** What nobody knows the outcome of is in error, like what has not been done in time. */
async function forceError(under: Under): Promise<Ending> {
  const { server } = under;
  const fault = faultOf(under, FORCED);
  const event = server.task_state === null ? undefined : ENDINGS[server.task_state]?.event;
  await swap(under, { vm_state: 'error', task_state: null, deadline_at: null, fault: toJson(fault) });
  await endEvent(under, event, fault.message);
  return accepted({
    en: `the server is in ERROR; openstack server reboot --hard ${server.id} brings it up again`,
    zh: `服务器已为 ERROR；openstack server reboot --hard ${server.id} 可重新启动`,
  });
}

/** The end of a deletion needs no host: one that still has the guest gives it up when it hears that it is not to have it. */
async function forceDelete(under: Under): Promise<Ending> {
  const { deps, tx, server } = under;
  const unfinished = await deps.tasks.listUnfinished(tx as Db, server.id);
  if (unfinished.some(({ name }) => name === finishDeleteTask))
    return {
      outcome: 'nothing',
      message: { en: 'the deletion already goes on without its host', zh: '删除已在不等待主机的情况下继续' },
    };
  await swap(under, {});
  await enqueueFinishDelete(deps, tx, server);
  return accepted({
    en: 'the deletion goes on without waiting for its host, which gives the guest up when it can',
    zh: '删除不再等待主机而继续；主机会在可能时移除虚拟机',
  });
}
