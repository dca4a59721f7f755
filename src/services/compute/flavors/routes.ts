import { type ApiRequest, type Route, route } from '#kernel/api/route.ts';
import { BadRequest } from '#kernel/errors.ts';
import type { ComputeDeps } from '../deps.ts';
import { compute } from '../microversions.ts';
import { limitOf, nextLinks } from '../paging.ts';
import {
  changeExtraSpecs,
  changeFlavorAccess,
  createFlavor,
  describeFlavor,
  findFlavorAccess,
  findFlavors,
  getExtraSpec,
  removeExtraSpec,
  removeFlavor,
  showFlavor,
} from './logic.ts';
import { ExtraSpecsCreate, ExtraSpecUpdate, FlavorAction, FlavorCreate, FlavorQuery, FlavorUpdate } from './schema.ts';
import type { Flavor } from './store.ts';
import { briefFlavor, wholeFlavor } from './view.ts';

/** @see https://docs.openstack.org/api-ref/compute/#flavors */
export const flavorRoutes = (deps: ComputeDeps): Route[] => {
  const whole = (request: ApiRequest, flavor: Flavor): Record<string, unknown> =>
    wholeFlavor(
      request,
      flavor,
      deps.policy.allows(request.ctx, 'os_compute_api:os-flavor-extra-specs:index', {
        project_id: request.ctx.projectId,
      }),
    );
  const list = async (request: ApiRequest, collection: string, view: typeof whole): Promise<unknown> => {
    const query = request.query as FlavorQuery;
    const flavors = await findFlavors(deps, request.ctx, query);
    const links = nextLinks(request, collection, { ids: flavors.map(({ id }) => id), limit: limitOf(query) });
    return {
      flavors: flavors.map((flavor) => view(request, flavor)),
      ...(links.length === 0 ? {} : { flavors_links: links }),
    };
  };
  return [
    route({
      method: 'GET',
      path: '/flavors',
      name: 'listFlavors',
      query: FlavorQuery,
      handler: (request) => list(request, 'flavors', briefFlavor),
    }),
    route({
      method: 'GET',
      path: '/flavors/detail',
      name: 'listFlavorsDetailed',
      query: FlavorQuery,
      handler: (request) => list(request, 'flavors/detail', whole),
    }),
    route({
      method: 'GET',
      path: '/flavors/:flavorId',
      name: 'showFlavor',
      handler: async (request) => ({
        flavor: whole(request, await showFlavor(deps, request.ctx, request.params['flavorId'] ?? '')),
      }),
    }),
    route({
      method: 'POST',
      path: '/flavors',
      name: 'createFlavor',
      policy: 'os_compute_api:os-flavor-manage:create',
      body: FlavorCreate,
      handler: async (request) => ({ flavor: whole(request, await createFlavor(deps, request.body.flavor)) }),
    }),
    route({
      method: 'PUT',
      path: '/flavors/:flavorId',
      name: 'updateFlavor',
      since: compute.flavorDescription,
      policy: 'os_compute_api:os-flavor-manage:update',
      body: FlavorUpdate,
      handler: async (request) => ({
        flavor: whole(
          request,
          await describeFlavor(deps, request.params['flavorId'] ?? '', request.body.flavor.description),
        ),
      }),
    }),
    route({
      method: 'DELETE',
      path: '/flavors/:flavorId',
      name: 'deleteFlavor',
      policy: 'os_compute_api:os-flavor-manage:delete',
      status: 202,
      handler: ({ params }) => removeFlavor(deps, params['flavorId'] ?? ''),
    }),
    route({
      method: 'GET',
      path: '/flavors/:flavorId/os-flavor-access',
      name: 'listFlavorAccess',
      policy: 'os_compute_api:os-flavor-access',
      handler: async ({ ctx, params }) => ({
        flavor_access: await findFlavorAccess(deps, ctx, params['flavorId'] ?? ''),
      }),
    }),
    route({
      method: 'POST',
      path: '/flavors/:flavorId/action',
      name: 'changeFlavorAccess',
      policy: 'os_compute_api:os-flavor-access:add_tenant_access',
      body: FlavorAction,
      handler: async ({ ctx, params, body, has }) => ({
        flavor_access: await changeFlavorAccess(deps, ctx, params['flavorId'] ?? '', {
          action: body,
          isStrict: has(compute.flavorAccessChecksPublic),
        }),
      }),
    }),
    ...extraSpecRoutes(deps),
  ];
};

const extraSpecRoutes = (deps: ComputeDeps): Route[] => [
  route({
    method: 'GET',
    path: '/flavors/:flavorId/os-extra_specs',
    name: 'listExtraSpecs',
    policy: 'os_compute_api:os-flavor-extra-specs:index',
    handler: async ({ ctx, params }) => ({
      extra_specs: (await showFlavor(deps, ctx, params['flavorId'] ?? '')).extraSpecs,
    }),
  }),
  route({
    method: 'POST',
    path: '/flavors/:flavorId/os-extra_specs',
    name: 'createExtraSpecs',
    policy: 'os_compute_api:os-flavor-extra-specs:create',
    body: ExtraSpecsCreate,
    handler: async ({ params, body, has }) => {
      await changeExtraSpecs(deps, params['flavorId'] ?? '', body.extra_specs, has(compute.validatedExtraSpecs));
      return body;
    },
  }),
  route({
    method: 'GET',
    path: '/flavors/:flavorId/os-extra_specs/:name',
    name: 'showExtraSpec',
    policy: 'os_compute_api:os-flavor-extra-specs:show',
    handler: async ({ ctx, params }) => {
      const name = params['name'] ?? '';
      return { [name]: await getExtraSpec(deps, ctx, params['flavorId'] ?? '', name) };
    },
  }),
  route({
    method: 'PUT',
    path: '/flavors/:flavorId/os-extra_specs/:name',
    name: 'updateExtraSpec',
    policy: 'os_compute_api:os-flavor-extra-specs:update',
    body: ExtraSpecUpdate,
    handler: async ({ params, body, has }) => {
      if (!Object.hasOwn(body, params['name'] ?? ''))
        throw new BadRequest('compute.flavor.extra_spec_mismatch', 'Request body and URI mismatch');
      await changeExtraSpecs(deps, params['flavorId'] ?? '', body, has(compute.validatedExtraSpecs));
      return body;
    },
  }),
  route({
    method: 'DELETE',
    path: '/flavors/:flavorId/os-extra_specs/:name',
    name: 'deleteExtraSpec',
    policy: 'os_compute_api:os-flavor-extra-specs:delete',
    handler: ({ params }) => removeExtraSpec(deps, params['flavorId'] ?? '', params['name'] ?? ''),
  }),
];
