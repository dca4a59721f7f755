import { describe, expect, it } from 'vitest';
import type { HypervisorFacts, NetworkFacts } from '#protocol/hosts.ts';
import { hostNotices } from './notices.ts';

const HYPERVISOR: HypervisorFacts = {
  type: 'QEMU',
  version: 7_002_022,
  virtType: 'kvm',
  cpu: { arch: 'x86_64', model: 'm', vendor: 'v', cores: 2, sockets: 1, threads: 1, features: [] },
  vcpus: 2,
  memoryMib: 8_000,
  diskGib: 100,
  reservedMemoryMib: 512,
  usedMemoryMib: 2_000,
  freeDiskGib: 50,
  uptimeSeconds: 1,
  traits: [],
};
const NETWORK: NetworkFacts = {
  driver: 'linux-bridge',
  types: ['vxlan', 'local', 'flat'],
  physicalNetworks: { public: 'eth0' },
  tunnelAddress: null,
};
const codes = (hypervisor: Partial<HypervisorFacts>, network: Partial<NetworkFacts> = {}): string[] =>
  hostNotices({ ...HYPERVISOR, ...hypervisor }, { ...NETWORK, ...network }).map(({ code }) => code);

describe('the notices of a host', () => {
  it('are none when all is well', () => {
    expect(codes({})).toEqual([]);
  });

  it.each([
    [{ virtType: 'qemu' }, {}, 'host.emulated'],
    [{ freeDiskGib: 4 }, {}, 'host.disk_low'],
    [{ usedMemoryMib: 7_700 }, {}, 'host.memory_low'],
    [{}, { types: ['vxlan'] }, 'host.no_way_out'],
  ] as const)('tell of %j %j', (hypervisor, network, code) => {
    expect(codes(hypervisor, network)).toEqual([code]);
  });

  it('say in both languages what is the matter and what to do', () => {
    const all = hostNotices(
      { ...HYPERVISOR, virtType: 'qemu', freeDiskGib: 0, usedMemoryMib: 8_000 },
      { ...NETWORK, types: [] },
    );
    for (const { message, nextStep } of all)
      for (const text of [message.en, message.zh, nextStep.en, nextStep.zh]) expect(text.length).toBeGreaterThan(5);
  });
});
