import { type Static, Type } from 'typebox';
import { type Route, route } from '#kernel/api/route.ts';
import { since } from '#kernel/api/schema.ts';
import type { ComputeDeps } from '../deps.ts';
import { queryOf } from '../fields.ts';
import { compute } from '../microversions.ts';
import { limitOf, MAX_PAGE, nextLinks, pagingFields } from '../paging.ts';
import { findActions, showAction } from './logic.ts';
import { briefAction, wholeAction } from './view.ts';

const Time = Type.Optional(Type.String({ format: 'date-time' }));
const ActionQuery = queryOf(
  {
    limit: since(compute.actionPaging, pagingFields.limit),
    marker: since(compute.actionPaging, pagingFields.marker),
    'changes-since': since(compute.actionPaging, Time),
    'changes-before': since(compute.changesBefore, Time),
  },
  compute.actionPaging,
);
type ActionQuery = Static<typeof ActionQuery>;

/** @see https://docs.openstack.org/api-ref/compute/#servers-actions-servers-os-instance-actions */
export const instanceActionRoutes = (deps: ComputeDeps): Route[] => [
  route({
    method: 'GET',
    path: '/servers/:serverId/os-instance-actions',
    name: 'listInstanceActions',
    documents: () => ({ policies: ['os_compute_api:os-instance-actions:list'] }),
    query: ActionQuery,
    handler: async (request) => {
      const serverId = request.params['serverId'] ?? '';
      const isPaged = request.has(compute.actionPaging);
      const query: ActionQuery = isPaged ? request.query : {};
      const actions = await findActions(deps, request.ctx, serverId, {
        changedSince: timeOf(query['changes-since']),
        changedBefore: request.has(compute.changesBefore) ? timeOf(query['changes-before']) : undefined,
        marker: query.marker,
        limit: isPaged ? limitOf(query) : MAX_PAGE,
        withDeleted: request.has(compute.deletedServerActions),
      });
      const page = { ids: actions.map((action) => action.request_id), limit: limitOf(query) };
      const links = isPaged ? nextLinks(request, `servers/${serverId}/os-instance-actions`, page) : [];
      return {
        instanceActions: actions.map((action) => briefAction(request, action)),
        ...(links.length === 0 ? {} : { links }),
      };
    },
  }),
  route({
    method: 'GET',
    path: '/servers/:serverId/os-instance-actions/:requestId',
    name: 'showInstanceAction',
    documents: () => ({
      policies: ['os_compute_api:os-instance-actions:show', 'os_compute_api:os-instance-actions:events'],
    }),
    handler: async (request) => {
      const found = await showAction(deps, request.ctx, request.params['serverId'] ?? '', {
        requestId: request.params['requestId'] ?? '',
        withDeleted: request.has(compute.deletedServerActions),
      });
      return { instanceAction: wholeAction(request, found) };
    },
  }),
];

function timeOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Date.parse(text);
}
