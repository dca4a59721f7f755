import { fromJson } from '#kernel/db/json.ts';
import { selfLink, type V3Url } from '../views.ts';
import type { EndpointRow, RegionRow, ServiceRow } from './tables.ts';

export function showRegion(row: RegionRow, v3Url: V3Url): Record<string, unknown> {
  return {
    ...fromJson(row.extra),
    id: row.id,
    description: row.description,
    parent_region_id: row.parent_region_id,
    links: selfLink(v3Url, 'regions', row.id),
  };
}

export function showService(row: ServiceRow, v3Url: V3Url): Record<string, unknown> {
  return {
    ...fromJson(row.extra),
    id: row.id,
    type: row.type,
    name: row.name ?? '',
    enabled: row.enabled === 1,
    links: selfLink(v3Url, 'services', row.id),
  };
}

export function showEndpoint(row: EndpointRow, v3Url: V3Url): Record<string, unknown> {
  return {
    ...fromJson(row.extra),
    id: row.id,
    interface: row.interface,
    service_id: row.service_id,
    region_id: row.region_id,
    region: row.region_id,
    url: row.url,
    enabled: row.enabled === 1,
    links: selfLink(v3Url, 'endpoints', row.id),
  };
}
