import type { RequestContext } from '#kernel/auth/context.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import type { ComputeDeps } from '../deps.ts';
import { openServer } from './access.ts';
import { refreshGuest } from './guests/refresh.ts';
import { accessAddress, type ServerUpdate } from './schema.ts';
import { updateServer } from './store.ts';

/**
 * Changes what is written of a server: its name, description, addresses for access, host name.
 * @throws {NotFound} `compute.server.absent`; {Forbidden} by policy.
 * @see https://docs.openstack.org/api-ref/compute/#update-server
 */
export async function changeServer(
  deps: ComputeDeps,
  ctx: RequestContext,
  id: string,
  update: ServerUpdate,
): Promise<void> {
  await openServer(deps, ctx, id, 'os_compute_api:servers:update');
  const updatedAt = deps.clock.now().getTime();
  await inTransaction(deps.db, async (tx) => {
    await updateServer(tx, id, {
      updated_at: updatedAt,
      ...(update.name === undefined ? {} : { name: update.name.trim() }),
      ...(update.description === undefined ? {} : { description: update.description }),
      ...(update.hostname === undefined ? {} : { hostname: update.hostname }),
      ...(update.accessIPv4 === undefined ? {} : { access_ip_v4: accessAddress(update.accessIPv4) }),
      ...(update.accessIPv6 === undefined ? {} : { access_ip_v6: accessAddress(update.accessIPv6) }),
      ...(update['OS-DCF:diskConfig'] === undefined ? {} : { disk_config: update['OS-DCF:diskConfig'] }),
    });
    await refreshGuest(deps, tx, id);
  });
}
