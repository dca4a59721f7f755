import type { ComputeDeps } from '../deps.ts';
import { findServer } from '../servers/store.ts';

interface Event {
  readonly name: string;
  readonly server_uuid: string;
  readonly status?: string | undefined;
  readonly tag?: string | undefined;
}

export interface TakenEvent extends Event {
  readonly status: 'completed' | 'failed';
  readonly code: number;
}

/** These say nothing without naming what they are about. */
const TAG_REQUIRED = ['volume-extended', 'volume-reimaged', 'power-update', 'accelerator-request-bound'];

/**
 * Takes what other services say of servers. Those of the network make the server's host look at its ports again; the
 * others tell nothing that a host here does not see by itself.
 * @see nova/api/openstack/compute/server_external_events.py
 */
export async function takeEvents(
  { db }: Pick<ComputeDeps, 'db'>,
  events: readonly Event[],
  onNetworkChanged: (serverId: string) => Promise<void>,
): Promise<TakenEvent[]> {
  const taken: TakenEvent[] = [];
  for (const event of events) {
    const found = await findServer(db, event.server_uuid);
    const server = found?.deleted_at === null ? found : undefined;
    const code = codeOf(event, server);
    if (code === 200 && event.name.startsWith('network-')) await onNetworkChanged(event.server_uuid);
    taken.push({ ...event, status: code === 200 ? 'completed' : 'failed', code });
  }
  return taken;
}

function codeOf(event: Event, server: { readonly host_id: string | null } | undefined): number {
  if (server === undefined) return 404;
  if (TAG_REQUIRED.includes(event.name) && event.tag === undefined) return 400;
  return server.host_id === null ? 422 : 200;
}
