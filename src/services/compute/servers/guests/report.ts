import type { Db } from '#kernel/db/database.ts';
import { fromJson, toJson } from '#kernel/db/json.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { newRequestId } from '#kernel/ids.ts';
import { isRestorationOpen } from '#kernel/restoration/store.ts';
import type { DesiredGuests, GuestsReport, ObservedGuest, ObservedSnapshot } from '#protocol/guests.ts';
import type { ComputeDeps } from '../../deps.ts';
import { noteReportedRevision } from '../../hosts/store.ts';
import { finishEvent } from '../../instance-actions/store.ts';
import { zoneOf } from '../scheduler/zones.ts';
import { discardSnapshotsOf, noteProgress } from '../snapshots/take.ts';
import { updateServer } from '../store.ts';
import { abandonInput, abandonServerTask, CLEANUP_DEADLINE_MS } from '../tasks/abandon.ts';
import { finishDeleteTask } from '../tasks/delete.ts';
import { beginOffload, enqueueFinishOffload } from '../tasks/offload.ts';
import { releasePortsTask } from '../tasks/release-ports.ts';
import { desiredGuest } from './desired.ts';
import { MAX_ATTEMPTS, type Meaning, readReport } from './read-report.ts';
import { bumpGuests, currentGuests } from './revision.ts';
import { deleteGuest, type GuestOfServer, listGuestsAt, listGuestsOf, updateGuest } from './store.ts';

/** The guests that a host is to have: a picture at least as new as its revision. */
export async function readDesiredGuests(deps: ComputeDeps, hostId: string): Promise<DesiredGuests> {
  // The number is read first: what changes in between is then asked for once more, and never missed.
  const revision = await currentGuests(deps, deps.db, hostId);
  const zone = await zoneOf(deps, hostId);
  if (await isRestorationOpen(deps.db as Db)) return { ...(await readKnownGuests(deps, hostId, zone)), revision };
  const found = await listGuestsAt(deps.db, hostId, false);
  return { revision, guests: found.map((one) => desiredGuest(one, zone)) };
}

/** After a restore: only what is known to be gone may go. */
async function readKnownGuests(
  deps: ComputeDeps,
  hostId: string,
  zone: string,
): Promise<Required<Pick<DesiredGuests, 'guests' | 'onlyRemove'>>> {
  const all = await listGuestsAt(deps.db, hostId, true);
  const there = all.filter(({ guest }) => guest.is_gone === 0);
  const gone = all.filter(({ guest }) => guest.is_gone === 1);
  return {
    guests: there.map((one) => desiredGuest(one, zone)),
    onlyRemove: gone.map(({ server }) => server.id),
  };
}

/** Takes what a host says of its guests: servers become active, stopped, failed or gone by it. */
export async function takeGuestsReport(deps: ComputeDeps, hostId: string, report: GuestsReport): Promise<void> {
  const nowMs = deps.clock.now().getTime();
  const seen = new Map(report.guests.map((guest) => [guest.id, guest]));
  await inTransaction(deps.db, async (tx) => {
    await noteReportedRevision(tx, hostId, report.revision);
    for (const found of await listGuestsAt(tx, hostId, true)) {
      const one = seen.get(found.guest.server_id);
      if (found.guest.is_gone === 1) await noteGone(deps, tx, found, { one, revision: report.revision });
      else {
        if (one !== undefined) await apply(deps, tx, found, readReport(found.server, found.guest, one, nowMs));
        await noteDetached(deps, tx, found, { one, revision: report.revision });
        for (const each of one?.snapshots ?? []) await noteSnapshot(deps, tx, found, each);
      }
    }
  });
}

/** A guest that was to go is gone once a report that knows so does not have it any more. */
async function noteGone(
  deps: ComputeDeps,
  tx: ComputeDeps['db'],
  { guest, server }: GuestOfServer,
  { one, revision }: { readonly one: ObservedGuest | undefined; readonly revision: number },
): Promise<void> {
  if (revision < guest.gone_revision || (one !== undefined && !isOnlyRemains(one))) return;
  await deleteGuest(tx, guest);
  if (server.deleted_at !== null || (await listGuestsOf(tx, server.id)).length > 0) return;
  if (server.task_state === 'deleting') await enqueueFinishDelete(deps, tx, server);
  if (server.task_state === 'shelving_offloading') await enqueueFinishOffload(deps, tx, server);
}

/** Only files are left, and the host cannot remove them: it goes on trying, while nobody waits for it any more. */
function isOnlyRemains(one: ObservedGuest): boolean {
  return one.power === 'absent' && (one.problem?.attempts ?? 0) >= MAX_ATTEMPTS;
}

/** How far the host is with a snapshot; one that it cannot make comes to nothing. */
async function noteSnapshot(
  deps: ComputeDeps,
  tx: ComputeDeps['db'],
  { server, snapshots }: GuestOfServer,
  seen: ObservedSnapshot,
): Promise<void> {
  const row = snapshots.find((one) => one.image_id === seen.imageId);
  if (row === undefined) return;
  const { problem } = seen;
  if (seen.isMade) await noteProgress(deps, tx, server.id, 'made');
  else if (problem !== undefined && problem.attempts >= MAX_ATTEMPTS) {
    deps.log.warn({ server: server.id, image: seen.imageId, ...problem }, 'the host could not make a snapshot');
    await discardSnapshotsOf(deps, tx, server.id, 'The host could not make the snapshot.');
  }
}

/** A port that the guest has let go of goes back to network. */
async function noteDetached(
  deps: ComputeDeps,
  tx: ComputeDeps['db'],
  { guest, server }: GuestOfServer,
  { one, revision }: { readonly one: ObservedGuest | undefined; readonly revision: number },
): Promise<void> {
  const detaching = fromJson(guest.detaching);
  const gone = detaching.filter((port) => revision >= port.revision && one?.portIds.includes(port.portId) !== true);
  if (gone.length === 0) return;
  await updateGuest(tx, guest, { detaching: toJson(detaching.filter((port) => !gone.includes(port))) });
  await deps.tasks.enqueue(tx as Db, {
    name: releasePortsTask,
    resourceId: server.id,
    projectId: server.project_id,
    requestId: newRequestId(),
    input: { portIds: gone.map(({ portId }) => portId) },
    deadlineMs: CLEANUP_DEADLINE_MS,
  });
}

/** Ends a server's deletion once no host has it any more. */
export async function enqueueFinishDelete(
  deps: ComputeDeps,
  tx: ComputeDeps['db'],
  server: { readonly id: string; readonly project_id: string; readonly request_id: string },
): Promise<void> {
  await deps.tasks.enqueue(tx as Db, {
    name: finishDeleteTask,
    resourceId: server.id,
    projectId: server.project_id,
    requestId: server.request_id,
    input: {},
    deadlineMs: CLEANUP_DEADLINE_MS,
  });
}

async function apply(
  deps: ComputeDeps,
  tx: ComputeDeps['db'],
  { guest, server }: GuestOfServer,
  meaning: Meaning,
): Promise<void> {
  const nowMs = deps.clock.now().getTime();
  if (meaning.guest !== undefined) await updateGuest(tx, guest, { ...meaning.guest, updated_at: nowMs });
  // what the host is to have has changed by what it says, and it must hear of it like of any other change
  if (meaning.guest?.power !== undefined && meaning.guest.power !== guest.power)
    await bumpGuests(deps, tx, guest.host_id);
  if (meaning.server !== undefined) await updateServer(tx, server.id, meaning.server);
  if (meaning.event !== undefined) {
    const { name, failure } = meaning.event;
    const event = { serverId: server.id, requestId: server.request_id, event: name, host: guest.host_id, at: nowMs };
    await finishEvent(tx, event, failure);
  }
  // Back from its image, it needs it no more.
  if (server.task_state === 'unshelving' && meaning.server?.vm_state === 'active')
    await discardSnapshotsOf(deps, tx, server.id, '');
  if (meaning.shelvedAgain !== undefined) await beginOffload(deps, tx, server, meaning.shelvedAgain);
  if (meaning.abandoned !== undefined) {
    const waiting = await deps.tasks.listUnfinished(tx as Db, server.id);
    if (waiting.some((task) => task.name === abandonServerTask)) return;
    await deps.tasks.enqueue(tx as Db, {
      name: abandonServerTask,
      resourceId: server.id,
      projectId: server.project_id,
      requestId: server.request_id === '' ? newRequestId() : server.request_id,
      input: abandonInput(meaning.abandoned, guest),
      deadlineMs: CLEANUP_DEADLINE_MS,
    });
  }
}
