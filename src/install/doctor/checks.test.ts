import { describe, expect, it } from 'vitest';
import type { Exec } from '#kernel/exec.ts';
import { examine } from './checks.ts';
import type { Finding, Machine, Subject } from './finding.ts';

interface Made {
  readonly files?: Record<string, string>;
  readonly takenPorts?: readonly number[];
  readonly freeBytes?: number;
  /** Answers by the command line's beginning; what is not named fails. */
  readonly answers?: Record<string, string>;
  readonly isUp?: boolean;
}

const GOOD: Record<string, string> = {
  'qemu-system-x86_64': 'QEMU 7.2.22',
  'qemu-img': 'qemu-img 7.2.22',
  libvirtd: 'libvirtd 9.0.0',
  ip: '[]',
  nft: 'nftables v1.0.6',
  dnsmasq: 'Dnsmasq 2.90',
  genisoimage: 'genisoimage 1.1.11',
  'unshare -n': '',
  'sh -c test -e /dev/kvm': 'there',
  'sh -c iptables': '-P FORWARD ACCEPT',
};

function subject({ files, takenPorts = [], freeBytes = 1e11, answers = {}, isUp = false }: Made): Subject {
  const known = Object.entries({ ...GOOD, ...answers }).toSorted(([a], [b]) => b.length - a.length);
  const exec = {
    check: async ({ argv }: { argv: readonly string[] }) => {
      const answer = known.find(([start]) => argv.join(' ').startsWith(start))?.[1];
      if (answer === undefined || answer === 'FAIL') throw new Error('failed');
      return answer;
    },
  } as unknown as Exec;
  const machine: Machine = {
    exec,
    isRoot: true,
    readFile: (path) =>
      ({ '/proc/cpuinfo': 'flags : fpu vmx sse', '/proc/meminfo': 'MemAvailable: 8000000 kB', ...files })[path],
    tryListen: async (_address, port) => (takenPorts.includes(port) ? 'EADDRINUSE' : undefined),
    diskSpace: () => ({ freeBytes, totalBytes: 2e11 }),
  };
  return {
    machine,
    dataDir: '/d',
    listenAddress: '192.0.2.1',
    ports: { identity: 5000, compute: 8774 },
    cidrs: ['172.24.4.0/24'],
    isUp,
  };
}

async function troubles(made: Made): Promise<Finding[]> {
  return (await examine(subject(made))).filter(({ level }) => level !== 'ok');
}

describe('the doctor', () => {
  it('finds nothing wrong with a good machine', async () => {
    expect(await troubles({})).toEqual([]);
  });

  it.each<[string, Made]>([
    ['kvm.absent', { files: { '/proc/cpuinfo': 'flags : fpu sse' } }],
    ['kvm.absent', { answers: { 'sh -c test -e /dev/kvm': 'FAIL' } }],
    ['tools.missing', { answers: { dnsmasq: 'FAIL' } }],
    ['kernel.vxlan.missing', { answers: { 'unshare -n sh -c ip link add pd0 type vxlan': 'FAIL' } }],
    ['kernel.vlan.missing', { answers: { 'unshare -n sh -c ip link add pd0 type veth peer name pd1 && ip': 'FAIL' } }],
    ['memory.short', { files: { '/proc/meminfo': 'MemAvailable: 200000 kB' } }],
    ['disk.short', { freeBytes: 1e9 }],
    ['ports.taken', { takenPorts: [5000] }],
    ['routes.clash', { answers: { 'ip -j route': '[{"dst":"default"},{"dst":"172.24.0.0/16","dev":"docker0"}]' } }],
    ['forward.drop', { answers: { 'sh -c iptables': '-P FORWARD DROP' } }],
  ])('names %s, with evidence and a way out', async (code, made) => {
    const [finding, ...others] = await troubles(made);
    expect([finding?.code, others]).toEqual([code, []]);
    expect(finding?.evidence).not.toBe('');
    expect(finding?.fix?.zh).not.toBe('');
  });

  it('does not take its own ports for a clash while the cloud is up', async () => {
    expect(await troubles({ takenPorts: [5000, 8774], isUp: true })).toEqual([]);
  });
});
