import { type ApiRequest, type Route, route } from '#kernel/api/route.ts';
import { Conflict } from '#kernel/errors.ts';
import type { GuestDiagnostics } from '#protocol/agent.ts';
import type { ComputeDeps } from '../deps.ts';
import { compute } from '../microversions.ts';
import { openServer } from './access.ts';
import type { Server } from './store.ts';

const KIB = 1024;

/** Momentary figures of guests, the password that a guest has posted, and the security groups of a server's ports. */
export const serverDiagnosticsRoutes = (deps: ComputeDeps): Route[] => [
  route({
    method: 'GET',
    path: '/servers/:serverId/diagnostics',
    name: 'showServerDiagnostics',
    documents: () => ({ policies: ['os_compute_api:os-server-diagnostics'] }),
    handler: async (request) => {
      const id = request.params['serverId'] ?? '';
      const server = await openServer(deps, request.ctx, id, 'os_compute_api:os-server-diagnostics');
      if (server.host_id === null || server.vm_state !== 'active')
        throw new Conflict(
          'compute.server.wrong_state',
          `Cannot 'get_diagnostics' instance ${id} while it is in vm_state ${server.vm_state}`,
        );
      const found = await deps.agents.agentOf(server.host_id).diagnostics(id);
      return view(request, server, found);
    },
  }),
];

function view(request: ApiRequest, server: Server, found: GuestDiagnostics): Record<string, unknown> {
  if (!request.has(compute.standardDiagnostics)) return oldView(found);
  return {
    state: 'running',
    driver: 'libvirt',
    hypervisor: 'kvm',
    hypervisor_os: 'linux',
    uptime: found.uptimeSeconds,
    config_drive: server.has_config_drive === 1,
    num_cpus: found.cpus.length,
    num_nics: found.nics.length,
    num_disks: found.disks.length,
    cpu_details: found.cpus.map((cpu, id) => ({ id, time: cpu.timeNs, utilisation: cpu.utilisationPercent })),
    nic_details: found.nics.map((nic) => ({
      mac_address: nic.macAddress,
      rx_octets: nic.rxBytes,
      rx_packets: nic.rxPackets,
      rx_errors: nic.rxErrors,
      rx_drop: nic.rxDrops,
      rx_rate: null,
      tx_octets: nic.txBytes,
      tx_packets: nic.txPackets,
      tx_errors: nic.txErrors,
      tx_drop: nic.txDrops,
      tx_rate: null,
    })),
    disk_details: found.disks.map((disk) => ({
      read_bytes: disk.readBytes,
      read_requests: disk.readRequests,
      write_bytes: disk.writeBytes,
      write_requests: disk.writeRequests,
      errors_count: disk.errors,
    })),
    memory_details: { maximum: found.memoryMib, used: found.usedMemoryMib },
  };
}

/** As libvirt's driver had it before there was a standard. */
function oldView(found: GuestDiagnostics): Record<string, number> {
  const figures: Record<string, number> = { memory: found.memoryMib * KIB };
  if (found.usedMemoryMib !== null) figures['memory-actual'] = found.usedMemoryMib * KIB;
  found.cpus.forEach((cpu, i) => {
    figures[`cpu${i}_time`] = cpu.timeNs;
  });
  found.disks.forEach((disk, i) => {
    const name = `vd${String.fromCodePoint(97 + i)}`;
    figures[`${name}_read`] = disk.readBytes;
    figures[`${name}_read_req`] = disk.readRequests;
    figures[`${name}_write`] = disk.writeBytes;
    figures[`${name}_write_req`] = disk.writeRequests;
    figures[`${name}_errors`] = disk.errors;
  });
  found.nics.forEach((nic, i) => {
    const name = `tap${i}`;
    figures[`${name}_rx`] = nic.rxBytes;
    figures[`${name}_rx_packets`] = nic.rxPackets;
    figures[`${name}_tx`] = nic.txBytes;
    figures[`${name}_tx_packets`] = nic.txPackets;
  });
  return figures;
}
