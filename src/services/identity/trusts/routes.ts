import { type Route, route } from '#kernel/api/route.ts';
import { type IdentityDeps, v3Url } from '../deps.ts';
import { notFound } from '../errors.ts';
import { readQuery } from '../query.ts';
import { showRole } from '../roles/view.ts';
import { createTrust, getTrust, readTrustRoles, readTrusts, removeTrust, trustTarget } from './logic.ts';
import { CreateTrustBody } from './schema.ts';
import { showTrustWithRoles } from './view.ts';

export const trustRoutes = (deps: IdentityDeps): Route[] => [
  route({
    method: 'GET',
    path: '/v3/OS-TRUST/trusts',
    name: 'listTrusts',
    documents: () => ({
      policies: ['identity:list_trusts_for_trustor', 'identity:list_trusts_for_trustee', 'identity:list_trusts'],
    }),
    handler: (request) => {
      const query = readQuery(request.query);
      const [trustorId, trusteeId] = [query['trustor_user_id'], query['trustee_user_id']];
      const enforce = (rule: string, trust: object) => deps.policy.enforce(request.ctx, rule, { target: { trust } });
      if (trustorId !== undefined) enforce('identity:list_trusts_for_trustor', { trustor_user_id: trustorId });
      else if (trusteeId !== undefined) enforce('identity:list_trusts_for_trustee', { trustee_user_id: trusteeId });
      else deps.policy.enforce(request.ctx, 'identity:list_trusts');
      return readTrusts(deps, { trustorId, trusteeId }, v3Url(request));
    },
  }),
  route({
    method: 'POST',
    path: '/v3/OS-TRUST/trusts',
    name: 'createTrust',
    documents: () => ({ policies: ['identity:create_trust'] }),
    status: 201,
    body: CreateTrustBody,
    handler: async (request) => {
      const { ctx, body } = request;
      deps.policy.enforce(ctx, 'identity:create_trust', { trust: { trustor_user_id: body.trust.trustor_user_id } });
      const { row, roles } = await createTrust(deps, ctx, body.trust);
      return { trust: showTrustWithRoles(row, roles, v3Url(request)) };
    },
  }),
  route({
    method: 'GET',
    path: '/v3/OS-TRUST/trusts/:trustId',
    name: 'showTrust',
    documents: () => ({ policies: ['identity:get_trust'] }),
    handler: async (request) => {
      const row = await getTrust(deps, request.params['trustId'] ?? '');
      deps.policy.enforce(request.ctx, 'identity:get_trust', trustTarget(row));
      return { trust: showTrustWithRoles(row, await readTrustRoles(deps, row), v3Url(request)) };
    },
  }),
  route({
    method: 'DELETE',
    path: '/v3/OS-TRUST/trusts/:trustId',
    name: 'deleteTrust',
    documents: () => ({ policies: ['identity:delete_trust'] }),
    status: 204,
    handler: async ({ ctx, params }) => {
      const row = await getTrust(deps, params['trustId'] ?? '');
      deps.policy.enforce(ctx, 'identity:delete_trust', trustTarget(row));
      await removeTrust(deps, ctx, row);
    },
  }),
  route({
    method: 'GET',
    path: '/v3/OS-TRUST/trusts/:trustId/roles',
    name: 'listTrustRoles',
    documents: () => ({ policies: ['identity:list_roles_for_trust'] }),
    handler: async (request) => {
      const row = await getTrust(deps, request.params['trustId'] ?? '');
      deps.policy.enforce(request.ctx, 'identity:list_roles_for_trust', trustTarget(row));
      const shown = showTrustWithRoles(row, await readTrustRoles(deps, row), v3Url(request));
      return { roles: shown['roles'], links: shown['roles_links'] };
    },
  }),
  route({
    method: 'GET',
    path: '/v3/OS-TRUST/trusts/:trustId/roles/:roleId',
    name: 'showTrustRole',
    documents: () => ({ policies: ['identity:get_role_for_trust'] }),
    handler: async (request) => {
      const { trustId = '', roleId = '' } = request.params;
      const row = await getTrust(deps, trustId);
      deps.policy.enforce(request.ctx, 'identity:get_role_for_trust', trustTarget(row));
      const role = (await readTrustRoles(deps, row)).find(({ id }) => id === roleId);
      if (role === undefined) throw notFound('role', roleId);
      return { role: showRole(role, v3Url(request)) };
    },
  }),
];
