import type { Db } from '#kernel/db/database.ts';
import type { EpochMs } from '#kernel/db/json.ts';
import type { RevocationRow, RevocationTables } from './tables.ts';

/** Events since a moment, the oldest first. */
export function listRevocations(
  db: Db<RevocationTables>,
  since: EpochMs | undefined,
  limit: number,
): Promise<RevocationRow[]> {
  let select = db.selectFrom('revocation_events').selectAll().orderBy('revoked_at').orderBy('id').limit(limit);
  if (since !== undefined) select = select.where('revoked_at', '>=', since);
  return select.execute();
}

/** What an event is held against. */
export interface RevocableToken {
  readonly issuedAt: EpochMs;
  readonly auditId: string;
  readonly auditChainId: string;
  /** The trustor too, where a trust is at work. */
  readonly userIds: readonly string[];
  readonly projectId: string | null;
  /** Domains of the scope. */
  readonly domainIds: readonly string[];
  readonly trustId: string | null;
  readonly accessTokenId: string | null;
  readonly consumerId: string | null;
}

/** Whether an event voids this token. */
export async function isRevoked(db: Db<RevocationTables>, token: RevocableToken): Promise<boolean> {
  const event = await db
    .selectFrom('revocation_events')
    .select('id')
    .where('issued_before', '>=', token.issuedAt)
    .where((eb) => eb.or([eb('audit_id', 'is', null), eb('audit_id', '=', token.auditId)]))
    .where((eb) => eb.or([eb('audit_chain_id', 'is', null), eb('audit_chain_id', '=', token.auditChainId)]))
    .where((eb) => eb.or([eb('user_id', 'is', null), eb('user_id', 'in', token.userIds)]))
    .where((eb) => eb.or([eb('project_id', 'is', null), eb('project_id', '=', token.projectId)]))
    .where((eb) => eb.or([eb('domain_id', 'is', null), eb('domain_id', 'in', [...token.domainIds, ''])]))
    .where((eb) => eb.or([eb('trust_id', 'is', null), eb('trust_id', '=', token.trustId)]))
    .where((eb) => eb.or([eb('access_token_id', 'is', null), eb('access_token_id', '=', token.accessTokenId)]))
    .where((eb) => eb.or([eb('consumer_id', 'is', null), eb('consumer_id', '=', token.consumerId)]))
    .limit(1)
    .executeTakeFirst();
  return event !== undefined;
}

export async function insertRevocation(db: Db<RevocationTables>, row: RevocationRow): Promise<void> {
  await db.insertInto('revocation_events').values(row).execute();
}

/** Drops what can void no token that lives. */
export async function deleteRevocationsBefore(db: Db<RevocationTables>, revokedAt: EpochMs): Promise<void> {
  await db.deleteFrom('revocation_events').where('revoked_at', '<', revokedAt).execute();
}
