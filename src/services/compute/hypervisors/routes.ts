import { type ApiRequest, type Route, route } from '#kernel/api/route.ts';
import { BadRequest } from '#kernel/errors.ts';
import type { ComputeDeps } from '../deps.ts';
import { isTrue } from '../fields.ts';
import { compute } from '../microversions.ts';
import { limitOf, MAX_PAGE, nextLinks } from '../paging.ts';
import { findHypervisors, showHypervisor, showUptime, sumHypervisors } from './logic.ts';
import { HypervisorListQuery, HypervisorQuery } from './schema.ts';
import { briefHypervisor, wholeHypervisor } from './view.ts';

const rule = (verb: string): string => `os_compute_api:os-hypervisors:${verb}`;
const hasUuids = ({ has }: Pick<ApiRequest, 'has'>): boolean => has(compute.uuidsForServicesAndHypervisors);

/** @see https://docs.openstack.org/api-ref/compute/#hypervisors-os-hypervisors */
export const hypervisorRoutes = (deps: ComputeDeps): Route[] => {
  const list = async (
    request: ApiRequest<Record<string, string>, HypervisorListQuery>,
    collection: string,
    view: typeof briefHypervisor,
  ): Promise<unknown> => {
    const given: HypervisorListQuery = request.has(compute.hypervisorPaging) ? request.query : {};
    const pattern = hasUuids(request) ? given.hypervisor_hostname_pattern : undefined;
    if (pattern !== undefined && (given.limit !== undefined || given.marker !== undefined)) {
      throw new BadRequest(
        'compute.hypervisor.paged_pattern',
        'Paging over hypervisors with the hypervisor_hostname_pattern query parameter is not supported.',
      );
    }
    const found = await findHypervisors(deps, {
      pattern,
      withServers: hasUuids(request) && isTrue(given.with_servers),
      marker: given.marker,
      limit: limitOf(given),
      isUuid: hasUuids(request),
    });
    const ids = found.map(({ host }) => (hasUuids(request) ? host.id : String(host.number)));
    const isPaged = request.has(compute.hypervisorPaging) && pattern === undefined;
    const links = isPaged ? nextLinks(request, collection, { ids, limit: limitOf(given) }) : [];
    return {
      hypervisors: found.map((hypervisor) => view(request, hypervisor)),
      ...(links.length === 0 ? {} : { hypervisors_links: links }),
    };
  };
  const search = async (request: ApiRequest, withServers: boolean): Promise<unknown> => {
    const pattern = request.params['hypervisorId'] ?? '';
    const found = await findHypervisors(deps, { pattern, withServers, limit: MAX_PAGE, isUuid: false });
    return { hypervisors: found.map((hypervisor) => briefHypervisor(request, hypervisor)) };
  };
  return [
    route({
      method: 'GET',
      path: '/os-hypervisors',
      name: 'listHypervisors',
      policy: rule('list'),
      query: HypervisorListQuery,
      handler: (request) => list(request, 'os-hypervisors', briefHypervisor),
    }),
    route({
      method: 'GET',
      path: '/os-hypervisors/detail',
      name: 'listHypervisorsDetailed',
      policy: rule('list-detail'),
      query: HypervisorListQuery,
      handler: (request) => list(request, 'os-hypervisors/detail', wholeHypervisor),
    }),
    route({
      method: 'GET',
      path: '/os-hypervisors/statistics',
      name: 'showHypervisorStatistics',
      before: compute.hypervisorsReduced,
      policy: rule('statistics'),
      handler: async () => ({ hypervisor_statistics: await sumHypervisors(deps) }),
    }),
    route({
      method: 'GET',
      path: '/os-hypervisors/:hypervisorId',
      name: 'showHypervisor',
      policy: rule('show'),
      query: HypervisorQuery,
      handler: async (request) => ({
        hypervisor: wholeHypervisor(
          request,
          await showHypervisor(deps, request.params['hypervisorId'] ?? '', {
            isUuid: hasUuids(request),
            withServers: hasUuids(request) && isTrue(request.query.with_servers),
          }),
        ),
      }),
    }),
    route({
      method: 'GET',
      path: '/os-hypervisors/:hypervisorId/uptime',
      name: 'showHypervisorUptime',
      before: compute.hypervisorsReduced,
      policy: rule('uptime'),
      handler: async (request) => {
        const found = await showUptime(deps, request.params['hypervisorId'] ?? '', hasUuids(request));
        return { hypervisor: { ...briefHypervisor(request, found), uptime: found.uptime } };
      },
    }),
    route({
      method: 'GET',
      path: '/os-hypervisors/:hypervisorId/search',
      name: 'searchHypervisors',
      before: compute.uuidsForServicesAndHypervisors,
      policy: rule('search'),
      handler: (request) => search(request, false),
    }),
    route({
      method: 'GET',
      path: '/os-hypervisors/:hypervisorId/servers',
      name: 'listServersOfHypervisors',
      before: compute.uuidsForServicesAndHypervisors,
      policy: rule('servers'),
      handler: (request) => search(request, true),
    }),
  ];
};
