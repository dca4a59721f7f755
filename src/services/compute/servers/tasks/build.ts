/**
 * Building a server.
 *
 * Theory of operation. The server's row says what shall be built, the ids of its ports included, before anything is made:
 * so every step can be repeated, and undone, by whoever picks the task up after a crash. The task ends when the host's
 * desired state names the guest; that it runs is known by the host's report (`read-report.ts`), and that it doesn't within the
 * row's deadline by the sweep (`sweep.ts`). A failure returns everything (claim, ports, desired state), and becomes the
 * server's fault. Deleting a server cancels this task, and waits until it has returned everything.
 */
import { randomBytes } from 'node:crypto';
import { systemContext } from '#kernel/auth/context.ts';
import type { Db } from '#kernel/db/database.ts';
import { fromJson, toJson } from '#kernel/db/json.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { Gone } from '#kernel/errors.ts';
import type { TaskError } from '#kernel/tasks/tables.ts';
import type { TaskKind, TaskName, TaskRun } from '#kernel/tasks/task.ts';
import type { ComputeDeps } from '../../deps.ts';
import { finishEvent, startEvent } from '../../instance-actions/store.ts';
import type { ServerPort } from '../../peers.ts';
import { bumpGuests } from '../guests/revision.ts';
import { deleteGuest, findGuest, insertGuest, listGuestsOf, updateGuest } from '../guests/store.ts';

import { leaveHost, takePlaceInGroup } from '../scheduler/group-place.ts';
import { claimHost, NO_HOST_CODES, NoValidHost, overtaken } from '../scheduler/schedule.ts';
import { zoneOf } from '../scheduler/zones.ts';
import { findServer, type Server, swapServer, updateServer } from '../store.ts';
import type { ServerFault, ServerImage } from '../tables.ts';

/** From the request to the guest running: room for the download of a large image. */
export const BUILD_DEADLINE_MS = 30 * 60_000;
export const BUILD_EVENT = 'compute__do_build_and_run_instance';

export interface BuildInput {
  readonly adminPassword: string;
  /** Hosts that were tried already. */
  readonly excludedHosts?: readonly string[];
  /** Why the last of them failed: what its owner is told when no other host can take it. */
  readonly lastFault?: ServerFault;
}

interface BuildData {
  readonly hostId: string;
  /** For administrators, when no host was found. */
  readonly details: string;
}

type Run = TaskRun<BuildInput, BuildData>;

export const buildServerTask: TaskName<BuildInput> = 'compute.server.build';

export function buildServer(deps: ComputeDeps): TaskKind<BuildInput, BuildData> {
  return {
    name: buildServerTask,
    deadlineMs: BUILD_DEADLINE_MS,
    steps: [
      { name: 'choose host', run: (run) => chooseHost(deps, run), undo: (run) => releaseHost(deps, run) },
      { name: 'create ports', run: (run) => createPorts(deps, run), undo: (run) => deletePorts(deps, run) },
      { name: 'hand to host', run: (run) => handToHost(deps, run), undo: (run) => takeFromHost(deps, run) },
    ],
    onFailed: (run, error) => reportFailure(deps, run, error),
  };
}

/** @throws {Gone} when there is nothing to build any more, which undoes the task. */
async function serverOf(deps: ComputeDeps, run: Run): Promise<Server> {
  const server = await findServer(deps.db, run.resourceId);
  // without a task state it has been cancelled, and one that is being deleted is not handed out any more
  const isWanted = server?.vm_state === 'building' && server.task_state === 'scheduling';
  if (server === undefined || server.deleted_at !== null || !isWanted)
    throw new Gone('compute.server.absent', 'The server is no longer to be built.');
  return server;
}

async function chooseHost(deps: ComputeDeps, run: Run): Promise<Pick<BuildData, 'hostId'>> {
  const server = await serverOf(deps, run);
  try {
    const hostId = await claimHost(deps, server, { excludedHosts: run.input.excludedHosts ?? [] });
    if (await takePlaceInGroup(deps, server.id, hostId)) return { hostId };
    await deps.placement.release(deps.db as Db, server.id);
    throw overtaken('another server of its group was quicker');
  } catch (error) {
    if (error instanceof NoValidHost) await keepDetails(deps, server, error);
    throw error;
  }
}

/** The table of hosts is not part of a task's error, which users see; it waits in the fault, which administrators see whole. */
async function keepDetails(deps: ComputeDeps, server: Server, error: NoValidHost): Promise<void> {
  const createdAt = deps.clock.now().getTime();
  const fault = { code: 500, message: error.message, details: error.details, createdAt };
  await updateServer(deps.db, server.id, { fault: toJson(fault) });
}

async function releaseHost(deps: ComputeDeps, run: Run): Promise<void> {
  await leaveHost(deps, run.resourceId);
  await deps.placement.release(deps.db as Db, run.resourceId);
}

async function createPorts(deps: ComputeDeps, run: Run): Promise<void> {
  const server = await serverOf(deps, run);
  const hostId = run.data.hostId ?? '';
  const ctx = { ...systemContext(server.project_id, server.request_id), userId: server.user_id };
  const zone = await zoneOf(deps, hostId);
  for (const port of fromJson(server.ports)) {
    await deps.network.ensureServerPort(ctx, {
      portId: port.portId,
      networkId: port.networkId,
      fixedIp: port.fixedIp ?? undefined,
      securityGroupIds: fromJson(server.security_group_ids),
      serverId: server.id,
      hostId,
      zone,
      isUserPort: port.isUserPort,
    });
  }
}

async function deletePorts(deps: ComputeDeps, run: Run): Promise<void> {
  await deps.network.releaseServerPorts(run.resourceId);
}

async function handToHost(deps: ComputeDeps, run: Run): Promise<void> {
  // Done before a crash, and the host may have built it since: then the server is no longer one to be built.
  if ((await findGuest(deps.db, run.resourceId)) !== undefined) return;
  const hostId = run.data.hostId ?? '';
  const server = await serverOf(deps, run);
  const nowMs = deps.clock.now().getTime();
  await inTransaction(deps.db, async (tx) => {
    if ((await findGuest(tx, server.id)) !== undefined) return;
    const isStill = await swapServer(tx, server, {
      host_id: hostId,
      task_state: 'spawning',
      fault: null,
      updated_at: nowMs,
    });
    if (!isStill) throw new Gone('compute.server.absent', 'The server is no longer to be built.');
    await giveToHost(deps, tx, {
      server,
      hostId,
      adminPassword: run.input.adminPassword,
      triedHosts: run.input.excludedHosts ?? [],
      bootImage: null,
    });
    await startEvent(tx, {
      serverId: server.id,
      requestId: run.requestId,
      event: BUILD_EVENT,
      host: hostId,
      at: nowMs,
    });
  });
}

export interface GivenGuest {
  readonly server: Server;
  readonly hostId: string;
  readonly adminPassword: string | null;
  readonly triedHosts: readonly string[];
  /** What the root disk is made from, when that is not the server's image. */
  readonly bootImage: ServerImage | null;
}

/** Wants a server's guest of a host, running, in the caller's transaction. */
export async function giveToHost(deps: ComputeDeps, tx: ComputeDeps['db'], given: GivenGuest): Promise<void> {
  const { server, hostId } = given;
  // read here, so that no change of them falls between
  const ports = await portsOf(deps, tx, server);
  // The host may still have the guest of an earlier try: what it says of that one is of an older number.
  const earlier = (await listGuestsOf(tx, server.id)).find((guest) => guest.host_id === hostId);
  await deleteGuest(tx, { server_id: server.id, host_id: hostId });
  await insertGuest(tx, {
    server_id: server.id,
    host_id: hostId,
    is_gone: 0,
    gone_revision: 0,
    power: 'running',
    power_serial: (earlier?.power_serial ?? 0) + 1,
    reboot_serial: 0,
    reboot_type: 'soft',
    disk_generation: 0,
    rescue_image: null,
    boot_image: given.bootImage === null ? null : toJson(given.bootImage),
    tried_hosts: toJson(given.triedHosts),
    random_seed: randomBytes(64).toString('base64url'),
    admin_password: given.adminPassword,
    ports: toJson(ports),
    detaching: toJson([]),
    observed_power: null,
    problem: null,
    updated_at: deps.clock.now().getTime(),
  });
  await bumpGuests(deps, tx, hostId);
}

/** The server's ports in the order in which they were asked for: the first one is the guest's first interface. */
export async function portsOf(
  deps: ComputeDeps,
  db: ComputeDeps['db'],
  server: Server,
): Promise<readonly ServerPort[]> {
  const found = (await deps.network.listServerPorts(db as Db, [server.id])).get(server.id) ?? [];
  const order = fromJson(server.ports).map((port) => port.portId);
  const rank = (port: ServerPort): number => {
    const at = order.indexOf(port.portId);
    return at === -1 ? order.length : at;
  };
  return found.toSorted((a, b) => rank(a) - rank(b));
}

async function takeFromHost(deps: ComputeDeps, run: Run): Promise<void> {
  await giveUpGuests(deps, run.resourceId);
}

/** Makes a server's guests no longer desired, wherever they are. Repeating it changes nothing. */
export async function giveUpGuests(deps: ComputeDeps, serverId: string): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    for (const guest of await listGuestsOf(tx, serverId)) {
      if (guest.is_gone === 1) continue;
      const revision = await bumpGuests(deps, tx, guest.host_id);
      await updateGuest(tx, guest, { is_gone: 1, gone_revision: revision });
    }
  });
}

async function reportFailure(deps: ComputeDeps, run: Run, error: TaskError): Promise<void> {
  const nowMs = deps.clock.now().getTime();
  await inTransaction(deps.db, async (tx) => {
    const server = await findServer(tx, run.resourceId);
    if (server === undefined || server.deleted_at !== null) return;
    const { lastFault } = run.input;
    const kept = server.fault === null ? undefined : fromJson(server.fault);
    const isEnded = server.task_state === null && kept !== undefined;
    const isKept = kept?.message === error.message;
    const own: ServerFault = {
      code: 500,
      message: error.message,
      details: isKept ? kept.details : `${error.step}: ${error.message}`,
      createdAt: nowMs,
    };
    // That no other host is left says less than why the one that was tried failed.
    const fault = isEnded ? kept : lastFault !== undefined && NO_HOST_CODES.has(error.code) ? lastFault : own;
    const host = server.host_id;
    await finishEvent(
      tx,
      { serverId: server.id, requestId: run.requestId, event: BUILD_EVENT, host, at: nowMs },
      fault.message,
    );
    // A server that is being deleted stays so; what follows is the delete's own task.
    if (server.task_state === 'deleting') return;
    // one that was forced to its end is in error already, and may be about to become something else
    if (server.vm_state !== 'building') return;
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
