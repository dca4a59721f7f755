import { type Route, route } from '#kernel/api/route.ts';
import type { ComputeDeps } from '../deps.ts';
import {
  changeClassLimits,
  changeLimits,
  resetLimits,
  showClassLimits,
  showDefaultLimits,
  showLimits,
  showLimitsAndUsage,
} from './logic.ts';
import { QuotaClassUpdate, QuotaQuery, QuotaSetUpdate } from './schema.ts';
import { detailedQuotaSet, quotaClassSet, quotaSet } from './view.ts';

/** @see https://docs.openstack.org/api-ref/compute/#quota-sets-os-quota-sets */
export const quotaRoutes = (deps: ComputeDeps): Route[] => [
  route({
    method: 'GET',
    path: '/os-quota-sets/:projectId',
    name: 'showQuota',
    documents: () => ({ policies: ['os_compute_api:os-quota-sets:show'] }),
    query: QuotaQuery,
    handler: async (request) => {
      const projectId = request.params['projectId'] ?? '';
      const limits = await showLimits(deps, request.ctx, { projectId, userId: request.query.user_id });
      return { quota_set: quotaSet(request, limits, projectId) };
    },
  }),
  route({
    method: 'GET',
    path: '/os-quota-sets/:projectId/detail',
    name: 'showQuotaDetail',
    documents: () => ({ policies: ['os_compute_api:os-quota-sets:detail'] }),
    query: QuotaQuery,
    handler: async (request) => {
      const projectId = request.params['projectId'] ?? '';
      const owner = { projectId, userId: request.query.user_id };
      const { limits, usage } = await showLimitsAndUsage(deps, request.ctx, owner);
      return { quota_set: detailedQuotaSet(request, limits, usage, projectId) };
    },
  }),
  route({
    method: 'GET',
    path: '/os-quota-sets/:projectId/defaults',
    name: 'showQuotaDefaults',
    policy: 'os_compute_api:os-quota-sets:defaults',
    handler: async (request) => {
      const projectId = request.params['projectId'] ?? '';
      return { quota_set: quotaSet(request, await showDefaultLimits(deps, projectId), projectId) };
    },
  }),
  route({
    method: 'PUT',
    path: '/os-quota-sets/:projectId',
    name: 'updateQuota',
    policy: 'os_compute_api:os-quota-sets:update',
    query: QuotaQuery,
    body: QuotaSetUpdate,
    handler: async (request) => {
      const owner = { projectId: request.params['projectId'] ?? '', userId: request.query.user_id };
      return { quota_set: quotaSet(request, await changeLimits(deps, request.ctx, owner, request.body.quota_set)) };
    },
  }),
  route({
    method: 'DELETE',
    path: '/os-quota-sets/:projectId',
    name: 'deleteQuota',
    policy: 'os_compute_api:os-quota-sets:delete',
    query: QuotaQuery,
    status: 202,
    handler: ({ ctx, params, query }) =>
      resetLimits(deps, ctx, { projectId: params['projectId'] ?? '', userId: query.user_id }),
  }),
  route({
    method: 'GET',
    path: '/os-quota-class-sets/:name',
    name: 'showQuotaClass',
    policy: 'os_compute_api:os-quota-class-sets:show',
    handler: async (request) => {
      const name = request.params['name'] ?? '';
      return { quota_class_set: quotaClassSet(request, await showClassLimits(deps, name), name) };
    },
  }),
  route({
    method: 'PUT',
    path: '/os-quota-class-sets/:name',
    name: 'updateQuotaClass',
    policy: 'os_compute_api:os-quota-class-sets:update',
    body: QuotaClassUpdate,
    handler: async (request) => ({
      quota_class_set: quotaClassSet(
        request,
        await changeClassLimits(deps, request.params['name'] ?? '', request.body.quota_class_set),
      ),
    }),
  }),
];
