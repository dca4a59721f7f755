import { forbiddenAction, notFound } from '../../errors.ts';
import { isScopeObject } from '../scope.ts';
import type { AuthMethod } from './method.ts';

/** A token for a token: to another scope, never for longer. */
export const tokenMethod: AuthMethod = async (deps, auth, reader) => {
  const id = auth.identity.token?.id ?? '';
  const token = await reader.read(id);
  if (token === undefined) throw notFound('token', id.slice(0, 255));
  const { claims } = token;
  if (claims.accessTokenId !== null)
    throw forbiddenAction('Using OAuth-scoped token to create another token. Create a new OAuth-scoped token instead');
  if (claims.trustId !== null)
    throw forbiddenAction('Using trust-scoped token to create another token. Create a new trust-scoped token instead');
  if (!deps.config.allowRescopeScopedToken && (claims.projectId !== null || claims.domainId !== null))
    throw forbiddenAction('rescope a scoped token');
  const scope = isScopeObject(auth.scope) ? auth.scope : {};
  if (claims.isSystem && (scope.project !== undefined || scope.domain !== undefined))
    throw forbiddenAction(
      'Using a system-scoped token to create a project-scoped or domain-scoped token is not allowed.',
    );
  const parentAuditId = claims.auditIds.at(-1);
  return {
    userId: claims.userId,
    methods: claims.methods,
    expiresAt: claims.expiresAt,
    ...(parentAuditId === undefined ? {} : { parentAuditId }),
    ...(claims.federation === null ? {} : { federation: claims.federation }),
    ...(claims.applicationCredentialId === null
      ? {}
      : { applicationCredentialId: claims.applicationCredentialId, projectId: claims.projectId ?? '' }),
  };
};
