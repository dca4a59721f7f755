import { type Route, route } from '#kernel/api/route.ts';
import { type IdentityDeps, v3Url } from '../deps.ts';
import { readQuery } from '../query.ts';
import {
  changeLimit,
  changeRegisteredLimit,
  createLimits,
  createRegisteredLimits,
  LIMIT_MODELS,
  limitTarget,
  readLimit,
  readLimits,
  readRegisteredLimit,
  readRegisteredLimits,
  removeLimit,
  removeRegisteredLimit,
  showLimit,
  showRegisteredLimit,
} from './logic.ts';
import { CreateLimitsBody, CreateRegisteredLimitsBody, UpdateLimitBody, UpdateRegisteredLimitBody } from './schema.ts';

export const limitRoutes = (deps: IdentityDeps): Route[] => [
  route({
    method: 'GET',
    path: '/v3/registered_limits',
    name: 'listRegisteredLimits',
    policy: 'identity:list_registered_limits',
    handler: (request) => readRegisteredLimits(deps, readQuery(request.query), v3Url(request)),
  }),
  route({
    method: 'POST',
    path: '/v3/registered_limits',
    name: 'createRegisteredLimits',
    policy: 'identity:create_registered_limits',
    status: 201,
    body: CreateRegisteredLimitsBody,
    handler: async (request) => {
      const rows = await createRegisteredLimits(deps, request.body.registered_limits);
      return { registered_limits: rows.map((row) => showRegisteredLimit(row, v3Url(request))) };
    },
  }),
  route({
    method: 'GET',
    path: '/v3/registered_limits/:limitId',
    name: 'showRegisteredLimit',
    policy: 'identity:get_registered_limit',
    handler: async (request) => {
      const row = await readRegisteredLimit(deps, request.params['limitId'] ?? '');
      return { registered_limit: showRegisteredLimit(row, v3Url(request)) };
    },
  }),
  route({
    method: 'PATCH',
    path: '/v3/registered_limits/:limitId',
    name: 'updateRegisteredLimit',
    policy: 'identity:update_registered_limit',
    body: UpdateRegisteredLimitBody,
    handler: async (request) => {
      const row = await changeRegisteredLimit(deps, request.params['limitId'] ?? '', request.body.registered_limit);
      return { registered_limit: showRegisteredLimit(row, v3Url(request)) };
    },
  }),
  route({
    method: 'DELETE',
    path: '/v3/registered_limits/:limitId',
    name: 'deleteRegisteredLimit',
    policy: 'identity:delete_registered_limit',
    status: 204,
    handler: ({ params }) => removeRegisteredLimit(deps, params['limitId'] ?? ''),
  }),
  route({
    method: 'GET',
    path: '/v3/limits/model',
    name: 'showLimitModel',
    policy: 'identity:get_limit_model',
    handler: () => ({ model: LIMIT_MODELS[deps.config.limitModel] }),
  }),
  route({
    method: 'GET',
    path: '/v3/limits',
    name: 'listLimits',
    policy: 'identity:list_limits',
    handler: (request) => readLimits(deps, request.ctx, readQuery(request.query), v3Url(request)),
  }),
  route({
    method: 'POST',
    path: '/v3/limits',
    name: 'createLimits',
    policy: 'identity:create_limits',
    status: 201,
    body: CreateLimitsBody,
    handler: async (request) => {
      const rows = await createLimits(deps, request.body.limits);
      return { limits: rows.map((row) => showLimit(row, v3Url(request))) };
    },
  }),
  route({
    method: 'GET',
    path: '/v3/limits/:limitId',
    name: 'showLimit',
    documents: () => ({ policies: ['identity:get_limit'] }),
    handler: async (request) => {
      const id = request.params['limitId'] ?? '';
      deps.policy.enforce(request.ctx, 'identity:get_limit', await limitTarget(deps, id));
      return { limit: showLimit(await readLimit(deps, id), v3Url(request)) };
    },
  }),
  route({
    method: 'PATCH',
    path: '/v3/limits/:limitId',
    name: 'updateLimit',
    policy: 'identity:update_limit',
    body: UpdateLimitBody,
    handler: async (request) => {
      const row = await changeLimit(deps, request.params['limitId'] ?? '', request.body.limit);
      return { limit: showLimit(row, v3Url(request)) };
    },
  }),
  route({
    method: 'DELETE',
    path: '/v3/limits/:limitId',
    name: 'deleteLimit',
    policy: 'identity:delete_limit',
    status: 204,
    handler: ({ params }) => removeLimit(deps, params['limitId'] ?? ''),
  }),
];
