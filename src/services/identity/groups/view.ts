import { fromJson } from '#kernel/db/json.ts';
import { selfLink, type V3Url } from '../views.ts';
import type { GroupRow } from './tables.ts';

export function showGroup(row: GroupRow, v3Url: V3Url): Record<string, unknown> {
  return {
    ...fromJson(row.extra),
    id: row.id,
    name: row.name,
    description: row.description,
    domain_id: row.domain_id,
    links: selfLink(v3Url, 'groups', row.id),
  };
}
