import { Type } from 'typebox';
import { Reply, type Route, route } from '#kernel/api/route.ts';
import { deleteFromStore } from './delete-from-store.ts';
import { parseImport } from './request.ts';
import { type ImportDeps, startImport } from './start.ts';

export const importRoutes = (deps: ImportDeps): Route[] => [
  route({
    method: 'POST',
    path: '/v2/images/:imageId/import',
    name: 'importImage',
    body: Type.Any(),
    handler: async ({ ctx, params, body, headers }) => {
      const store = headers['x-image-meta-store'];
      const request = parseImport(body, typeof store === 'string' ? store : undefined, deps.downloadRules);
      await startImport(deps, ctx, params['imageId'] ?? '', request);
      return new Reply({ status: 202 });
    },
  }),
  route({
    method: 'DELETE',
    path: '/v2/stores/:storeId/:imageId',
    name: 'deleteImageFromStore',
    documents: () => ({ policies: ['get_image_location', 'delete_image_location'] }),
    handler: async ({ ctx, params }) => {
      await deleteFromStore(deps, ctx, params['storeId'] ?? '', params['imageId'] ?? '');
      return new Reply({ status: 204 });
    },
  }),
];
