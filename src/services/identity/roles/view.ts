import { fromJson } from '#kernel/db/json.ts';
import { selfLink, type V3Url } from '../views.ts';
import type { RoleRow } from './tables.ts';

export function showRole(row: RoleRow, v3Url: V3Url): Record<string, unknown> {
  return {
    ...fromJson(row.extra),
    id: row.id,
    name: row.name,
    description: row.description,
    domain_id: row.domain_id === '' ? null : row.domain_id,
    options: fromJson(row.options),
    links: selfLink(v3Url, 'roles', row.id),
  };
}

/** A role as inference rules name it. */
export function showRuleRole(row: RoleRow, v3Url: V3Url): Record<string, unknown> {
  return { id: row.id, name: row.name, links: selfLink(v3Url, 'roles', row.id) };
}
