import { Reply, type Route, route } from '#kernel/api/route.ts';
import { type CacheDeps, clearCache, queueForCache, removeFromCache, showCache } from './logic.ts';

export const cacheRoutes = (deps: CacheDeps): Route[] => [
  route({ method: 'GET', path: '/v2/cache', name: 'showCache', handler: ({ ctx }) => showCache(deps, ctx) }),
  route({
    method: 'DELETE',
    path: '/v2/cache',
    name: 'clearCache',
    documents: () => ({ policies: ['cache_delete'] }),
    handler: async ({ ctx, headers }) => {
      const target = headers['x-image-cache-clear-target'];
      await clearCache(deps, ctx, typeof target === 'string' ? target.trim().toLowerCase() : '');
      return new Reply({ status: 204 });
    },
  }),
  route({
    method: 'PUT',
    path: '/v2/cache/:imageId',
    name: 'queueForCache',
    documents: () => ({ policies: ['cache_image'] }),
    handler: async ({ ctx, params }) => {
      await queueForCache(deps, ctx, params['imageId'] ?? '');
      return new Reply({ status: 202 });
    },
  }),
  route({
    method: 'DELETE',
    path: '/v2/cache/:imageId',
    name: 'removeFromCache',
    documents: () => ({ policies: ['cache_delete'] }),
    handler: async ({ ctx, params }) => {
      await removeFromCache(deps, ctx, params['imageId'] ?? '');
      return new Reply({ status: 204 });
    },
  }),
];
