import { fromJson } from '#kernel/db/json.ts';
import { selfLink, type V3Url } from '../views.ts';
import type { ProjectRow } from './tables.ts';

export function showProject(row: ProjectRow, tags: readonly string[], v3Url: V3Url): Record<string, unknown> {
  return {
    ...fromJson(row.extra),
    id: row.id,
    name: row.name,
    description: row.description,
    domain_id: row.is_domain === 1 ? null : row.domain_id,
    parent_id: row.parent_id,
    enabled: row.enabled === 1,
    is_domain: row.is_domain === 1,
    tags,
    options: fromJson(row.options),
    links: selfLink(v3Url, 'projects', row.id),
  };
}

export function showDomain(row: ProjectRow, tags: readonly string[], v3Url: V3Url): Record<string, unknown> {
  return {
    ...fromJson(row.extra),
    id: row.id,
    name: row.name,
    description: row.description,
    enabled: row.enabled === 1,
    tags,
    options: fromJson(row.options),
    links: selfLink(v3Url, 'domains', row.id),
  };
}

type IdTree = { readonly [id: string]: IdTree | null };

/** `{ parent: { grandparent: null } }`; null at the root. */
export function showParentIds(ancestors: readonly ProjectRow[]): IdTree | null {
  return ancestors.reduceRight<IdTree | null>((above, project) => ({ [project.id]: above }), null);
}

/** `{ child: { grandchild: null } }`; null for a leaf. */
export function showSubtreeIds(id: string, below: readonly ProjectRow[]): IdTree | null {
  const children = Map.groupBy(below, (project) => project.parent_id);
  const branch = (parentId: string): IdTree | null => {
    const rows = children.get(parentId) ?? [];
    return rows.length === 0 ? null : Object.fromEntries(rows.map((row) => [row.id, branch(row.id)]));
  };
  return branch(id);
}
