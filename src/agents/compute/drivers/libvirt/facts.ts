import { readFile, statfs } from 'node:fs/promises';
import type { HypervisorFacts } from '#protocol/hosts.ts';
import type { LibvirtClient } from './rpc/client.ts';
import { readXml } from './xml.ts';

const GIB = 1024 ** 3;

/** Flags of `/proc/cpuinfo` whose trait has another name than `HW_CPU_X86_<FLAG>`. @see os-traits, os_traits/hw/cpu/x86 */
const TRAIT_NAMES: Readonly<Record<string, string>> = {
  pni: 'SSE3',
  sse4_1: 'SSE41',
  sse4_2: 'SSE42',
  sha_ni: 'SHA',
  aes: 'AESNI',
  pclmulqdq: 'CLMUL',
  lm: '64',
};
const TRAIT_FLAGS = [
  'mmx', 'sse', 'sse2', 'pni', 'ssse3', 'sse4_1', 'sse4_2', 'sse4a', 'avx', 'avx2', 'avx512f', 'avx512cd', 'avx512bw', 'avx512dq', 'avx512vl',
  'fma3', 'f16c', 'bmi1', 'bmi2', 'aes', 'pclmulqdq', 'sha_ni', 'vmx', 'svm', 'xop', 'tbm', '3dnow', 'abm', 'pdpe1gb',
]; // biome-ignore format: a list
/** What a guest sees under emulation, whatever the host's processor can do. */
const TCG_FLAGS = ['mmx', 'sse', 'sse2', 'pni', 'ssse3', 'sse4_1', 'sse4_2'];

const DEVICE_TRAITS = [
  'COMPUTE_NODE',
  'COMPUTE_NET_VIF_MODEL_VIRTIO',
  'COMPUTE_NET_VIF_MODEL_E1000',
  'COMPUTE_NET_VIF_MODEL_E1000E',
  'COMPUTE_NET_VIF_MODEL_RTL8139',
  'COMPUTE_NET_ATTACH_INTERFACE',
  'COMPUTE_STORAGE_BUS_VIRTIO',
  'COMPUTE_STORAGE_BUS_SCSI',
  'COMPUTE_STORAGE_BUS_IDE',
  'COMPUTE_STORAGE_BUS_SATA',
  'COMPUTE_GRAPHICS_MODEL_VGA',
  'COMPUTE_GRAPHICS_MODEL_VIRTIO',
  'COMPUTE_IMAGE_TYPE_RAW',
  'COMPUTE_IMAGE_TYPE_QCOW2',
  'COMPUTE_IMAGE_TYPE_ISO',
];

/** What this host has, and how much of it is in use. */
export async function collectFacts(
  client: LibvirtClient,
  host: { readonly virtType: 'kvm' | 'qemu'; readonly dataDir: string; readonly reservedMemoryMib: number },
  signal: AbortSignal,
): Promise<HypervisorFacts> {
  const [node, version, capabilities, disk, memory, uptime, cpuinfo] = await Promise.all([
    client.nodeInfo({ signal }),
    client.version({ signal }),
    client.capabilities({ signal }),
    statfs(host.dataDir),
    readFile('/proc/meminfo', 'utf8'),
    readFile('/proc/uptime', 'utf8'),
    readFile('/proc/cpuinfo', 'utf8'),
  ]);
  const cpu = readXml(capabilities, 'capabilities').at('host', 'cpu');
  const flags = new Set(/^flags\s*:(.*)$/m.exec(cpuinfo)?.[1]?.trim().split(/\s+/) ?? []);
  const guestFlags = host.virtType === 'kvm' ? TRAIT_FLAGS.filter((flag) => flags.has(flag)) : TCG_FLAGS;
  const totalKib = meminfo(memory, 'MemTotal');
  return {
    type: 'QEMU',
    version: version.hypervisor,
    virtType: host.virtType,
    cpu: {
      arch: cpu?.at('arch')?.text ?? node.model,
      model: cpu?.at('model')?.text ?? 'unknown',
      vendor: cpu?.at('vendor')?.text ?? 'unknown',
      cores: node.cores,
      sockets: node.sockets,
      threads: node.threads,
      features: [...flags].toSorted(),
    },
    vcpus: node.cpus,
    memoryMib: Math.floor(totalKib / 1024),
    diskGib: Math.floor((disk.blocks * disk.bsize) / GIB),
    reservedMemoryMib: host.reservedMemoryMib,
    usedMemoryMib: Math.floor((totalKib - meminfo(memory, 'MemAvailable')) / 1024),
    freeDiskGib: Math.floor((disk.bavail * disk.bsize) / GIB),
    uptimeSeconds: Math.floor(Number(uptime.split(' ')[0])),
    traits: [...DEVICE_TRAITS, ...guestFlags.map((flag) => `HW_CPU_X86_${TRAIT_NAMES[flag] ?? flag.toUpperCase()}`)],
  };
}

function meminfo(text: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0);
}
