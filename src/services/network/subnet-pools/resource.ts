import { defineResource } from '../resources/resource.ts';
import { createSubnetPool, deleteSubnetPool, updateSubnetPool, viewSubnetPools } from './logic.ts';
import { subnetPoolAttributes } from './schema.ts';
import { subnetPoolNotFound, subnetPoolSource } from './store.ts';

export const subnetPoolResource = defineResource({
  singular: 'subnetpool',
  plural: 'subnetpools',
  attributes: subnetPoolAttributes,
  source: subnetPoolSource,
  quota: 'subnetpool',
  notFound: subnetPoolNotFound,
  view: viewSubnetPools,
  create: createSubnetPool,
  update: updateSubnetPool,
  remove: deleteSubnetPool,
});
