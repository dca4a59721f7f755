import type { ApiRequest } from '#kernel/api/route.ts';
import type { EpochMs } from '#kernel/db/json.ts';
import type { IdentityDeps } from '../../deps.ts';
import type { TokenReader } from '../authenticator.ts';
import type { FederationClaims } from '../codec.ts';
import type { AuthRequest } from '../schema.ts';

/** What a way to prove who one is has found out. */
export interface Proof {
  readonly userId: string;
  /** Methods beside its own: those of the token that was shown. */
  readonly methods?: readonly string[];
  /** The new token ends no later. */
  readonly expiresAt?: EpochMs | null;
  /** The first token of the chain. */
  readonly parentAuditId?: string;
  readonly federation?: FederationClaims;
  readonly applicationCredentialId?: string;
  readonly accessTokenId?: string;
  /** Set where the proof says what the scope is. */
  readonly projectId?: string;
}

/**
 * One way to prove who one is.
 * @throws {Unauthorized} without a reason when it does not; {BadRequest} when something is missing.
 */
export type AuthMethod = (
  deps: IdentityDeps,
  auth: AuthRequest,
  reader: TokenReader,
  request: ApiRequest,
) => Promise<Proof>;
