import type { Heartbeat } from '#protocol/hosts.ts';

export const HOST = '55555555-5555-4555-8555-555555555555';
export const OTHER_HOST = '66666666-6666-4666-8666-666666666666';

/** What an agent says of a small host. */
export function heartbeatOf(id: string, hostname: string): Heartbeat {
  return {
    facts: {
      id,
      hostname,
      address: '192.0.2.11',
      agentVersion: '0.1.0',
      hypervisor: {
        type: 'QEMU',
        version: 7_002_022,
        virtType: 'qemu',
        cpu: { arch: 'x86_64', model: 'EPYC', vendor: 'AMD', cores: 2, sockets: 1, threads: 2, features: ['sse4_2'] },
        vcpus: 4,
        memoryMib: 8192,
        diskGib: 100,
        reservedMemoryMib: 512,
        usedMemoryMib: 1000,
        freeDiskGib: 90,
        uptimeSeconds: 90_000,
        traits: [],
      },
      network: { driver: 'fake', types: ['vxlan'], physicalNetworks: {}, tunnelAddress: null },
    },
    notices: [],
  };
}
