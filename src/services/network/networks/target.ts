import type { Db } from '#kernel/db/database.ts';
import { shown } from '../resources/types.ts';
import type { NetworkTables } from '../tables.ts';
import { findNetwork, listSharedIds } from './store.ts';

/** Who owns the network, and whether it is shared with everybody: what subnets' and ports' policies ask. */
export async function networkTarget(
  db: Db<NetworkTables>,
  item: Readonly<Record<string, unknown>>,
): Promise<Readonly<Record<string, unknown>>> {
  const network = await findNetwork(db, shown(item['network_id']));
  if (network === undefined) return {};
  const shared = await listSharedIds(db, 'network', [network.id], shown(item['project_id']));
  return {
    'network:project_id': network.project_id,
    'network:tenant_id': network.project_id,
    shared: shared.has(network.id),
  };
}
