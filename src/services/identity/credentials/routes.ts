import { type ApiRequest, Reply, type Route, route } from '#kernel/api/route.ts';
import { buildCatalog } from '../catalog/catalog.ts';
import { type IdentityDeps, v3Url } from '../deps.ts';
import { readQuery } from '../query.ts';
import type { Token } from '../tokens/model.ts';
import { showToken } from '../tokens/view.ts';
import { issueEc2Token, issueS3Token } from './ec2-token.ts';
import {
  changeCredential,
  createCredential,
  createEc2Credential,
  credentialTarget,
  getCredential,
  getEc2Credential,
  readCredentials,
  readEc2Credentials,
  removeCredential,
  showCredential,
  showEc2,
} from './logic.ts';
import { CreateCredentialBody, CreateEc2Body, Ec2TokenBody, UpdateCredentialBody } from './schema.ts';

export const credentialRoutes = (deps: IdentityDeps): Route[] => [
  route({
    method: 'GET',
    path: '/v3/credentials',
    name: 'listCredentials',
    documents: () => ({ policies: ['identity:list_credentials'] }),
    handler: (request) => {
      const { ctx } = request;
      const target = ctx.isSystemScoped ? {} : { target: { credential: { user_id: ctx.userId } } };
      deps.policy.enforce(ctx, 'identity:list_credentials', target);
      return readCredentials(deps, ctx, readQuery(request.query), v3Url(request));
    },
  }),
  route({
    method: 'POST',
    path: '/v3/credentials',
    name: 'createCredential',
    documents: () => ({ policies: ['identity:create_credential'] }),
    status: 201,
    body: CreateCredentialBody,
    handler: async (request) => {
      const { ctx, body } = request;
      const target = { target: { credential: { user_id: body.credential.user_id } } };
      deps.policy.enforce(ctx, 'identity:create_credential', target);
      return { credential: showCredential(deps, await createCredential(deps, ctx, body.credential), v3Url(request)) };
    },
  }),
  route({
    method: 'GET',
    path: '/v3/credentials/:credentialId',
    name: 'showCredential',
    documents: () => ({ policies: ['identity:get_credential'] }),
    handler: async (request) => {
      const id = request.params['credentialId'] ?? '';
      deps.policy.enforce(request.ctx, 'identity:get_credential', await credentialTarget(deps, id));
      return { credential: showCredential(deps, await getCredential(deps, id), v3Url(request)) };
    },
  }),
  route({
    method: 'PATCH',
    path: '/v3/credentials/:credentialId',
    name: 'updateCredential',
    documents: () => ({ policies: ['identity:update_credential'] }),
    body: UpdateCredentialBody,
    handler: async (request) => {
      const { ctx, params, body } = request;
      const id = params['credentialId'] ?? '';
      deps.policy.enforce(ctx, 'identity:update_credential', await credentialTarget(deps, id));
      const row = await changeCredential(deps, ctx, id, body.credential);
      return { credential: showCredential(deps, row, v3Url(request)) };
    },
  }),
  route({
    method: 'DELETE',
    path: '/v3/credentials/:credentialId',
    name: 'deleteCredential',
    documents: () => ({ policies: ['identity:delete_credential'] }),
    status: 204,
    handler: async ({ ctx, params }) => {
      const id = params['credentialId'] ?? '';
      deps.policy.enforce(ctx, 'identity:delete_credential', await credentialTarget(deps, id));
      await removeCredential(deps, ctx, id);
    },
  }),
  ...ec2Routes(deps),
];

const ec2Routes = (deps: IdentityDeps): Route[] => [
  route({
    method: 'GET',
    path: '/v3/users/:userId/credentials/OS-EC2',
    name: 'listEc2Credentials',
    handler: (request) => {
      const userId = request.params['userId'] ?? '';
      deps.policy.enforce(request.ctx, 'identity:ec2_list_credentials', { user_id: userId });
      return readEc2Credentials(deps, userId, v3Url(request));
    },
  }),
  route({
    method: 'POST',
    path: '/v3/users/:userId/credentials/OS-EC2',
    name: 'createEc2Credential',
    status: 201,
    body: CreateEc2Body,
    handler: async (request) => {
      const { ctx, body } = request;
      const userId = request.params['userId'] ?? '';
      deps.policy.enforce(ctx, 'identity:ec2_create_credential', { user_id: userId });
      return { credential: await createEc2Credential(deps, ctx, userId, body.tenant_id, v3Url(request)) };
    },
  }),
  route({
    method: 'GET',
    path: '/v3/users/:userId/credentials/OS-EC2/:access',
    name: 'showEc2Credential',
    handler: async (request) => {
      const { userId = '', access = '' } = request.params;
      deps.policy.enforce(request.ctx, 'identity:ec2_get_credential', ec2Target(userId));
      return { credential: showEc2(deps, await getEc2Credential(deps, userId, access), v3Url(request)) };
    },
  }),
  route({
    method: 'DELETE',
    path: '/v3/users/:userId/credentials/OS-EC2/:access',
    name: 'deleteEc2Credential',
    status: 204,
    handler: async ({ ctx, params }) => {
      const { userId = '', access = '' } = params;
      deps.policy.enforce(ctx, 'identity:ec2_delete_credential', ec2Target(userId));
      await removeCredential(deps, ctx, (await getEc2Credential(deps, userId, access)).id);
    },
  }),
  ...(['/v3/ec2tokens', '/v2.0/ec2tokens'] as const).map((path) =>
    route({
      method: 'POST',
      path,
      name: path === '/v3/ec2tokens' ? 'issueEc2Token' : 'issueEc2TokenV2',
      policy: 'identity:ec2tokens_validate',
      body: Ec2TokenBody,
      handler: async ({ body }) => show(deps, await issueEc2Token(deps, body), true),
    }),
  ),
  route({
    method: 'POST',
    path: '/v3/s3tokens',
    name: 'issueS3Token',
    policy: 'identity:s3tokens_validate',
    body: Ec2TokenBody,
    handler: async ({ body }: ApiRequest) => show(deps, await issueS3Token(deps, body), false),
  }),
];

/** A credential is looked for among the path's user's alone, so its owner is that user. */
function ec2Target(userId: string): Record<string, unknown> {
  return { user_id: userId, target: { credential: { user_id: userId } } };
}

async function show(deps: IdentityDeps, token: Token, withId: boolean): Promise<Reply> {
  const catalog = await buildCatalog(deps.db, { userId: token.user.id, projectId: token.project?.id ?? null });
  return new Reply({
    headers: { Vary: 'X-Auth-Token', ...(withId ? { 'X-Subject-Token': token.id } : {}) },
    body: showToken(token, catalog),
  });
}
