import type { Write } from '../resources/resource.ts';
import type { PortRow } from './tables.ts';

/** Lets compute know, after the change, that a port of its server is not what it was: the guest's metadata names addresses. */
export async function tellCompute(write: Write, { server_id: serverId }: Pick<PortRow, 'server_id'>): Promise<void> {
  if (serverId !== null) await write.deps.onServerPortsChanged(write.tx, serverId);
}
