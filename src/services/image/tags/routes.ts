import { Reply, type Route, route } from '#kernel/api/route.ts';
import { addTag, removeTag, type TagDeps } from './logic.ts';

const TAG = '/v2/images/:imageId/tags/:tag';

export const tagRoutes = (deps: TagDeps): Route[] => [
  route({
    method: 'PUT',
    path: TAG,
    name: 'addImageTag',
    handler: async ({ ctx, params }) => {
      await addTag(deps, ctx, params['imageId'] ?? '', params['tag'] ?? '');
      return new Reply({ status: 204 });
    },
  }),
  route({
    method: 'DELETE',
    path: TAG,
    name: 'deleteImageTag',
    handler: async ({ ctx, params }) => {
      await removeTag(deps, ctx, params['imageId'] ?? '', params['tag'] ?? '');
      return new Reply({ status: 204 });
    },
  }),
];
