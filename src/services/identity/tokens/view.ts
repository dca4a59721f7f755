import type { ProjectRow } from '../projects/tables.ts';
import { isoTime, isoTimeOrNull } from '../time.ts';
import { isScoped, type Token } from './model.ts';

/**
 * A token as its holder and other services see it.
 * @param catalog left out of an unscoped token, and where it is not asked for.
 * @see https://docs.openstack.org/api-ref/identity/v3/#authentication-and-token-management
 */
export function showToken(token: Token, catalog: readonly unknown[] | undefined): Record<string, unknown> {
  const { claims } = token;
  const body: Record<string, unknown> = {
    methods: claims.methods,
    user: {
      domain: named(token.userDomain),
      id: token.user.id,
      name: token.user.name,
      password_expires_at: isoTimeOrNull(token.passwordExpiresAt),
    },
    audit_ids: claims.auditIds,
    expires_at: isoTime(claims.expiresAt),
    issued_at: isoTime(claims.issuedAt),
  };
  if (isScoped(claims)) body['roles'] = token.roles.map(({ id, name }) => ({ id, name }));
  if (claims.isSystem) body['system'] = { all: true };
  if (token.domain !== null) body['domain'] = named(token.domain);
  if (token.project !== null) {
    const domain = token.projectDomain ?? token.project;
    body['project'] = { domain: named(domain), id: token.project.id, name: token.project.name };
    body['is_domain'] = token.project.is_domain === 1;
  }
  if (catalog !== undefined && isScoped(claims)) body['catalog'] = catalog;
  return { token: body };
}

function named({ id, name }: ProjectRow): { id: string; name: string } {
  return { id, name };
}
