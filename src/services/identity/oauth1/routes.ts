import { Type } from 'typebox';
import { type ApiRequest, Reply, type Route, route } from '#kernel/api/route.ts';
import { RoleRefs } from '../application-credentials/schema.ts';
import { type IdentityDeps, v3Url } from '../deps.ts';
import { notFound } from '../errors.ts';
import { showRole } from '../roles/view.ts';
import { Description, nullable, OPEN, OPEN_UPDATE } from '../schemas.ts';
import { collection } from '../views.ts';
import {
  authorizeRequest,
  changeConsumer,
  createAccessToken,
  createConsumer,
  createRequestToken,
  readAccessToken,
  readAccessTokens,
  readConsumer,
  readConsumers,
  removeAccessToken,
  removeConsumer,
  rolesOfAccessToken,
  showAccessToken,
  showConsumer,
} from './logic.ts';

const fields = { description: Type.Optional(nullable(Description)) };
const CreateConsumerBody = Type.Object({ consumer: Type.Object(fields, OPEN) });
const UpdateConsumerBody = Type.Object({ consumer: Type.Object(fields, OPEN_UPDATE) });
const AuthorizeBody = Type.Object({ roles: RoleRefs });

const BASE = '/v3/OS-OAUTH1';
const TOKENS = '/v3/users/:userId/OS-OAUTH1/access_tokens';

export const oauth1Routes = (deps: IdentityDeps): Route[] => [
  route({
    method: 'GET',
    path: `${BASE}/consumers`,
    name: 'listConsumers',
    policy: 'identity:list_consumers',
    handler: (request) => readConsumers(deps, v3Url(request)),
  }),
  route({
    method: 'POST',
    path: `${BASE}/consumers`,
    name: 'createConsumer',
    policy: 'identity:create_consumer',
    status: 201,
    body: CreateConsumerBody,
    handler: async (request) => ({ consumer: await createConsumer(deps, request.body.consumer, v3Url(request)) }),
  }),
  route({
    method: 'GET',
    path: `${BASE}/consumers/:consumerId`,
    name: 'showConsumer',
    policy: 'identity:get_consumer',
    handler: async (request) => ({
      consumer: showConsumer(await readConsumer(deps, request.params['consumerId'] ?? ''), v3Url(request)),
    }),
  }),
  route({
    method: 'PATCH',
    path: `${BASE}/consumers/:consumerId`,
    name: 'updateConsumer',
    policy: 'identity:update_consumer',
    body: UpdateConsumerBody,
    handler: async (request) => {
      const row = await changeConsumer(deps, request.params['consumerId'] ?? '', request.body.consumer);
      return { consumer: showConsumer(row, v3Url(request)) };
    },
  }),
  route({
    method: 'DELETE',
    path: `${BASE}/consumers/:consumerId`,
    name: 'deleteConsumer',
    policy: 'identity:delete_consumer',
    status: 204,
    handler: ({ params }) => removeConsumer(deps, params['consumerId'] ?? ''),
  }),
  route({
    method: 'POST',
    path: `${BASE}/request_token`,
    name: 'createRequestToken',
    auth: 'none',
    bodyKind: 'raw',
    handler: async (request: ApiRequest) => form(await createRequestToken(deps, request)),
  }),
  route({
    method: 'PUT',
    path: `${BASE}/authorize/:tokenId`,
    name: 'authorizeRequestToken',
    policy: 'identity:authorize_request_token',
    body: AuthorizeBody,
    handler: ({ ctx, params, body }) => authorizeRequest(deps, ctx, params['tokenId'] ?? '', body.roles),
  }),
  route({
    method: 'POST',
    path: `${BASE}/access_token`,
    name: 'createAccessToken',
    auth: 'none',
    bodyKind: 'raw',
    handler: async (request: ApiRequest) => form(await createAccessToken(deps, request)),
  }),
  route({
    method: 'GET',
    path: TOKENS,
    name: 'listAccessTokens',
    policy: 'identity:list_access_tokens',
    handler: (request) => readAccessTokens(deps, request.params['userId'] ?? '', v3Url(request)),
  }),
  route({
    method: 'GET',
    path: `${TOKENS}/:tokenId`,
    name: 'showAccessToken',
    policy: 'identity:get_access_token',
    handler: async (request) => {
      const { userId = '', tokenId = '' } = request.params;
      return { access_token: showAccessToken(await readAccessToken(deps, userId, tokenId), v3Url(request)) };
    },
  }),
  route({
    method: 'DELETE',
    path: `${TOKENS}/:tokenId`,
    name: 'deleteAccessToken',
    policy: 'identity:delete_access_token',
    status: 204,
    handler: ({ params }) => removeAccessToken(deps, params['userId'] ?? '', params['tokenId'] ?? ''),
  }),
  route({
    method: 'GET',
    path: `${TOKENS}/:tokenId/roles`,
    name: 'listAccessTokenRoles',
    policy: 'identity:list_access_token_roles',
    handler: async (request) => {
      const { userId = '', tokenId = '' } = request.params;
      const roles = await rolesOfAccessToken(deps, await readAccessToken(deps, userId, tokenId));
      const shown = roles.map((role) => showRole(role, v3Url(request)));
      return collection(v3Url(request), `users/${userId}/OS-OAUTH1/access_tokens/${tokenId}/roles`, 'roles', shown);
    },
  }),
  route({
    method: 'GET',
    path: `${TOKENS}/:tokenId/roles/:roleId`,
    name: 'showAccessTokenRole',
    policy: 'identity:get_access_token_role',
    handler: async (request) => {
      const { userId = '', tokenId = '', roleId = '' } = request.params;
      const roles = await rolesOfAccessToken(deps, await readAccessToken(deps, userId, tokenId));
      const role = roles.find(({ id }) => id === roleId);
      if (role === undefined) throw notFound('role', roleId);
      return { role: showRole(role, v3Url(request)) };
    },
  }),
];

/** OAuth answers in a form's encoding. */
function form(values: Record<string, string>): Reply {
  return new Reply({
    status: 201,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(values).toString(),
  });
}
