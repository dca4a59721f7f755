import type { Db } from '#kernel/db/database.ts';
import { countServerGroups } from '../server-groups/store.ts';
import type { ComputeTables } from '../tables.ts';
import { type DEFAULT_LIMITS, QUOTA_RESOURCES, type Usage } from './resources.ts';
import { countServers } from './store.ts';

const NOTHING = Object.fromEntries(QUOTA_RESOURCES.map((name) => [name, 0])) as Record<
  keyof typeof DEFAULT_LIMITS,
  number
>;

/** What a project uses now, or one user of it; counted, not remembered. */
export async function usageOf(db: Db<ComputeTables>, projectId: string, userId?: string): Promise<Usage> {
  return {
    ...NOTHING,
    ...(await countServers(db, projectId, userId)),
    server_groups: await countServerGroups(db, projectId, userId),
  };
}
