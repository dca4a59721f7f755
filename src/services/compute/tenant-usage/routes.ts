import { type Static, Type } from 'typebox';
import { type ApiRequest, type Route, route } from '#kernel/api/route.ts';
import { since } from '#kernel/api/schema.ts';
import { NotFound } from '#kernel/errors.ts';
import type { ComputeDeps } from '../deps.ts';
import { queryOf } from '../fields.ts';
import { compute } from '../microversions.ts';
import { limitOf, nextLinks, pagingFields } from '../paging.ts';
import { reportUsage, type UsageReport } from './logic.ts';
import { projectUsages } from './view.ts';

const Time = Type.Optional(Type.String({ maxLength: 100 }));
const fields = {
  start: Time,
  end: Time,
  limit: since(compute.usagePaging, pagingFields.limit),
  marker: since(compute.usagePaging, pagingFields.marker),
};
const UsageQuery = queryOf(fields);
type UsageQuery = Static<typeof UsageQuery>;
const UsageListQuery = queryOf({ ...fields, detailed: Type.Optional(Type.String()) });

/** @see https://docs.openstack.org/api-ref/compute/#usage-reports-os-simple-tenant-usage */
export const tenantUsageRoutes = (deps: ComputeDeps): Route[] => {
  const report = (
    request: ApiRequest<Record<string, string>, UsageQuery>,
    projectId: string | undefined,
  ): Promise<UsageReport> => {
    const { start, end, limit, marker } = request.query;
    const page = request.has(compute.usagePaging) ? { marker, limit: limitOf({ limit }) } : { limit: limitOf({}) };
    return reportUsage(deps, { start, end, projectId, ...page });
  };
  const links = (
    request: ApiRequest<Record<string, string>, UsageQuery>,
    { servers }: UsageReport,
    collection: string,
  ): ReturnType<typeof nextLinks> => {
    if (!request.has(compute.usagePaging)) return [];
    return nextLinks(request, collection, {
      ids: servers.map(({ server }) => server.id),
      limit: limitOf(request.query),
    });
  };
  return [
    route({
      method: 'GET',
      path: '/os-simple-tenant-usage',
      name: 'listProjectUsages',
      policy: 'os_compute_api:os-simple-tenant-usage:list',
      query: UsageListQuery,
      handler: async (request) => {
        // A project without a name is none, not all of them.
        if (request.url.split('?', 1)[0]?.endsWith('/') === true)
          throw new NotFound('compute.usage.no_project', 'The resource could not be found.');
        const usage = await report(request, undefined);
        const next = links(request, usage, 'os-simple-tenant-usage');
        return {
          tenant_usages: projectUsages(usage, request.query.detailed === '1'),
          ...(next.length === 0 ? {} : { tenant_usages_links: next }),
        };
      },
    }),
    route({
      method: 'GET',
      path: '/os-simple-tenant-usage/:projectId',
      name: 'showProjectUsage',
      documents: () => ({ policies: ['os_compute_api:os-simple-tenant-usage:show'] }),
      query: UsageQuery,
      handler: async (request) => {
        const projectId = request.params['projectId'] ?? '';
        deps.policy.enforce(request.ctx, 'os_compute_api:os-simple-tenant-usage:show', { project_id: projectId });
        const usage = await report(request, projectId);
        const next = links(request, usage, `os-simple-tenant-usage/${projectId}`);
        return {
          tenant_usage: projectUsages(usage, true)[0] ?? {},
          ...(next.length === 0 ? {} : { tenant_usage_links: next }),
        };
      },
    }),
  ];
};
