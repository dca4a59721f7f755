import { afterCommit } from '#kernel/db/open-transaction.ts';
import type { Write } from '../resources/resource.ts';
import type { PortRow } from './tables.ts';

/** Lets compute know, once it is true, that a port of its server is not what it was: the guest's metadata names addresses. */
export function tellCompute(write: Write, { server_id: serverId }: Pick<PortRow, 'server_id'>): void {
  const { onServerPortsChanged } = write.deps;
  if (serverId !== null) afterCommit(() => onServerPortsChanged(serverId));
}
