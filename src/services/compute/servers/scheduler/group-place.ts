/** Deciding between servers of one group that are placed at the same time. */
import { inTransaction } from '#kernel/db/transaction.ts';
import type { ComputeDeps } from '../../deps.ts';
import { lockServerGroup } from '../../server-groups/store.ts';
import { findServer, updateServer } from '../store.ts';
import { groupOf } from './zones.ts';

/**
 * Writes down where a server of a group is to be, unless another member has taken the place meanwhile: the members' choices are
 * looked at one after the other.
 * @returns false when the host is not fit any more; nothing is then written.
 */
export async function takePlaceInGroup(deps: ComputeDeps, serverId: string, hostId: string): Promise<boolean> {
  if ((await groupOf(deps.db, serverId)) === null) return true;
  return inTransaction(deps.db, async (tx) => {
    await lockServerGroup(tx, serverId);
    const group = await groupOf(tx, serverId);
    if (group !== null) {
      const here = group.members[hostId] ?? 0;
      const others = Object.entries(group.members).some(([id, count]) => id !== hostId && count > 0);
      if (group.policy === 'anti-affinity' && here >= group.maxPerHost) return false;
      if (group.policy === 'affinity' && others) return false;
    }
    await updateServer(tx, serverId, { host_id: hostId });
    return true;
  });
}

/** Takes back where a server was to be; one that a host has got stays. */
export async function leaveHost(deps: ComputeDeps, serverId: string): Promise<void> {
  const server = await findServer(deps.db, serverId);
  if (server?.host_id != null && server.vm_state === 'building' && server.deleted_at === null)
    await updateServer(deps.db, serverId, { host_id: null });
}
