import type { ApiRequest } from '#kernel/api/route.ts';
import { isoMicros, isoMicrosOrNull } from '#kernel/wire-times.ts';
import { compute } from '../microversions.ts';
import { type Aggregate, ZONE_KEY } from './store.ts';

/** @see nova/api/openstack/compute/aggregates.py, _marshall_aggregate */
export function briefAggregate({ has }: Pick<ApiRequest, 'has'>, aggregate: Aggregate): Record<string, unknown> {
  return {
    id: aggregate.number,
    ...(has(compute.aggregateUuid) ? { uuid: aggregate.uuid } : {}),
    name: aggregate.name,
    availability_zone: aggregate.metadata[ZONE_KEY] ?? null,
    created_at: isoMicros(aggregate.created_at),
    updated_at: isoMicrosOrNull(aggregate.updated_at),
    deleted_at: null,
    deleted: false,
  };
}

export function wholeAggregate(request: Pick<ApiRequest, 'has'>, aggregate: Aggregate): Record<string, unknown> {
  return {
    ...briefAggregate(request, aggregate),
    hosts: aggregate.hosts.map(({ hostname }) => hostname),
    metadata: aggregate.metadata,
  };
}
