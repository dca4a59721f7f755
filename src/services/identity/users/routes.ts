import { type Route, route } from '#kernel/api/route.ts';
import { type IdentityDeps, v3Url } from '../deps.ts';
import { domainForNew, listTarget } from '../domain-of.ts';
import { readQuery } from '../query.ts';
import { readProjectsOfUser, readUser, readUsers, showOneUser } from './list.ts';
import { changeUser, createUser, removeUser, userTarget } from './logic.ts';
import { ChangePasswordBody, CreateUserBody, UpdateUserBody } from './schema.ts';
import { changeOwnPassword } from './set-password.ts';

export const userRoutes = (deps: IdentityDeps): Route[] => [
  route({
    method: 'GET',
    path: '/v3/users',
    name: 'listUsers',
    documents: () => ({ policies: ['identity:list_users'] }),
    handler: (request) => {
      deps.policy.enforce(request.ctx, 'identity:list_users', listTarget(request.ctx));
      return readUsers(deps, request.ctx, readQuery(request.query), v3Url(request));
    },
  }),
  route({
    method: 'POST',
    path: '/v3/users',
    name: 'createUser',
    documents: () => ({ policies: ['identity:create_user'] }),
    status: 201,
    body: CreateUserBody,
    handler: async (request) => {
      const { ctx, body } = request;
      const target = { target: { user: { domain_id: domainForNew(ctx, body.user.domain_id) } } };
      deps.policy.enforce(ctx, 'identity:create_user', target);
      return { user: await showOneUser(deps, await createUser(deps, ctx, body.user), v3Url(request)) };
    },
  }),
  route({
    method: 'GET',
    path: '/v3/users/:userId',
    name: 'showUser',
    documents: () => ({ policies: ['identity:get_user'] }),
    handler: async (request) => {
      const id = request.params['userId'] ?? '';
      deps.policy.enforce(request.ctx, 'identity:get_user', await userTarget(deps, id));
      return { user: await readUser(deps, id, v3Url(request)) };
    },
  }),
  route({
    method: 'PATCH',
    path: '/v3/users/:userId',
    name: 'updateUser',
    documents: () => ({ policies: ['identity:update_user'] }),
    body: UpdateUserBody,
    handler: async (request) => {
      const id = request.params['userId'] ?? '';
      deps.policy.enforce(request.ctx, 'identity:update_user', await userTarget(deps, id));
      return { user: await showOneUser(deps, await changeUser(deps, id, request.body.user), v3Url(request)) };
    },
  }),
  route({
    method: 'DELETE',
    path: '/v3/users/:userId',
    name: 'deleteUser',
    documents: () => ({ policies: ['identity:delete_user'] }),
    status: 204,
    handler: async ({ ctx, params }) => {
      const id = params['userId'] ?? '';
      deps.policy.enforce(ctx, 'identity:delete_user', await userTarget(deps, id));
      await removeUser(deps, id);
    },
  }),
  route({
    method: 'GET',
    path: '/v3/users/:userId/projects',
    name: 'listUserProjects',
    documents: () => ({ policies: ['identity:list_user_projects'] }),
    handler: async (request) => {
      const id = request.params['userId'] ?? '';
      deps.policy.enforce(request.ctx, 'identity:list_user_projects', await userTarget(deps, id));
      return readProjectsOfUser(deps, id, readQuery(request.query), v3Url(request));
    },
  }),
  route({
    method: 'POST',
    path: '/v3/users/:userId/password',
    name: 'changePassword',
    auth: 'none',
    status: 204,
    body: ChangePasswordBody,
    handler: ({ params, body }) => changeOwnPassword(deps, params['userId'] ?? '', body.user),
  }),
];
