import { Unauthorized } from '#kernel/errors.ts';
import { checkSecret } from '../../application-credentials/authenticate.ts';
import { findApplicationCredential, findApplicationCredentialByName } from '../../application-credentials/store.ts';
import { missing } from '../../errors.ts';
import { preciseTimeMs } from '../../time.ts';
import type { AuthMethod } from './method.ts';
import { findNamedUser } from './users.ts';

/** The scope is the credential's own project; the token ends no later than the credential. */
export const applicationCredentialMethod: AuthMethod = async (deps, auth) => {
  const given = auth.identity.application_credential ?? {};
  if (auth.scope !== undefined)
    throw new Unauthorized(
      'identity.auth.application_credential_scope',
      'Error authenticating with application credential: Application credentials cannot request a scope.',
    );
  const byName = async () => {
    if (given.name === undefined || given.name === '') throw missing('id or name', 'application credential');
    if (given.user === undefined) throw missing('user', 'application credential');
    const user = await findNamedUser(deps, given.user);
    return user === undefined ? undefined : findApplicationCredentialByName(deps.db, user.id, given.name);
  };
  const row = given.id ? await findApplicationCredential(deps.db, given.id) : await byName();
  const credential = await checkSecret(deps, row, given.secret ?? '');
  return {
    userId: credential.user_id,
    projectId: credential.project_id,
    applicationCredentialId: credential.id,
    expiresAt: credential.expires_at === null ? null : preciseTimeMs(credential.expires_at),
  };
};
