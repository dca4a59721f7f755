import { type IdentityDeps, nowMs } from '../deps.ts';
import { unauthorized } from '../errors.ts';
import { preciseTimeMs } from '../time.ts';
import type { ApplicationCredentialRow } from './tables.ts';

/**
 * Checks a credential's secret, at the same cost when there is no such credential.
 * @throws {Unauthorized} `identity.auth.application_credential`.
 */
export async function checkSecret(
  deps: IdentityDeps,
  row: ApplicationCredentialRow | undefined,
  secret: string,
): Promise<ApplicationCredentialRow> {
  const isRight = await deps.passwords.verify(secret.slice(0, deps.config.maxPasswordLength), row?.secret_hash);
  if (row === undefined || !isRight) throw unauthorized('application_credential');
  if (row.expires_at !== null && preciseTimeMs(row.expires_at) <= nowMs(deps))
    throw unauthorized('application_credential');
  return row;
}
