import { checkAccess } from '../../oauth1/logic.ts';
import type { AuthMethod } from './method.ts';

/** A call that is signed with an access token: the project and the roles are those that the user authorized. */
export const oauth1Method: AuthMethod = async (deps, _auth, _reader, request) => {
  const access = await checkAccess(deps, request);
  return {
    userId: access.user_id,
    projectId: access.project_id,
    accessTokenId: access.id,
    expiresAt: access.expires_at,
  };
};
