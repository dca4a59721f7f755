import type { AccessRuleRow, ApplicationCredentialRow } from '../application-credentials/tables.ts';
import { showRule } from '../application-credentials/view.ts';
import type { ProjectRow } from '../projects/tables.ts';
import { isoTime, isoTimeOrNull } from '../time.ts';
import type { TrustRow } from '../trusts/tables.ts';
import type { FederationClaims } from './codec.ts';
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
      ...(claims.federation === null
        ? { password_expires_at: isoTimeOrNull(token.passwordExpiresAt) }
        : { 'OS-FEDERATION': showFederation(claims.federation) }),
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
  if (token.accessToken !== null)
    body['OS-OAUTH1'] = { access_token_id: token.accessToken.id, consumer_id: token.accessToken.consumer_id };
  if (token.trust !== null) body['OS-TRUST:trust'] = showTrustOf(token.trust);
  if (token.applicationCredential !== null)
    body['application_credential'] = showCredentialOf(token.applicationCredential, token.accessRules);
  if (catalog !== undefined && isScoped(claims)) body['catalog'] = catalog;
  return { token: body };
}

function named({ id, name }: ProjectRow): { id: string; name: string } {
  return { id, name };
}

function showTrustOf(trust: TrustRow): Record<string, unknown> {
  return {
    id: trust.id,
    trustor_user: { id: trust.trustor_user_id },
    trustee_user: { id: trust.trustee_user_id },
    impersonation: trust.impersonation === 1,
  };
}

function showCredentialOf(
  row: ApplicationCredentialRow,
  rules: readonly AccessRuleRow[] | null,
): Record<string, unknown> {
  return {
    id: row.id,
    name: row.name,
    restricted: row.unrestricted === 0,
    ...(rules === null ? {} : { access_rules: rules.map(showRule) }),
  };
}

function showFederation({ groupIds, identityProviderId, protocolId }: FederationClaims): Record<string, unknown> {
  return {
    groups: groupIds.map((id) => ({ id })),
    identity_provider: { id: identityProviderId },
    protocol: { id: protocolId },
  };
}
