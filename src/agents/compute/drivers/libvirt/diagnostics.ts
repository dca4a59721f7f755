import type { GuestDiagnostics } from '#protocol/agent.ts';
import type { DomainStats } from './rpc/client.ts';

/**
 * Counters of a guest, as nova's diagnostics name them, from libvirt's.
 * @param macAddresses in the order of the definition, which is libvirt's.
 */
export function readDiagnostics(
  stats: DomainStats,
  macAddresses: readonly string[],
  uptimeSeconds: number,
): GuestDiagnostics {
  const number = (name: string): number => Number(stats[name] ?? 0);
  const each = <T>(count: string, read: (index: number) => T): T[] =>
    Array.from({ length: number(count) }, (_, index) => read(index));
  const availableKib = stats['balloon.available'];
  return {
    uptimeSeconds,
    memoryMib: Math.floor(number('balloon.current') / 1024),
    usedMemoryMib:
      availableKib === undefined ? null : Math.floor((Number(availableKib) - number('balloon.unused')) / 1024),
    cpus: each('vcpu.current', (i) => ({ timeNs: number(`vcpu.${i}.time`), utilisationPercent: null })),
    nics: each('net.count', (i) => ({
      macAddress: macAddresses[i] ?? '',
      rxBytes: number(`net.${i}.rx.bytes`),
      rxPackets: number(`net.${i}.rx.pkts`),
      rxErrors: number(`net.${i}.rx.errs`),
      rxDrops: number(`net.${i}.rx.drop`),
      txBytes: number(`net.${i}.tx.bytes`),
      txPackets: number(`net.${i}.tx.pkts`),
      txErrors: number(`net.${i}.tx.errs`),
      txDrops: number(`net.${i}.tx.drop`),
    })),
    disks: each('block.count', (i) => ({
      readBytes: number(`block.${i}.rd.bytes`),
      readRequests: number(`block.${i}.rd.reqs`),
      writeBytes: number(`block.${i}.wr.bytes`),
      writeRequests: number(`block.${i}.wr.reqs`),
      errors: number(`block.${i}.errors`),
    })),
  };
}
