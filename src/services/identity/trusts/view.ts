import type { RoleRow } from '../roles/tables.ts';
import { showRole } from '../roles/view.ts';
import type { V3Url } from '../views.ts';
import type { TrustRow } from './tables.ts';

/** A trust as lists show it, without its roles. */
export function showTrust(row: TrustRow, v3Url: V3Url): Record<string, unknown> {
  return {
    id: row.id,
    trustor_user_id: row.trustor_user_id,
    trustee_user_id: row.trustee_user_id,
    project_id: row.project_id,
    impersonation: row.impersonation === 1,
    expires_at: row.expires_at === null ? null : `${row.expires_at}Z`,
    deleted_at: null,
    remaining_uses: row.remaining_uses,
    redelegated_trust_id: row.redelegated_trust_id,
    redelegation_count: row.redelegation_count,
    links: { self: `${v3Url}/OS-TRUST/trusts/${row.id}` },
  };
}

export function showTrustWithRoles(row: TrustRow, roles: readonly RoleRow[], v3Url: V3Url): Record<string, unknown> {
  return {
    ...showTrust(row, v3Url),
    roles: roles.map((role) => showRole(role, v3Url)),
    roles_links: { self: `${v3Url}/OS-TRUST/trusts/${row.id}/roles`, next: null, previous: null },
  };
}
