import type { Words } from './words.ts';

/** What an agent says of its host: once when it starts, and again with each heartbeat. */
export interface HostFacts {
  /** Made once per host and kept on its disk; names are labels. */
  readonly id: string;
  readonly hostname: string;
  /** Where other hosts reach this one's tunnels, consoles and agent. */
  readonly address: string;
  readonly agentVersion: string;
  readonly hypervisor: HypervisorFacts;
  readonly network: NetworkFacts;
}

export interface HypervisorFacts {
  /** `QEMU` for libvirt, `fake` for the fake driver. */
  readonly type: string;
  /** As nova encodes it: 7.2.22 is 7002022. */
  readonly version: number;
  /** Found by really trying. */
  readonly virtType: 'kvm' | 'qemu' | 'fake';
  readonly cpu: {
    readonly arch: string;
    readonly model: string;
    readonly vendor: string;
    readonly cores: number;
    readonly sockets: number;
    readonly threads: number;
    readonly features: readonly string[];
  };
  readonly vcpus: number;
  readonly memoryMib: number;
  readonly diskGib: number;
  /** What the host itself needs and guests may not have. */
  readonly reservedMemoryMib: number;
  readonly usedMemoryMib: number;
  readonly freeDiskGib: number;
  readonly uptimeSeconds: number;
  /** Standard trait names (os-traits), such as `HW_CPU_X86_AVX2`, `COMPUTE_NET_VIF_MODEL_VIRTIO`. */
  readonly traits: readonly string[];
}

export interface NetworkFacts {
  readonly driver: 'linux-bridge' | 'openvswitch' | 'fake';
  readonly types: readonly string[];
  /** Physical network name → interface on the host. */
  readonly physicalNetworks: Readonly<Record<string, string>>;
  readonly tunnelAddress: string | null;
}

/** What is wrong or worth knowing on a host; shown by `pileus status`. */
export interface HostNotice {
  /** Stable and dotted: `host.disk_low`. */
  readonly code: string;
  /** `trouble` wants somebody to do something; `info` may be as it was meant. */
  readonly level: 'trouble' | 'info';
  readonly message: Words;
  readonly nextStep: Words;
}

export interface Heartbeat {
  readonly facts: HostFacts;
  readonly notices: readonly HostNotice[];
}
