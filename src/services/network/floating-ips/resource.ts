import { defineResource } from '../resources/resource.ts';
import { createFloatingIp, deleteFloatingIp, updateFloatingIp } from './logic.ts';
import { floatingIpAttributes } from './schema.ts';
import { floatingIpNotFound, floatingIpSource } from './store.ts';
import { viewFloatingIps } from './view.ts';

export const floatingIpResource = defineResource({
  singular: 'floatingip',
  plural: 'floatingips',
  attributes: floatingIpAttributes,
  source: floatingIpSource,
  quota: 'floatingip',
  notFound: floatingIpNotFound,
  view: viewFloatingIps,
  create: createFloatingIp,
  update: updateFloatingIp,
  remove: deleteFloatingIp,
});
