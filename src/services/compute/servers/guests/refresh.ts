import { toJson } from '#kernel/db/json.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { errorChain } from '#kernel/errors.ts';
import type { ComputeDeps } from '../../deps.ts';
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
 * Reads a server's ports anew, after network has changed them, and tells its host if they differ.
 * Never rejects: the next change, or the guest's next build, reads them again.
 */
export async function refreshPorts(deps: ComputeDeps, serverId: string): Promise<void> {
  try {
    const server = await findServer(deps.db, serverId);
    if (server === undefined || server.deleted_at !== null || server.task_state === 'deleting') return;
    if ((await findGuest(deps.db, serverId)) === undefined) return;
    const ports = toJson(await portsOf(deps, server));
    await inTransaction(deps.db, async (tx) => {
      const guest = await findGuest(tx, serverId);
      if (guest === undefined || guest.ports === ports) return;
      await updateGuest(tx, guest, { ports });
      await bumpGuests(deps, tx, guest.host_id);
    });
  } catch (error) {
    deps.log.error({ server: serverId, error: errorChain(error) }, 'ports of a server could not be read again');
  }
}
