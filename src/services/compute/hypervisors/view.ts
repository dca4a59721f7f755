import type { ApiRequest } from '#kernel/api/route.ts';
import { compute } from '../microversions.ts';
import type { Hypervisor } from './logic.ts';

type Has = Pick<ApiRequest, 'has'>;

/** @see nova/api/openstack/compute/hypervisors.py, _view_hypervisor */
export function briefHypervisor({ has }: Has, { host, isUp, servers }: Hypervisor): Record<string, unknown> {
  const listed = servers?.map((server) => ({ name: server.name, uuid: server.id }));
  const areShown = listed !== undefined && (listed.length > 0 || has(compute.strictQueries));
  return {
    id: has(compute.uuidsForServicesAndHypervisors) ? host.id : host.number,
    hypervisor_hostname: host.hostname,
    state: isUp ? 'up' : 'down',
    status: host.is_disabled === 1 ? 'disabled' : 'enabled',
    ...(areShown ? { servers: listed } : {}),
  };
}

export function wholeHypervisor(request: Has, hypervisor: Hypervisor): Record<string, unknown> {
  const { has } = request;
  const { host, facts } = hypervisor;
  return {
    ...briefHypervisor(request, hypervisor),
    hypervisor_type: facts.hypervisor.type,
    hypervisor_version: facts.hypervisor.version,
    host_ip: facts.address,
    service: {
      id: has(compute.uuidsForServicesAndHypervisors) ? host.id : host.number,
      host: host.hostname,
      disabled_reason: host.disabled_reason,
    },
    ...(has(compute.hypervisorsReduced) ? { uptime: hypervisor.uptime } : resources(request, hypervisor)),
  };
}

function resources({ has }: Has, { facts, used, workload }: Hypervisor): Record<string, unknown> {
  const { cpu, vcpus, memoryMib, diskGib, freeDiskGib } = facts.hypervisor;
  const cpuInfo = {
    arch: cpu.arch,
    model: cpu.model,
    vendor: cpu.vendor,
    features: cpu.features,
    topology: { cores: cpu.cores, sockets: cpu.sockets, threads: cpu.threads },
  };
  return {
    vcpus,
    memory_mb: memoryMib,
    local_gb: diskGib,
    vcpus_used: used.vcpus,
    memory_mb_used: used.memoryMib,
    local_gb_used: used.diskGib,
    free_ram_mb: memoryMib - used.memoryMib,
    free_disk_gb: diskGib - used.diskGib,
    current_workload: workload.busy,
    running_vms: workload.servers,
    disk_available_least: freeDiskGib,
    cpu_info: has(compute.hypervisorCpuInfoObject) ? cpuInfo : JSON.stringify(cpuInfo),
  };
}
