import type { Policy } from '#kernel/auth/policy.ts';
import type { Db } from '#kernel/db/database.ts';
import type { ServiceDeps } from '#kernel/service.ts';
import type { DesiredSecurityGroup } from '#protocol/networks.ts';
import type { Kept, SharedNetwork } from './hosts/shared.ts';
import type { NetworkOptions } from './options.ts';
import type { NetworkTables } from './tables.ts';

/** What the slices of this service are given. */
export interface NetworkDeps extends Omit<ServiceDeps, 'db'> {
  readonly db: Db<NetworkTables>;
  readonly policy: Policy;
  /** Names of all default rules: an attribute without one is free. */
  readonly ruleNames: ReadonlySet<string>;
  readonly options: NetworkOptions;
  /** What many hosts are told alike. */
  readonly shared: { readonly groups: Kept<DesiredSecurityGroup>; readonly networks: Kept<SharedNetwork> };
  /** A server's ports are not what they were: compute changes what it tells the guest and the agent, in the same transaction. */
  readonly onServerPortsChanged: (tx: Db<NetworkTables>, serverId: string) => Promise<void>;
}
