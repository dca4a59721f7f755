import { randomBytes } from 'node:crypto';
import type { RequestContext } from '#kernel/auth/context.ts';
import type { Db } from '#kernel/db/database.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import type { ComputeDeps } from '../deps.ts';
import { recordAction } from '../instance-actions/store.ts';
import { checkServerQuota } from '../quotas/check.ts';
import { newPassword } from './admin-password.ts';
import { joinGroup } from './create/group.ts';
import { type NewServers, readRequest } from './create/request.ts';
import { type NewServer, newServerRow } from './create/row.ts';
import type { CreateRequest } from './schema.ts';
import { insertServers, insertTags } from './store.ts';
import { BUILD_DEADLINE_MS, buildServerTask } from './tasks/build.ts';

export interface Created {
  readonly serverId: string;
  readonly reservationId: string;
  readonly adminPassword: string;
  readonly diskConfig: 'AUTO' | 'MANUAL';
}

/**
 * Accepts servers: checks everything that can be known now, and writes their rows, the quota and their tasks in one
 * transaction. Each is then built by its task.
 * @throws {BadRequest} in nova's words; {OverLimit} `compute.quota.servers`; {Forbidden} by policy.
 * @see https://docs.openstack.org/api-ref/compute/#create-server
 */
export async function createServers(deps: ComputeDeps, ctx: RequestContext, request: CreateRequest): Promise<Created> {
  const wanted = await readRequest(deps, ctx, request);
  const reservationId = `r-${randomBytes(4).toString('hex')}`;
  const adminPassword = request.server.adminPass ?? newPassword();
  const nowMs = deps.clock.now().getTime();
  const rows = await inTransaction(deps.db, async (tx) => {
    const count = await takeQuota(tx, ctx, wanted);
    const servers = Array.from({ length: count }, (_, index) =>
      newServerRow({ ctx, request, wanted, reservationId, nowMs, index, count }),
    );
    await insertServers(tx, servers);
    await joinGroup(tx, wanted.hints, servers);
    for (const server of servers) await acceptServer(deps, tx, { server, ctx, request, adminPassword });
    return servers;
  });
  const diskConfig = request.server['OS-DCF:diskConfig'] ?? 'MANUAL';
  return { serverId: rows[0]?.id ?? '', reservationId, adminPassword, diskConfig };
}

/** @returns how many servers there is room for. @throws {OverLimit} `compute.quota.servers` when they are too few. */
async function takeQuota(tx: ComputeDeps['db'], ctx: RequestContext, wanted: NewServers): Promise<number> {
  const { projectId, count, flavor } = wanted;
  const owner = { projectId, userId: ctx.userId };
  return checkServerQuota(tx, owner, { ...count, vcpus: flavor.vcpus, memoryMib: flavor.memoryMib });
}

interface Acceptance {
  readonly server: NewServer;
  readonly ctx: RequestContext;
  readonly request: CreateRequest;
  readonly adminPassword: string;
}

/** What stands beside a server's row from the start: its tags, its history, the task that builds it. */
async function acceptServer(
  deps: ComputeDeps,
  tx: ComputeDeps['db'],
  { server, ctx, request, adminPassword }: Acceptance,
): Promise<void> {
  const { requestId, userId } = ctx;
  const projectId = server.project_id;
  await insertTags(tx, server.id, [...new Set(request.server.tags ?? [])]);
  await recordAction(tx, {
    serverId: server.id,
    requestId,
    action: 'create',
    userId,
    projectId,
    at: server.created_at,
  });
  await deps.tasks.enqueue(tx as Db, {
    name: buildServerTask,
    resourceId: server.id,
    projectId,
    requestId,
    input: { adminPassword },
    deadlineMs: BUILD_DEADLINE_MS,
  });
}
