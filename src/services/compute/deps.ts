import type { Policy } from '#kernel/auth/policy.ts';
import type { Db } from '#kernel/db/database.ts';
import type { ServiceDeps } from '#kernel/service.ts';
import type { AgentDirectory } from '#protocol/agent.ts';
import type { ComputeTables } from './tables.ts';

/** What compute needs of placement. */
export interface ComputePlacement {
  /** Gives back what a consumer holds; nothing when it holds nothing. */
  release(db: Db, consumerId: string): Promise<void>;
}

/** What compute needs of image. */
export type ComputeImages = object;

/** What compute needs of network. */
export type ComputeNetworks = object;

/** The other services that compute calls, in process and in the caller's name. */
export interface ComputePeers {
  readonly placement: ComputePlacement;
  readonly image: ComputeImages;
  readonly network: ComputeNetworks;
  readonly agents: AgentDirectory;
}

/** What compute's slices are given. */
export interface ComputeDeps extends Omit<ServiceDeps, 'db'>, ComputePeers {
  readonly db: Db<ComputeTables>;
  readonly policy: Policy;
}
