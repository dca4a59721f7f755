import type { EpochMs } from '#kernel/db/json.ts';
import { fromJson } from '#kernel/db/json.ts';
import { isoTimeOrNull } from '../time.ts';
import { selfLink, type V3Url } from '../views.ts';
import type { UserRow } from './tables.ts';

/** A user without anything of its password but its end. */
export function showUser(row: UserRow, passwordExpiresAt: EpochMs | null, v3Url: V3Url): Record<string, unknown> {
  return {
    ...fromJson(row.extra),
    id: row.id,
    name: row.name,
    domain_id: row.domain_id,
    enabled: row.enabled === 1,
    ...(row.default_project_id === null ? {} : { default_project_id: row.default_project_id }),
    password_expires_at: isoTimeOrNull(passwordExpiresAt),
    options: fromJson(row.options),
    links: selfLink(v3Url, 'users', row.id),
  };
}
