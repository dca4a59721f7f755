import { type Route, route } from '#kernel/api/route.ts';
import { type IdentityDeps, v3Url } from '../deps.ts';
import { domainForNew } from '../domain-of.ts';
import { readQuery } from '../query.ts';
import { readUsersOfGroup } from '../users/list.ts';
import {
  addMember,
  changeGroup,
  checkMember,
  createGroup,
  groupTarget,
  readGroup,
  readGroups,
  readGroupsOfUser,
  removeGroup,
  removeMember,
} from './logic.ts';
import { CreateGroupBody, UpdateGroupBody } from './schema.ts';
import { showGroup } from './view.ts';

export const groupRoutes = (deps: IdentityDeps): Route[] => [
  route({
    method: 'GET',
    path: '/v3/groups',
    name: 'listGroups',
    documents: () => ({ policies: ['identity:list_groups'] }),
    handler: (request) => {
      const { ctx } = request;
      const target = ctx.domainId === null ? {} : { target: { group: { domain_id: ctx.domainId } } };
      deps.policy.enforce(ctx, 'identity:list_groups', target);
      return readGroups(deps, ctx, readQuery(request.query), v3Url(request));
    },
  }),
  route({
    method: 'POST',
    path: '/v3/groups',
    name: 'createGroup',
    documents: () => ({ policies: ['identity:create_group'] }),
    status: 201,
    body: CreateGroupBody,
    handler: async (request) => {
      const { ctx, body } = request;
      const target = { target: { group: { domain_id: domainForNew(ctx, body.group.domain_id) } } };
      deps.policy.enforce(ctx, 'identity:create_group', target);
      return { group: showGroup(await createGroup(deps, ctx, body.group), v3Url(request)) };
    },
  }),
  route({
    method: 'GET',
    path: '/v3/groups/:groupId',
    name: 'showGroup',
    documents: () => ({ policies: ['identity:get_group'] }),
    handler: async (request) => {
      const id = request.params['groupId'] ?? '';
      deps.policy.enforce(request.ctx, 'identity:get_group', await groupTarget(deps, id));
      return { group: showGroup(await readGroup(deps, id), v3Url(request)) };
    },
  }),
  route({
    method: 'PATCH',
    path: '/v3/groups/:groupId',
    name: 'updateGroup',
    documents: () => ({ policies: ['identity:update_group'] }),
    body: UpdateGroupBody,
    handler: async (request) => {
      const id = request.params['groupId'] ?? '';
      deps.policy.enforce(request.ctx, 'identity:update_group', await groupTarget(deps, id));
      return { group: showGroup(await changeGroup(deps, id, request.body.group), v3Url(request)) };
    },
  }),
  route({
    method: 'DELETE',
    path: '/v3/groups/:groupId',
    name: 'deleteGroup',
    documents: () => ({ policies: ['identity:delete_group'] }),
    status: 204,
    handler: async ({ ctx, params }) => {
      const id = params['groupId'] ?? '';
      deps.policy.enforce(ctx, 'identity:delete_group', await groupTarget(deps, id));
      await removeGroup(deps, id);
    },
  }),
  route({
    method: 'GET',
    path: '/v3/groups/:groupId/users',
    name: 'listGroupMembers',
    documents: () => ({ policies: ['identity:list_users_in_group'] }),
    handler: async (request) => {
      const id = request.params['groupId'] ?? '';
      deps.policy.enforce(request.ctx, 'identity:list_users_in_group', await groupTarget(deps, id));
      return readUsersOfGroup(deps, request.ctx, await readGroup(deps, id), readQuery(request.query), v3Url(request));
    },
  }),
  route({
    method: 'PUT',
    path: '/v3/groups/:groupId/users/:userId',
    name: 'addGroupMember',
    documents: () => ({ policies: ['identity:add_user_to_group'] }),
    status: 204,
    handler: async ({ ctx, params }) => {
      const { groupId = '', userId = '' } = params;
      deps.policy.enforce(ctx, 'identity:add_user_to_group', await groupTarget(deps, groupId, userId));
      await addMember(deps, groupId, userId);
    },
  }),
  route({
    method: ['HEAD', 'GET'],
    path: '/v3/groups/:groupId/users/:userId',
    name: 'checkGroupMember',
    documents: () => ({ policies: ['identity:check_user_in_group'] }),
    status: 204,
    handler: async ({ ctx, params }) => {
      const { groupId = '', userId = '' } = params;
      deps.policy.enforce(ctx, 'identity:check_user_in_group', await groupTarget(deps, groupId, userId));
      await checkMember(deps, groupId, userId);
    },
  }),
  route({
    method: 'DELETE',
    path: '/v3/groups/:groupId/users/:userId',
    name: 'removeGroupMember',
    documents: () => ({ policies: ['identity:remove_user_from_group'] }),
    status: 204,
    handler: async ({ ctx, params }) => {
      const { groupId = '', userId = '' } = params;
      deps.policy.enforce(ctx, 'identity:remove_user_from_group', await groupTarget(deps, groupId, userId));
      await removeMember(deps, groupId, userId);
    },
  }),
  route({
    method: 'GET',
    path: '/v3/users/:userId/groups',
    name: 'listUserGroups',
    documents: () => ({ policies: ['identity:list_groups_for_user'] }),
    handler: async (request) => {
      const id = request.params['userId'] ?? '';
      const target = { ...(await groupTarget(deps, undefined, id)), user_id: id };
      deps.policy.enforce(request.ctx, 'identity:list_groups_for_user', target);
      return readGroupsOfUser(deps, request.ctx, id, readQuery(request.query), v3Url(request));
    },
  }),
];
