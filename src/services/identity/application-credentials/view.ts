import type { RoleRow } from '../roles/tables.ts';
import type { V3Url } from '../views.ts';
import type { AccessRuleRow, ApplicationCredentialRow } from './tables.ts';

/** A credential without its secret, which nobody has. */
export function showApplicationCredential(
  row: ApplicationCredentialRow,
  roles: readonly RoleRow[],
  rules: readonly AccessRuleRow[],
  v3Url: V3Url,
): Record<string, unknown> {
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    user_id: row.user_id,
    project_id: row.project_id,
    system: null,
    expires_at: row.expires_at,
    unrestricted: row.unrestricted === 1,
    roles: roles.map(({ id, name, domain_id }) => ({ id, name, domain_id: domain_id === '' ? null : domain_id })),
    ...(row.has_access_rules === 1 ? { access_rules: rules.map(showRule) } : {}),
    links: { self: `${v3Url}/application_credentials/${row.id}` },
  };
}

/** A rule as part of a credential. */
export function showRule({ id, service, method, path }: AccessRuleRow): Record<string, unknown> {
  return { id, service, method, path };
}

/** A rule by itself. */
export function showAccessRule(row: AccessRuleRow, v3Url: V3Url): Record<string, unknown> {
  return { ...showRule(row), links: { self: `${v3Url}/access_rules/${row.id}` } };
}
