import { type Route, route } from '#kernel/api/route.ts';
import type { ComputeDeps } from '../deps.ts';
import { compute } from '../microversions.ts';
import { actOnService, changeService, findControllerServices, findServices, removeService } from './logic.ts';
import { ServiceAction, ServiceQuery, ServiceUpdate } from './schema.ts';
import { controllerServiceBody, serviceBody } from './view.ts';

/** @see https://docs.openstack.org/api-ref/compute/#compute-services-os-services */
export const computeServiceRoutes = (deps: ComputeDeps): Route[] => [
  route({
    method: 'GET',
    path: '/os-services',
    name: 'listServices',
    policy: 'os_compute_api:os-services:list',
    query: ServiceQuery,
    handler: async (request) => ({
      services: [
        ...findControllerServices(request.query).map((service) =>
          controllerServiceBody(request, service, deps.clock.now().getTime()),
        ),
        ...(await findServices(deps, request.query)).map((service) => serviceBody(request, service)),
      ],
    }),
  }),
  route({
    method: 'PUT',
    path: '/os-services/:serviceId',
    // What stands in the place of the id is the action.
    name: 'actOnService',
    before: compute.uuidsForServicesAndHypervisors,
    policy: 'os_compute_api:os-services:update',
    body: ServiceAction,
    handler: async ({ params, body, has }) => {
      const operation = await actOnService(deps, params['serviceId'] ?? '', body, has(compute.servicesForcedDown));
      const { host, binary } = body;
      if (operation.is_forced_down !== undefined)
        return { service: { host, binary, forced_down: operation.is_forced_down === 1 } };
      const status = operation.is_disabled === 1 ? 'disabled' : 'enabled';
      const reason = operation.disabled_reason ?? undefined;
      return { service: { host, binary, status, ...(reason === undefined ? {} : { disabled_reason: reason }) } };
    },
  }),
  route({
    method: 'PUT',
    path: '/os-services/:serviceId',
    name: 'updateService',
    since: compute.uuidsForServicesAndHypervisors,
    policy: 'os_compute_api:os-services:update',
    body: ServiceUpdate,
    handler: async (request) => ({
      service: serviceBody(request, await changeService(deps, request.params['serviceId'] ?? '', request.body)),
    }),
  }),
  route({
    method: 'DELETE',
    path: '/os-services/:serviceId',
    name: 'deleteService',
    policy: 'os_compute_api:os-services:delete',
    status: 204,
    handler: ({ params, has }) =>
      removeService(deps, params['serviceId'] ?? '', has(compute.uuidsForServicesAndHypervisors)),
  }),
];
