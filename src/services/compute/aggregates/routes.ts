import { type Route, route } from '#kernel/api/route.ts';
import type { ComputeDeps } from '../deps.ts';
import {
  actOnAggregate,
  changeAggregate,
  createAggregate,
  findAggregates,
  readAggregateId,
  removeAggregate,
  showAggregate,
} from './logic.ts';
import { AggregateAction, AggregateCreate, AggregateUpdate } from './schema.ts';
import { briefAggregate, wholeAggregate } from './view.ts';

const rule = (verb: string): string => `os_compute_api:os-aggregates:${verb}`;

/** @see https://docs.openstack.org/api-ref/compute/#host-aggregates-os-aggregates */
export const aggregateRoutes = (deps: ComputeDeps): Route[] => [
  route({
    method: 'GET',
    path: '/os-aggregates',
    name: 'listAggregates',
    policy: rule('index'),
    handler: async (request) => ({
      aggregates: (await findAggregates(deps.db)).map((aggregate) => wholeAggregate(request, aggregate)),
    }),
  }),
  route({
    method: 'POST',
    path: '/os-aggregates',
    name: 'createAggregate',
    policy: rule('create'),
    body: AggregateCreate,
    handler: async (request) => ({
      aggregate: briefAggregate(request, await createAggregate(deps, request.body.aggregate)),
    }),
  }),
  route({
    method: 'GET',
    path: '/os-aggregates/:aggregateId',
    name: 'showAggregate',
    policy: rule('show'),
    handler: async (request) => ({
      aggregate: wholeAggregate(request, await showAggregate(deps.db, readAggregateId(request.params['aggregateId']))),
    }),
  }),
  route({
    method: 'PUT',
    path: '/os-aggregates/:aggregateId',
    name: 'updateAggregate',
    policy: rule('update'),
    body: AggregateUpdate,
    handler: async (request) => ({
      aggregate: wholeAggregate(
        request,
        await changeAggregate(deps, readAggregateId(request.params['aggregateId']), request.body.aggregate),
      ),
    }),
  }),
  route({
    method: 'DELETE',
    path: '/os-aggregates/:aggregateId',
    name: 'deleteAggregate',
    policy: rule('delete'),
    handler: ({ params }) => removeAggregate(deps, readAggregateId(params['aggregateId'])),
  }),
  route({
    method: 'POST',
    path: '/os-aggregates/:aggregateId/action',
    name: 'actOnAggregate',
    documents: () => ({
      policies: [
        'os_compute_api:os-aggregates:add_host',
        'os_compute_api:os-aggregates:remove_host',
        'os_compute_api:os-aggregates:set_metadata',
      ],
    }),
    body: AggregateAction,
    handler: async (request) => ({
      aggregate: wholeAggregate(
        request,
        await actOnAggregate(deps, request.ctx, readAggregateId(request.params['aggregateId']), request.body),
      ),
    }),
  }),
];
