import { defineResource } from '../resources/resource.ts';
import { createNetwork, deleteNetwork, updateNetwork } from './logic.ts';
import { networkAttributes } from './schema.ts';
import { networkNotFound, networkSource } from './store.ts';
import { viewNetworks } from './view.ts';

export const networkResource = defineResource({
  singular: 'network',
  plural: 'networks',
  attributes: networkAttributes,
  source: networkSource,
  quota: 'network',
  notFound: networkNotFound,
  view: viewNetworks,
  create: createNetwork,
  update: updateNetwork,
  remove: deleteNetwork,
});
