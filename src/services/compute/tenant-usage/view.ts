import { isoMicros, isoMicrosOrNull } from '#kernel/wire-times.ts';
import type { ServerUsage, UsageReport } from './logic.ts';

/**
 * One summary per project.
 * @see nova/api/openstack/compute/simple_tenant_usage.py
 */
export function projectUsages({ window, servers }: UsageReport, withServers: boolean): Record<string, unknown>[] {
  const byProject = Map.groupBy(servers, ({ server }) => server.project_id);
  return [...byProject].map(([projectId, usages]) => {
    const sum = (of: (usage: ServerUsage) => number): number => usages.reduce((total, usage) => total + of(usage), 0);
    return {
      tenant_id: projectId,
      ...(withServers ? { server_usages: usages.map(serverUsage) } : {}),
      total_local_gb_usage: sum((usage) => diskGib(usage) * usage.hours),
      total_vcpus_usage: sum(({ server, hours }) => server.flavor.vcpus * hours),
      total_memory_mb_usage: sum(({ server, hours }) => server.flavor.memoryMib * hours),
      total_hours: sum(({ hours }) => hours),
      start: isoMicros(window.start),
      stop: isoMicros(window.end),
    };
  });
}

function serverUsage(usage: ServerUsage): Record<string, unknown> {
  const { server, hours, uptimeSeconds } = usage;
  return {
    hours,
    flavor: server.flavor.name,
    instance_id: server.id,
    name: server.name,
    tenant_id: server.project_id,
    memory_mb: server.flavor.memoryMib,
    local_gb: diskGib(usage),
    vcpus: server.flavor.vcpus,
    started_at: isoMicros(server.launched_at),
    ended_at: isoMicrosOrNull(server.terminated_at),
    state: server.terminated_at === null ? server.vm_state : 'terminated',
    uptime: uptimeSeconds,
  };
}

function diskGib({ server }: ServerUsage): number {
  return server.flavor.rootGib + server.flavor.ephemeralGib;
}
