import { Reply, type Route, route } from '#kernel/api/route.ts';
import type { NetworkDeps } from '../deps.ts';
import { badBody } from '../errors.ts';
import { AnyBody } from '../resources/schema.ts';
import { listQuotas, resetQuota, showDefaults, showDetails, showQuota, updateQuota } from './logic.ts';

export const quotaRoutes = (deps: NetworkDeps): Route[] => [
  route({
    method: 'GET',
    path: '/v2.0/quotas',
    name: 'listQuotas',
    handler: async ({ ctx }) => ({ quotas: await listQuotas(deps, ctx) }),
  }),
  route({
    method: 'GET',
    path: '/v2.0/quotas/tenant',
    name: 'showOwnQuotaTenant',
    handler: ({ ctx }) => ({ tenant: { tenant_id: ownProject(ctx.projectId), project_id: ctx.projectId } }),
  }),
  route({
    method: 'GET',
    path: '/v2.0/quotas/project',
    name: 'showOwnQuotaProject',
    handler: ({ ctx }) => ({ project: { tenant_id: ownProject(ctx.projectId), project_id: ctx.projectId } }),
  }),
  route({
    method: 'GET',
    path: '/v2.0/quotas/:projectId',
    name: 'showQuota',
    handler: async ({ ctx, params }) => ({ quota: await showQuota(deps, ctx, params['projectId'] ?? '') }),
  }),
  route({
    method: 'GET',
    path: '/v2.0/quotas/:projectId/default',
    name: 'showDefaultQuota',
    handler: async ({ ctx, params }) => ({ quota: await showDefaults(deps, ctx, params['projectId'] ?? '') }),
  }),
  ...['details', 'details.json'].map((last) =>
    route({
      method: 'GET',
      path: `/v2.0/quotas/:projectId/${last}`,
      name: last === 'details' ? 'showQuotaDetails' : 'showQuotaDetailsJson',
      handler: async ({ ctx, params }) => ({ quota: await showDetails(deps, ctx, params['projectId'] ?? '') }),
    }),
  ),
  route({
    method: 'PUT',
    path: '/v2.0/quotas/:projectId',
    name: 'updateQuota',
    body: AnyBody,
    handler: async ({ ctx, params, body }) => ({
      quota: await updateQuota(deps, ctx, params['projectId'] ?? '', body),
    }),
  }),
  route({
    method: 'DELETE',
    path: '/v2.0/quotas/:projectId',
    name: 'resetQuota',
    status: 204,
    handler: async ({ ctx, params }) => {
      await resetQuota(deps, ctx, params['projectId'] ?? '');
      return new Reply({ status: 204 });
    },
  }),
];

function ownProject(projectId: string | null): string {
  if (projectId === null) throw badBody('Tenant-id was missing from quota request.');
  return projectId;
}
