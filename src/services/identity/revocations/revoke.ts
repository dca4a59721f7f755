/**
 * Taking tokens back.
 *
 * Theory of operation. Tokens are not kept; what voids them is. A user, project or role that is gone or disabled shows when
 * the token is looked at again. What does not show there (a token revoked by itself, a changed password, a user that was
 * disabled and enabled again) is an event in SQL. Every change that can void a token calls `deps.forgetTokens` in its own
 * transaction, so that no controller goes on believing what it checked before.
 */
import type { Db } from '#kernel/db/database.ts';
import type { EpochMs } from '#kernel/db/json.ts';
import { newUuid } from '#kernel/ids.ts';
import { type IdentityDeps, nowMs } from '../deps.ts';
import type { IdentityTables } from '../tables.ts';
import { deleteRevocationsBefore, insertRevocation, listRevocations } from './store.ts';
import type { RevocationRow } from './tables.ts';

/** What void tokens have in common; all that is named must match. */
export type Revoked = Partial<Omit<RevocationRow, 'id' | 'issued_before' | 'revoked_at'>>;

/** Voids the tokens issued until now that match. */
export async function revokeTokens(deps: IdentityDeps, tx: Db<IdentityTables>, revoked: Revoked): Promise<void> {
  const at = nowMs(deps);
  await insertRevocation(tx, {
    audit_id: null,
    audit_chain_id: null,
    user_id: null,
    project_id: null,
    domain_id: null,
    trust_id: null,
    consumer_id: null,
    access_token_id: null,
    ...revoked,
    id: newUuid(),
    issued_before: at,
    revoked_at: at,
  });
  await deps.forgetTokens(tx);
}

/** Events since a moment; what can void no token that lives is dropped on the way. */
export async function readRevocations(deps: IdentityDeps, since: EpochMs | undefined): Promise<RevocationRow[]> {
  await pruneRevocations(deps);
  return listRevocations(deps.db, since, deps.config.listLimit);
}

/** Drops events that are older than any token can be. */
export async function pruneRevocations(deps: IdentityDeps): Promise<void> {
  const oldestMs = nowMs(deps) - deps.config.tokenLifetimeMs - deps.config.allowExpiredWindowMs;
  await deleteRevocationsBefore(deps.db, oldestMs);
}
