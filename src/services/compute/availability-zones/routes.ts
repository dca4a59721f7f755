import { type Route, route } from '#kernel/api/route.ts';
import { isoMicros } from '#kernel/wire-times.ts';
import { controllerServices, INTERNAL_ZONE } from '../compute-services/controllers.ts';
import type { ComputeDeps } from '../deps.ts';
import { listZones, type Zone } from './zones.ts';

/** @see https://docs.openstack.org/api-ref/compute/#availability-zones-os-availability-zone */
export const availabilityZoneRoutes = (deps: ComputeDeps): Route[] => [
  route({
    method: 'GET',
    path: '/os-availability-zone',
    name: 'listAvailabilityZones',
    policy: 'os_compute_api:os-availability-zone:list',
    handler: async () => ({ availabilityZoneInfo: (await listZones(deps.db)).map(zoneBody) }),
  }),
  route({
    method: 'GET',
    path: '/os-availability-zone/detail',
    name: 'listAvailabilityZonesDetailed',
    policy: 'os_compute_api:os-availability-zone:detail',
    handler: async () => ({
      availabilityZoneInfo: [
        internalZoneBody(deps),
        ...(await listZones(deps.db)).map((zone) => ({
          ...zoneBody(zone),
          hosts: zone.isAvailable ? hostsBody(deps, zone) : null,
        })),
      ],
    }),
  }),
];

function zoneBody(zone: Zone): Record<string, unknown> {
  return { zoneName: zone.name, zoneState: { available: zone.isAvailable }, hosts: null };
}

function hostsBody({ liveness }: Pick<ComputeDeps, 'liveness'>, zone: Zone): Record<string, unknown> {
  const entries = zone.hosts.map((host) => [
    host.hostname,
    {
      'nova-compute': { available: liveness.isUp(host), active: true, updated_at: isoMicros(host.last_seen_at) },
    },
  ]);
  return Object.fromEntries(entries);
}

/** The controller's own parts, for administrators. */
function internalZoneBody({ clock }: Pick<ComputeDeps, 'clock'>): Record<string, unknown> {
  const services = controllerServices();
  const updatedAt = isoMicros(clock.now().getTime());
  const state = { available: true, active: true, updated_at: updatedAt };
  const host = Object.fromEntries(services.map(({ binary }) => [binary, state]));
  return {
    zoneName: INTERNAL_ZONE,
    zoneState: { available: true },
    hosts: Object.fromEntries(services.map((service) => [service.host, host])),
  };
}
