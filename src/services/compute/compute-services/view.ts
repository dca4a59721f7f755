import type { ApiRequest } from '#kernel/api/route.ts';
import { isoMicros } from '#kernel/wire-times.ts';
import { compute } from '../microversions.ts';
import { type ControllerService, INTERNAL_ZONE } from './controllers.ts';
import { BINARY, type HostService } from './logic.ts';

/** @see nova/api/openstack/compute/services.py, _get_service_detail */
export function serviceBody({ has }: Pick<ApiRequest, 'has'>, { host, zone, isUp }: HostService): unknown {
  return {
    binary: BINARY,
    host: host.hostname,
    id: has(compute.uuidsForServicesAndHypervisors) ? host.id : host.number,
    zone,
    status: host.is_disabled === 1 ? 'disabled' : 'enabled',
    state: isUp ? 'up' : 'down',
    updated_at: isoMicros(Math.max(host.last_seen_at, host.updated_at)),
    disabled_reason: host.disabled_reason,
    ...(has(compute.servicesForcedDown) ? { forced_down: host.is_forced_down === 1 } : {}),
  };
}

export function controllerServiceBody(
  { has }: Pick<ApiRequest, 'has'>,
  service: ControllerService,
  nowMs: number,
): unknown {
  return {
    binary: service.binary,
    host: service.host,
    id: has(compute.uuidsForServicesAndHypervisors) ? service.uuid : service.number,
    zone: INTERNAL_ZONE,
    status: 'enabled',
    state: 'up',
    updated_at: isoMicros(nowMs),
    disabled_reason: null,
    ...(has(compute.servicesForcedDown) ? { forced_down: false } : {}),
  };
}
