import type { Policy } from '#kernel/auth/policy.ts';
import type { Db } from '#kernel/db/database.ts';
import type { ServiceDeps } from '#kernel/service.ts';
import type { Liveness } from './hosts/liveness.ts';
import type { ComputePeers } from './peers.ts';
import type { RecentHosts } from './servers/scheduler/recent.ts';
import type { ComputeTables } from './tables.ts';

/** What compute's slices are given. */
export interface ComputeDeps extends Omit<ServiceDeps, 'db'>, ComputePeers {
  readonly db: Db<ComputeTables>;
  readonly policy: Policy;
  /** Which hosts are up. */
  readonly liveness: Liveness;
  /** Where there was room a moment ago. */
  readonly recentHosts: RecentHosts;
}
