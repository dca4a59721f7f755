/** Compute's ways for something to be owned by nobody. */
import type { Db } from '#kernel/db/database.ts';
import { fromJson } from '#kernel/db/json.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import type { Orphan, OrphanCheck } from '#kernel/operations/explanation.ts';
import type { ComputeDeps } from '../deps.ts';
import { listHosts } from '../hosts/store.ts';
import { bumpGuests } from '../servers/guests/revision.ts';
import { findServer } from '../servers/store.ts';
import { deleteGuestWithoutServer, listGuestsWithoutServer, listTasksWithoutServer } from './store.ts';

export function computeOrphans(deps: ComputeDeps): OrphanCheck[] {
  return [
    {
      name: 'compute.guest_without_server',
      find: (limit) => findGuestsWithoutServer(deps, limit),
      clear: (id) => clearGuestWithoutServer(deps, id),
    },
    {
      name: 'compute.task_without_server',
      find: (limit) => findTasksWithoutServer(deps, limit),
      clear: (id) => clearTaskWithoutServer(deps, id),
    },
    { name: 'compute.unknown_guest', find: (limit) => findUnknownGuests(deps, limit) },
  ];
}

async function findGuestsWithoutServer(deps: ComputeDeps, limit: number): Promise<Orphan[]> {
  return (await listGuestsWithoutServer(deps.db, limit)).map((guest) => ({
    id: `${guest.server_id}:${guest.host_id}`,
    what: { en: `desired guest ${guest.server_id}`, zh: `期望的虚拟机 ${guest.server_id}` },
    why: { en: 'its server has no row', zh: '其服务器记录不存在' },
    since: guest.updated_at,
  }));
}

function clearGuestWithoutServer(deps: ComputeDeps, id: string): Promise<boolean> {
  const [serverId = '', hostId = ''] = id.split(':');
  return inTransaction(deps.db, async (tx) => {
    if (!(await deleteGuestWithoutServer(tx, serverId, hostId))) return false;
    await bumpGuests(deps, tx, hostId);
    return true;
  });
}

async function findTasksWithoutServer(deps: ComputeDeps, limit: number): Promise<Orphan[]> {
  return (await listTasksWithoutServer(deps.db, limit)).map((task) => ({
    id: task.resource_id,
    what: {
      en: `task ${task.kind} of server ${task.resource_id}`,
      zh: `服务器 ${task.resource_id} 的任务 ${task.kind}`,
    },
    why: { en: 'its server has no row', zh: '其服务器记录不存在' },
    since: task.created_at,
  }));
}

/** It gives back what it has, and ends. A server's id is never given again. */
function clearTaskWithoutServer(deps: ComputeDeps, id: string): Promise<boolean> {
  return inTransaction(deps.db, async (tx) => {
    const tasks = await deps.tasks.listUnfinished(tx as Db, id);
    if ((await findServer(tx, id)) !== undefined || tasks.length === 0) return false;
    await deps.tasks.cancel(tx as Db, id);
    return true;
  });
}

/** Guests that hosts keep after a restore; hosts say so in a notice. To let go of them is a person's decision: it takes their disks. */
async function findUnknownGuests(deps: ComputeDeps, limit: number): Promise<Orphan[]> {
  const found = (await listHosts(deps.db)).flatMap((host) =>
    fromJson(host.notices)
      .filter(({ code }) => code === 'guests.kept')
      .map(
        ({ message, nextStep }): Orphan => ({
          id: host.id,
          what: { en: `on host ${host.hostname}: ${message.en}`, zh: `主机 ${host.hostname} 上：${message.zh}` },
          why: { en: `no server has them; ${nextStep.en}`, zh: `没有服务器对应；${nextStep.zh}` },
          since: null,
        }),
      ),
  );
  return found.slice(0, limit);
}
