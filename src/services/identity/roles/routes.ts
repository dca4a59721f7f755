import { Reply, type Route, route } from '#kernel/api/route.ts';
import { type IdentityDeps, v3Url } from '../deps.ts';
import { readQuery } from '../query.ts';
import {
  addImplication,
  changeRole,
  createRole,
  enforceOnRole,
  readInferences,
  readRole,
  readRoles,
  readRule,
  readRulesOf,
  removeImplication,
  removeRole,
} from './logic.ts';
import { CreateRoleBody, UpdateRoleBody } from './schema.ts';
import type { Implication } from './store.ts';
import { showRole, showRuleRole } from './view.ts';

export const roleRoutes = (deps: IdentityDeps): Route[] => [
  route({
    method: 'GET',
    path: '/v3/roles',
    name: 'listRoles',
    documents: () => ({ policies: ['identity:list_roles', 'identity:list_domain_roles'] }),
    handler: (request) => {
      const query = readQuery(request.query);
      const rule = query['domain_id'] === undefined ? 'identity:list_roles' : 'identity:list_domain_roles';
      deps.policy.enforce(request.ctx, rule);
      return readRoles(deps, query, v3Url(request));
    },
  }),
  route({
    method: 'POST',
    path: '/v3/roles',
    name: 'createRole',
    documents: () => ({ policies: ['identity:create_domain_role', 'identity:create_role'] }),
    status: 201,
    body: CreateRoleBody,
    handler: async (request) => {
      const { role } = request.body;
      deps.policy.enforce(request.ctx, role.domain_id ? 'identity:create_domain_role' : 'identity:create_role');
      return { role: showRole(await createRole(deps, role), v3Url(request)) };
    },
  }),
  route({
    method: 'GET',
    path: '/v3/roles/:roleId',
    name: 'showRole',
    handler: async (request) => {
      const id = request.params['roleId'] ?? '';
      await enforceOnRole(deps, request.ctx, 'get', id);
      return { role: showRole(await readRole(deps, id), v3Url(request)) };
    },
  }),
  route({
    method: 'PATCH',
    path: '/v3/roles/:roleId',
    name: 'updateRole',
    body: UpdateRoleBody,
    handler: async (request) => {
      const id = request.params['roleId'] ?? '';
      await enforceOnRole(deps, request.ctx, 'update', id);
      return { role: showRole(await changeRole(deps, id, request.body.role), v3Url(request)) };
    },
  }),
  route({
    method: 'DELETE',
    path: '/v3/roles/:roleId',
    name: 'deleteRole',
    status: 204,
    handler: async ({ ctx, params }) => {
      const id = params['roleId'] ?? '';
      await enforceOnRole(deps, ctx, 'delete', id);
      await removeRole(deps, id);
    },
  }),
  route({
    method: 'GET',
    path: '/v3/role_inferences',
    name: 'listRoleInferences',
    policy: 'identity:list_role_inference_rules',
    handler: (request) => readInferences(deps, v3Url(request)),
  }),
  route({
    method: 'GET',
    path: '/v3/roles/:priorId/implies',
    name: 'listImpliedRoles',
    policy: 'identity:list_implied_roles',
    handler: async (request) => {
      const { prior, implied } = await readRulesOf(deps, request.params['priorId'] ?? '');
      const url = v3Url(request);
      return {
        role_inference: { prior_role: showRuleRole(prior, url), implies: implied.map((r) => showRuleRole(r, url)) },
        links: { self: `${url}/roles/${prior.id}/implies` },
      };
    },
  }),
  route({
    method: 'PUT',
    path: '/v3/roles/:priorId/implies/:impliedId',
    name: 'createImpliedRole',
    policy: 'identity:create_implied_role',
    status: 201,
    handler: async (request) => {
      const rule = ruleOf(request.params);
      await addImplication(deps, rule);
      return showRule(deps, rule, v3Url(request));
    },
  }),
  route({
    method: 'GET',
    path: '/v3/roles/:priorId/implies/:impliedId',
    name: 'showImpliedRole',
    policy: 'identity:get_implied_role',
    handler: async (request) => {
      const body = await showRule(deps, ruleOf(request.params), v3Url(request));
      return request.raw.method === 'HEAD' ? new Reply({ status: 204 }) : body;
    },
  }),
  route({
    method: 'DELETE',
    path: '/v3/roles/:priorId/implies/:impliedId',
    name: 'deleteImpliedRole',
    policy: 'identity:delete_implied_role',
    status: 204,
    handler: ({ params }) => removeImplication(deps, ruleOf(params)),
  }),
];

function ruleOf(params: Record<string, string>): Implication {
  return { prior_role_id: params['priorId'] ?? '', implied_role_id: params['impliedId'] ?? '' };
}

async function showRule(deps: IdentityDeps, rule: Implication, url: string): Promise<Record<string, unknown>> {
  const { prior, implied } = await readRule(deps, rule);
  return {
    role_inference: { prior_role: showRuleRole(prior, url), implies: showRuleRole(implied, url) },
    links: { self: `${url}/roles/${prior.id}/implies/${implied.id}` },
  };
}
