import { type Route, route } from '#kernel/api/route.ts';
import { showEndpoint } from '../catalog/view.ts';
import { type IdentityDeps, v3Url } from '../deps.ts';
import { readQuery } from '../query.ts';
import { collection } from '../views.ts';
import {
  addEndpoint,
  addGroup,
  changeEndpointGroup,
  checkEndpoint,
  checkGroup,
  createEndpointGroup,
  endpointsOfGroup,
  endpointsOfProject,
  groupsOfProject,
  readEndpointGroup,
  readEndpointGroups,
  readProjectsOfEndpoint,
  readProjectsOfGroup,
  removeEndpointGroup,
  removeEndpointOf,
  removeGroupOf,
  showEndpointGroup,
} from './logic.ts';
import { CreateEndpointGroupBody, UpdateEndpointGroupBody } from './schema.ts';

const BASE = '/v3/OS-EP-FILTER';

export const endpointFilterRoutes = (deps: IdentityDeps): Route[] => [
  route({
    method: 'GET',
    path: `${BASE}/endpoint_groups`,
    name: 'listEndpointGroups',
    policy: 'identity:list_endpoint_groups',
    handler: (request) => readEndpointGroups(deps, readQuery(request.query), v3Url(request)),
  }),
  route({
    method: 'POST',
    path: `${BASE}/endpoint_groups`,
    name: 'createEndpointGroup',
    policy: 'identity:create_endpoint_group',
    status: 201,
    body: CreateEndpointGroupBody,
    handler: async (request) => {
      const row = await createEndpointGroup(deps, request.body.endpoint_group);
      return { endpoint_group: showEndpointGroup(row, v3Url(request)) };
    },
  }),
  route({
    method: 'GET',
    path: `${BASE}/endpoint_groups/:groupId`,
    name: 'showEndpointGroup',
    policy: 'identity:get_endpoint_group',
    handler: async (request) => {
      const row = await readEndpointGroup(deps, request.params['groupId'] ?? '');
      return { endpoint_group: showEndpointGroup(row, v3Url(request)) };
    },
  }),
  route({
    method: 'PATCH',
    path: `${BASE}/endpoint_groups/:groupId`,
    name: 'updateEndpointGroup',
    policy: 'identity:update_endpoint_group',
    body: UpdateEndpointGroupBody,
    handler: async (request) => {
      const row = await changeEndpointGroup(deps, request.params['groupId'] ?? '', request.body.endpoint_group);
      return { endpoint_group: showEndpointGroup(row, v3Url(request)) };
    },
  }),
  route({
    method: 'DELETE',
    path: `${BASE}/endpoint_groups/:groupId`,
    name: 'deleteEndpointGroup',
    policy: 'identity:delete_endpoint_group',
    status: 204,
    handler: ({ params }) => removeEndpointGroup(deps, params['groupId'] ?? ''),
  }),
  route({
    method: 'GET',
    path: `${BASE}/endpoint_groups/:groupId/endpoints`,
    name: 'listEndpointsOfGroup',
    policy: 'identity:list_endpoints_associated_with_endpoint_group',
    handler: async (request) => {
      const id = request.params['groupId'] ?? '';
      const shown = (await endpointsOfGroup(deps, id)).map((row) => showEndpoint(row, v3Url(request)));
      return collection(v3Url(request), `OS-EP-FILTER/endpoint_groups/${id}/endpoints`, 'endpoints', shown);
    },
  }),
  route({
    method: 'GET',
    path: `${BASE}/endpoint_groups/:groupId/projects`,
    name: 'listProjectsOfEndpointGroup',
    policy: 'identity:list_projects_associated_with_endpoint_group',
    handler: (request) => readProjectsOfGroup(deps, request.params['groupId'] ?? '', v3Url(request)),
  }),
  route({
    method: 'PUT',
    path: `${BASE}/endpoint_groups/:groupId/projects/:projectId`,
    name: 'addEndpointGroupToProject',
    policy: 'identity:add_endpoint_group_to_project',
    status: 204,
    handler: ({ params }) => addGroup(deps, params['projectId'] ?? '', params['groupId'] ?? ''),
  }),
  route({
    method: 'GET',
    path: `${BASE}/endpoint_groups/:groupId/projects/:projectId`,
    name: 'showEndpointGroupOfProject',
    policy: 'identity:get_endpoint_group_in_project',
    handler: async (request) => {
      const { groupId = '', projectId = '' } = request.params;
      await checkGroup(deps, projectId, groupId);
      const self = `${v3Url(request)}/OS-EP-FILTER/endpoint_groups/${groupId}/projects/${projectId}`;
      return {
        project_endpoint_group: { endpoint_group_id: groupId, project_id: projectId, links: { self } },
      };
    },
  }),
  route({
    method: 'DELETE',
    path: `${BASE}/endpoint_groups/:groupId/projects/:projectId`,
    name: 'removeEndpointGroupFromProject',
    policy: 'identity:remove_endpoint_group_from_project',
    status: 204,
    handler: ({ params }) => removeGroupOf(deps, params['projectId'] ?? '', params['groupId'] ?? ''),
  }),
  route({
    method: 'GET',
    path: `${BASE}/projects/:projectId/endpoint_groups`,
    name: 'listEndpointGroupsOfProject',
    policy: 'identity:list_endpoint_groups_for_project',
    handler: async (request) => {
      const id = request.params['projectId'] ?? '';
      const shown = (await groupsOfProject(deps, id)).map((row) => showEndpointGroup(row, v3Url(request)));
      return collection(v3Url(request), `OS-EP-FILTER/projects/${id}/endpoint_groups`, 'endpoint_groups', shown);
    },
  }),
  route({
    method: 'GET',
    path: `${BASE}/projects/:projectId/endpoints`,
    name: 'listEndpointsOfProject',
    policy: 'identity:list_endpoints_for_project',
    handler: async (request) => {
      const id = request.params['projectId'] ?? '';
      const shown = (await endpointsOfProject(deps, id)).map((row) => showEndpoint(row, v3Url(request)));
      return collection(v3Url(request), `OS-EP-FILTER/projects/${id}/endpoints`, 'endpoints', shown);
    },
  }),
  route({
    method: 'GET',
    path: `${BASE}/endpoints/:endpointId/projects`,
    name: 'listProjectsOfEndpoint',
    policy: 'identity:list_projects_for_endpoint',
    handler: (request) => readProjectsOfEndpoint(deps, request.params['endpointId'] ?? '', v3Url(request)),
  }),
  route({
    method: 'PUT',
    path: `${BASE}/projects/:projectId/endpoints/:endpointId`,
    name: 'addEndpointToProject',
    policy: 'identity:add_endpoint_to_project',
    status: 204,
    handler: ({ params }) => addEndpoint(deps, params['projectId'] ?? '', params['endpointId'] ?? ''),
  }),
  route({
    method: 'GET',
    path: `${BASE}/projects/:projectId/endpoints/:endpointId`,
    name: 'checkEndpointOfProject',
    policy: 'identity:check_endpoint_in_project',
    status: 204,
    handler: ({ params }) => checkEndpoint(deps, params['projectId'] ?? '', params['endpointId'] ?? ''),
  }),
  route({
    method: 'DELETE',
    path: `${BASE}/projects/:projectId/endpoints/:endpointId`,
    name: 'removeEndpointFromProject',
    policy: 'identity:remove_endpoint_from_project',
    status: 204,
    handler: ({ params }) => removeEndpointOf(deps, params['projectId'] ?? '', params['endpointId'] ?? ''),
  }),
];
