import type { ApiRequest } from '#kernel/api/route.ts';
import type { Policy } from '#kernel/auth/policy.ts';
import type { Clock } from '#kernel/clock.ts';
import type { Db } from '#kernel/db/database.ts';
import type { EpochMs } from '#kernel/db/json.ts';
import type { Log } from '#kernel/log.ts';
import type { IdentityConfig } from './config.ts';
import type { Vault } from './credentials/vault.ts';
import type { IssuerKeys } from './federation/issuer-keys.ts';
import type { IdentityTables } from './tables.ts';
import type { TokenCodec } from './tokens/codec.ts';
import type { Passwords } from './users/passwords.ts';

/** What identity's slices are given. */
export interface IdentityDeps {
  readonly db: Db<IdentityTables>;
  readonly clock: Clock;
  readonly log: Log;
  readonly policy: Policy;
  readonly config: IdentityConfig;
  readonly passwords: Passwords;
  readonly tokens: TokenCodec;
  readonly vault: Vault;
  readonly issuers: IssuerKeys;
  /**
   * Has every controller look at all tokens anew once `tx` is committed: after any change to users, projects, domains,
   * roles, or what they were given.
   */
  readonly forgetTokens: (tx: Db<IdentityTables>) => Promise<void>;
}

export function nowMs(deps: Pick<IdentityDeps, 'clock'>): EpochMs {
  return deps.clock.now().getTime();
}

/** Where the caller reached v3, for links. */
export function v3Url(request: Pick<ApiRequest, 'baseUrl'>): string {
  return `${request.baseUrl}/v3`;
}
