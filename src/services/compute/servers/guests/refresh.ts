import { fromJson, toJson } from '#kernel/db/json.ts';
import type { ComputeDeps } from '../../deps.ts';
import { setShelvedPorts } from '../snapshots/store.ts';
import { findServer } from '../store.ts';
import { portsOf } from '../tasks/build.ts';
import { bumpGuests } from './revision.ts';
import { findGuest, updateGuest } from './store.ts';

/** Tells a server's host that what it is to make of the guest has changed; nothing when no host has it. */
export async function refreshGuest(deps: ComputeDeps, tx: ComputeDeps['db'], serverId: string): Promise<void> {
  const guest = await findGuest(tx, serverId);
  if (guest !== undefined) await bumpGuests(deps, tx, guest.host_id);
}

/**
 * Reads a server's ports anew and tells its host if they differ, in the transaction that changed them: done after it, a
 * controller's death in between would leave the guest with ports that are no more. A port that the guest is to let go of is still the
 * server's for network, and does not come back.
 */
export async function refreshPorts(deps: ComputeDeps, tx: ComputeDeps['db'], serverId: string): Promise<void> {
  const server = await findServer(tx, serverId);
  if (server === undefined || server.deleted_at !== null || server.task_state === 'deleting') return;
  const guest = await findGuest(tx, serverId);
  if (guest === undefined) {
    if (server.vm_state === 'shelved_offloaded')
      await setShelvedPorts(tx, serverId, toJson(await portsOf(deps, tx, server)));
    return;
  }
  const detaching = new Set(fromJson(guest.detaching).map(({ portId }) => portId));
  const ports = toJson((await portsOf(deps, tx, server)).filter(({ portId }) => !detaching.has(portId)));
  if (guest.ports === ports) return;
  await updateGuest(tx, guest, { ports });
  await bumpGuests(deps, tx, guest.host_id);
}
