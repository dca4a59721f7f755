import { networkTarget } from '../networks/target.ts';
import { defineResource } from '../resources/resource.ts';
import { createSubnet, deleteSubnet, updateSubnet } from './logic.ts';
import { subnetAttributes } from './schema.ts';
import { subnetNotFound, subnetSource } from './store.ts';
import { viewSubnets } from './view.ts';

export const subnetResource = defineResource({
  singular: 'subnet',
  plural: 'subnets',
  attributes: subnetAttributes,
  source: subnetSource,
  quota: 'subnet',
  notFound: subnetNotFound,
  view: viewSubnets,
  target: networkTarget,
  targetFields: ['network_id', 'project_id'],
  create: createSubnet,
  update: updateSubnet,
  remove: deleteSubnet,
});
