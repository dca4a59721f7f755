import { toBit } from '#kernel/db/json.ts';
import { BadRequest, NotFound, NotImplementedHere } from '#kernel/errors.ts';
import { controllerServices, INTERNAL_ZONE } from '../compute-services/controllers.ts';
import { findServices } from '../compute-services/logic.ts';
import { updateHostOperation } from '../compute-services/store.ts';
import type { ComputeDeps } from '../deps.ts';
import { findHostByName } from '../hosts/store.ts';
import { showHypervisor } from '../hypervisors/logic.ts';
import { listServersOfHosts, type ServerOfHost } from '../hypervisors/store.ts';

type Deps = Pick<ComputeDeps, 'db' | 'clock' | 'liveness' | 'placement'>;

/** Hosts that are not disabled, perhaps of one zone. */
export async function findLegacyHosts(deps: Deps, zone: string | undefined): Promise<unknown[]> {
  const services = await findServices(deps, {});
  const controllers = controllerServices()
    .filter(() => (zone ?? '') === '' || zone === INTERNAL_ZONE)
    .map(({ host, topic }) => ({ host_name: host, service: topic, zone: INTERNAL_ZONE }));
  const hosts = services
    .filter((service) => service.host.is_disabled === 0 && ((zone ?? '') === '' || service.zone === zone))
    .map((service) => ({ host_name: service.host.hostname, service: 'compute', zone: service.zone }));
  return [...controllers, ...hosts];
}

interface Resource {
  readonly host: string;
  readonly project: string;
  readonly cpu: number;
  readonly memory_mb: number;
  readonly disk_gb: number;
}

/** What a host has, what of it is in use, and by which project. @throws {NotFound} `compute.host.absent` */
export async function describeLegacyHost(deps: Deps, hostname: string): Promise<{ resource: Resource }[]> {
  const host = await findHostByName(deps.db, hostname);
  if (host === undefined) throw absent(hostname);
  const { facts, used } = await showHypervisor(deps, host.id, { isUuid: true, withServers: false });
  const servers = await listServersOfHosts(deps.db, [host.id]);
  const { vcpus, memoryMib, diskGib } = facts.hypervisor;
  const of = (project: string, cpu: number, memoryMib_: number, diskGib_: number): { resource: Resource } => ({
    resource: { host: hostname, project, cpu, memory_mb: memoryMib_, disk_gb: diskGib_ },
  });
  const sum = (project: string, group: readonly ServerOfHost[]): { resource: Resource } =>
    of(
      project,
      group.reduce((total, server) => total + server.vcpus, 0),
      group.reduce((total, server) => total + server.memory_mib, 0),
      group.reduce((total, server) => total + server.diskGib, 0),
    );
  const byProject = Map.groupBy(servers, (server) => server.project_id);
  return [
    of('(total)', vcpus, memoryMib, diskGib),
    of('(used_now)', used.vcpus, used.memoryMib, used.diskGib),
    sum('(used_max)', servers),
    ...[...byProject].map(([project, group]) => sum(project, group)),
  ];
}

export interface LegacyUpdate {
  readonly status?: string | undefined;
  readonly maintenance_mode?: string | undefined;
}

/** @throws {NotFound} `compute.host.absent`; {NotImplementedHere} for maintenance mode, which no driver has. */
export async function changeLegacyHost(deps: Deps, hostname: string, wanted: LegacyUpdate): Promise<unknown> {
  const host = await findHostByName(deps.db, hostname);
  if (host === undefined) throw absent(hostname);
  if (wanted.maintenance_mode !== undefined) throw unsupported();
  if (wanted.status === undefined) throw new BadRequest('compute.invalid_input', "'status' is a required property");
  const isEnabled = wanted.status.toLowerCase() === 'enable';
  const operation = { is_disabled: toBit(!isEnabled), disabled_reason: null };
  await updateHostOperation(deps.db, host.id, operation, deps.clock.now().getTime());
  return { host: hostname, status: isEnabled ? 'enabled' : 'disabled' };
}

/** Turning hosts on and off is no business of a cloud's API. @throws {NotFound}, {NotImplementedHere} */
export async function powerLegacyHost(deps: Deps, hostname: string): Promise<never> {
  if ((await findHostByName(deps.db, hostname)) === undefined) throw absent(hostname);
  throw unsupported();
}

function absent(hostname: string): NotFound {
  return new NotFound('compute.host.absent', `Compute host ${hostname.slice(0, 255)} could not be found.`);
}

function unsupported(): NotImplementedHere {
  return new NotImplementedHere('compute.not_supported', 'The requested functionality is not supported.');
}
