import { inTransaction } from '#kernel/db/transaction.ts';
import type { IdentityDeps } from '../deps.ts';
import { revokeTokens } from '../revocations/revoke.ts';
import type { Token } from './model.ts';

/** Takes one token back; those made from it live on, as in keystone. */
export async function revokeToken(deps: IdentityDeps, token: Token): Promise<void> {
  const auditId = token.claims.auditIds[0] ?? '';
  await inTransaction(deps.db, (tx) => revokeTokens(deps, tx, { audit_id: auditId }));
}
