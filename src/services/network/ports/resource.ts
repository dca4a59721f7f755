import { networkTarget } from '../networks/target.ts';
import { defineResource } from '../resources/resource.ts';
import { createPort, deletePort, updatePort } from './logic.ts';
import { portAttributes } from './schema.ts';
import { portNotFound, portSource } from './store.ts';
import { viewPorts } from './view.ts';

export const portResource = defineResource({
  singular: 'port',
  plural: 'ports',
  attributes: portAttributes,
  source: portSource,
  quota: 'port',
  notFound: portNotFound,
  view: viewPorts,
  target: networkTarget,
  targetFields: ['network_id', 'project_id'],
  create: createPort,
  update: updatePort,
  remove: deletePort,
});
