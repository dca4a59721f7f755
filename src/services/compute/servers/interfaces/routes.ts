import { type ApiRequest, type Route, route } from '#kernel/api/route.ts';
import type { ComputeDeps } from '../../deps.ts';
import { compute } from '../../microversions.ts';
import { type Attachment, attachInterface, detachInterface, getInterface, listInterfaces } from './logic.ts';
import { AttachBody } from './schema.ts';

const all = '/servers/:serverId/os-interface';
const one = '/servers/:serverId/os-interface/:portId';
const idOf = ({ params }: Pick<ApiRequest, 'params'>): string => params['serverId'] ?? '';

/** @see https://docs.openstack.org/api-ref/compute/#port-interfaces-servers-os-interface */
export const serverInterfaceRoutes = (deps: ComputeDeps): Route[] => [
  route({
    method: 'GET',
    path: all,
    name: 'listServerInterfaces',
    handler: async (request) => {
      const found = await listInterfaces(deps, request.ctx, idOf(request), 'list');
      return { interfaceAttachments: found.map((attachment) => view(request, attachment)) };
    },
  }),
  route({
    method: 'GET',
    path: one,
    name: 'showServerInterface',
    handler: async (request) => {
      const found = await getInterface(deps, request.ctx, idOf(request), request.params['portId'] ?? '');
      return { interfaceAttachment: view(request, found) };
    },
  }),
  route({
    method: 'POST',
    path: all,
    name: 'createServerInterface',
    documents: () => ({ policies: ['os_compute_api:os-attach-interfaces:create'] }),
    body: AttachBody,
    handler: async (request) => {
      const made = await attachInterface(deps, request.ctx, idOf(request), request.body.interfaceAttachment);
      return { interfaceAttachment: view(request, made) };
    },
  }),
  route({
    method: 'DELETE',
    path: one,
    name: 'deleteServerInterface',
    documents: () => ({ policies: ['os_compute_api:os-attach-interfaces:delete'] }),
    status: 202,
    handler: (request) => detachInterface(deps, request.ctx, idOf(request), request.params['portId'] ?? ''),
  }),
];

function view({ has }: Pick<ApiRequest, 'has'>, { port, tag }: Attachment): Record<string, unknown> {
  return {
    net_id: port.networkId,
    port_id: port.portId,
    mac_addr: port.macAddress,
    port_state: port.status,
    fixed_ips: port.fixedIps.map(({ subnetId, address }) => ({ subnet_id: subnetId, ip_address: address })),
    ...(has(compute.tagsOfAttachments) ? { tag } : {}),
  };
}
