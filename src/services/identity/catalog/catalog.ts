import type { Db } from '#kernel/db/database.ts';
import { fromJson } from '#kernel/db/json.ts';
import { listEndpointsOfProject } from '../endpoint-filters/store.ts';
import type { EndpointFilterTables } from '../endpoint-filters/tables.ts';
import { listEndpoints, listServices } from './store.ts';
import type { CatalogTables, EndpointRow, ServiceRow } from './tables.ts';

/** Far more than any cloud has. */
const MAX_ENTRIES = 10_000;

/** Who looks at the catalog: their ids stand in some endpoints' URLs. */
export interface CatalogViewer {
  readonly userId: string;
  readonly projectId: string | null;
}

/** The enabled services and endpoints, as tokens carry them; endpoints that need a project are left out without one. */
export async function buildCatalog(
  db: Db<CatalogTables & EndpointFilterTables>,
  viewer: CatalogViewer,
): Promise<Record<string, unknown>[]> {
  const services = (await listServices(db, [], MAX_ENTRIES)).filter((service) => service.enabled === 1);
  const chosen = viewer.projectId === null ? undefined : await listEndpointsOfProject(db, viewer.projectId);
  const endpoints = chosen ?? (await listEndpoints(db, [], MAX_ENTRIES));
  const byService = Map.groupBy(endpoints, (endpoint) => endpoint.service_id);
  return services
    .filter((service) => chosen === undefined || byService.has(service.id))
    .map((service) => showService(service, byService.get(service.id) ?? [], viewer));
}

/** Where a service is to be found. */
export interface WantedEndpoint {
  readonly type: string;
  readonly region: string;
  /** `public`, `internal` or `admin`. */
  readonly interface: string;
}

/** The address of a service as the viewer's own catalog has it, without a slash at its end; regions are told apart without regard to case. */
export async function findEndpointUrl(
  db: Db<CatalogTables & EndpointFilterTables>,
  viewer: CatalogViewer,
  wanted: WantedEndpoint,
): Promise<string | undefined> {
  const services = (await buildCatalog(db, viewer)).filter((service) => service['type'] === wanted.type);
  const endpoints = services.flatMap((service) => service['endpoints'] as Record<string, unknown>[]);
  const found = endpoints.find(
    (endpoint) =>
      endpoint['interface'] === wanted.interface &&
      String(endpoint['region']).toLowerCase() === wanted.region.toLowerCase(),
  );
  return found === undefined ? undefined : String(found['url']).replace(/\/+$/, '');
}

function showService(
  service: ServiceRow,
  endpoints: readonly EndpointRow[],
  viewer: CatalogViewer,
): Record<string, unknown> {
  return {
    endpoints: endpoints.flatMap((endpoint) => showEndpoint(endpoint, viewer)),
    id: service.id,
    type: service.type,
    name: service.name ?? '',
  };
}

function showEndpoint(endpoint: EndpointRow, viewer: CatalogViewer): Record<string, unknown>[] {
  const url = fillUrl(endpoint.url, viewer);
  if (endpoint.enabled === 0 || url === undefined) return [];
  return [
    {
      ...fromJson(endpoint.extra),
      id: endpoint.id,
      interface: endpoint.interface,
      region_id: endpoint.region_id,
      region: endpoint.region_id,
      url,
    },
  ];
}

/** `$(project_id)s` and `%(project_id)s` alike. */
const VARIABLE = /[$%]\(([^()]*)\)s/g;
const KNOWN: ReadonlySet<string> = new Set(['project_id', 'tenant_id', 'user_id']);

/**
 * Whether a URL's variables are ones that the catalog fills in: nothing of the configuration is, least of all secrets.
 */
export function isFillable(url: string): boolean {
  const names = [...url.matchAll(VARIABLE)].map((match) => match[1] ?? '');
  return names.every((name) => KNOWN.has(name)) && !/[$%]\(/.test(url.replace(VARIABLE, ''));
}

function fillUrl(url: string, { userId, projectId }: CatalogViewer): string | undefined {
  if (!isFillable(url)) return undefined;
  let isWhole = true;
  const filled = url.replace(VARIABLE, (_, name: string) => {
    const value = name === 'user_id' ? userId : projectId;
    if (value === null) isWhole = false;
    return value ?? '';
  });
  return isWhole ? filled : undefined;
}
