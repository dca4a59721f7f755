import { type Route, route } from '#kernel/api/route.ts';
import { type IdentityDeps, v3Url } from '../deps.ts';
import { readQuery } from '../query.ts';
import { userTarget } from '../users/logic.ts';
import {
  createApplicationCredential,
  ownerOf,
  readAccessRule,
  readAccessRules,
  readApplicationCredential,
  readApplicationCredentials,
  removeAccessRule,
  removeApplicationCredential,
} from './logic.ts';
import { CreateApplicationCredentialBody } from './schema.ts';
import { showAccessRule } from './view.ts';

export const applicationCredentialRoutes = (deps: IdentityDeps): Route[] => [
  route({
    method: 'GET',
    path: '/v3/users/:userId/application_credentials',
    name: 'listApplicationCredentials',
    documents: () => ({ policies: ['identity:list_application_credentials'] }),
    handler: (request) => {
      const userId = request.params['userId'] ?? '';
      deps.policy.enforce(request.ctx, 'identity:list_application_credentials', { user_id: userId });
      return readApplicationCredentials(deps, userId, readQuery(request.query), v3Url(request));
    },
  }),
  route({
    method: 'POST',
    path: '/v3/users/:userId/application_credentials',
    name: 'createApplicationCredential',
    documents: () => ({ policies: ['identity:create_application_credential'] }),
    status: 201,
    body: CreateApplicationCredentialBody,
    handler: async (request) => {
      const { ctx, body } = request;
      const userId = request.params['userId'] ?? '';
      deps.policy.enforce(ctx, 'identity:create_application_credential', { user_id: userId });
      const given = body.application_credential;
      return { application_credential: await createApplicationCredential(deps, ctx, userId, given, v3Url(request)) };
    },
  }),
  route({
    method: 'GET',
    path: '/v3/users/:userId/application_credentials/:credentialId',
    name: 'showApplicationCredential',
    documents: () => ({ policies: ['identity:get_application_credential'] }),
    handler: async (request) => {
      const { userId = '', credentialId = '' } = request.params;
      const target = { user_id: await ownerOf(deps, credentialId, userId) };
      deps.policy.enforce(request.ctx, 'identity:get_application_credential', target);
      return { application_credential: await readApplicationCredential(deps, credentialId, v3Url(request)) };
    },
  }),
  route({
    method: 'DELETE',
    path: '/v3/users/:userId/application_credentials/:credentialId',
    name: 'deleteApplicationCredential',
    documents: () => ({ policies: ['identity:delete_application_credential'] }),
    status: 204,
    handler: async ({ ctx, params }) => {
      const { userId = '', credentialId = '' } = params;
      const target = { user_id: await ownerOf(deps, credentialId, userId) };
      deps.policy.enforce(ctx, 'identity:delete_application_credential', target);
      await removeApplicationCredential(deps, ctx, credentialId);
    },
  }),
  route({
    method: 'GET',
    path: '/v3/users/:userId/access_rules',
    name: 'listAccessRules',
    documents: () => ({ policies: ['identity:list_access_rules'] }),
    handler: async (request) => {
      const userId = request.params['userId'] ?? '';
      deps.policy.enforce(request.ctx, 'identity:list_access_rules', await userTarget(deps, userId));
      return readAccessRules(deps, userId, readQuery(request.query), v3Url(request));
    },
  }),
  route({
    method: 'GET',
    path: '/v3/users/:userId/access_rules/:ruleId',
    name: 'showAccessRule',
    documents: () => ({ policies: ['identity:get_access_rule'] }),
    handler: async (request) => {
      const { userId = '', ruleId = '' } = request.params;
      deps.policy.enforce(request.ctx, 'identity:get_access_rule', await userTarget(deps, userId));
      return { access_rule: showAccessRule(await readAccessRule(deps, userId, ruleId), v3Url(request)) };
    },
  }),
  route({
    method: 'DELETE',
    path: '/v3/users/:userId/access_rules/:ruleId',
    name: 'deleteAccessRule',
    documents: () => ({ policies: ['identity:delete_access_rule'] }),
    status: 204,
    handler: async ({ ctx, params }) => {
      const { userId = '', ruleId = '' } = params;
      deps.policy.enforce(ctx, 'identity:delete_access_rule', await userTarget(deps, userId));
      await removeAccessRule(deps, userId, ruleId);
    },
  }),
];
