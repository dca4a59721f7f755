import { defineResource } from '../resources/resource.ts';
import { createRouter, deleteRouter, finishChange, updateRouter } from './logic.ts';
import { routerAttributes } from './schema.ts';
import { routerNotFound, routerSource } from './store.ts';
import { viewRouters } from './view.ts';

export const routerResource = defineResource({
  singular: 'router',
  plural: 'routers',
  attributes: routerAttributes,
  source: routerSource,
  quota: 'router',
  notFound: routerNotFound,
  view: viewRouters,
  create: async (write, values) => {
    const id = await createRouter(write, values);
    if (values.external_gateway_info) await finishChange(write, id);
    return id;
  },
  update: updateRouter,
  remove: deleteRouter,
});
