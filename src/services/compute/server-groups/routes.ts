import { type ApiRequest, type Route, route } from '#kernel/api/route.ts';
import type { ComputeDeps } from '../deps.ts';
import { wholeNumber } from '../fields.ts';
import { compute } from '../microversions.ts';
import {
  createServerGroup,
  findServerGroups,
  removeServerGroup,
  type ServerGroupWanted,
  showServerGroup,
} from './logic.ts';
import { ServerGroupCreate21, ServerGroupCreate215, ServerGroupCreate264, ServerGroupQuery } from './schema.ts';
import type { ServerGroupPolicy } from './tables.ts';
import { serverGroupBody } from './view.ts';

interface WithPolicies {
  readonly name: string;
  readonly policies: readonly ServerGroupPolicy[];
}

/** @see https://docs.openstack.org/api-ref/compute/#server-groups-os-server-groups */
export const serverGroupRoutes = (deps: ComputeDeps): Route[] => {
  const create = async (request: ApiRequest, wanted: ServerGroupWanted): Promise<unknown> => ({
    server_group: serverGroupBody(request, await createServerGroup(deps, request.ctx, wanted)),
  });
  const createFromList = (request: ApiRequest, { name, policies }: WithPolicies): Promise<unknown> =>
    create(request, { name, policy: policies[0] ?? 'anti-affinity', maxServerPerHost: undefined });
  const creation = {
    method: 'POST',
    path: '/os-server-groups',
    name: 'createServerGroup',
    policy: 'os_compute_api:os-server-groups:create',
  } as const;
  return [
    route({
      method: 'GET',
      path: '/os-server-groups',
      name: 'listServerGroups',
      policy: 'os_compute_api:os-server-groups:index',
      query: ServerGroupQuery,
      handler: async (request) => {
        const groups = await findServerGroups(deps, request.ctx, request.query);
        return { server_groups: groups.map((group) => serverGroupBody(request, group)) };
      },
    }),
    route({
      ...creation,
      before: compute.softServerGroups,
      body: ServerGroupCreate21,
      handler: (request) => createFromList(request, request.body.server_group),
    }),
    route({
      ...creation,
      since: compute.softServerGroups,
      before: compute.serverGroupPolicy,
      body: ServerGroupCreate215,
      handler: (request) => createFromList(request, request.body.server_group),
    }),
    route({
      ...creation,
      since: compute.serverGroupPolicy,
      body: ServerGroupCreate264,
      handler: (request) => {
        const { name, policy, rules } = request.body.server_group;
        const max = rules?.max_server_per_host;
        return create(request, {
          name,
          policy,
          maxServerPerHost: max === undefined ? undefined : wholeNumber(max, 'max_server_per_host', 1),
        });
      },
    }),
    route({
      method: 'GET',
      path: '/os-server-groups/:groupId',
      name: 'showServerGroup',
      documents: () => ({ policies: ['os_compute_api:os-server-groups:show'] }),
      handler: async (request) => ({
        server_group: serverGroupBody(
          request,
          await showServerGroup(deps, request.ctx, request.params['groupId'] ?? ''),
        ),
      }),
    }),
    route({
      method: 'DELETE',
      path: '/os-server-groups/:groupId',
      name: 'deleteServerGroup',
      documents: () => ({ policies: ['os_compute_api:os-server-groups:delete'] }),
      status: 204,
      handler: ({ ctx, params }) => removeServerGroup(deps, ctx, params['groupId'] ?? ''),
    }),
  ];
};
