import type { HostNotice, HypervisorFacts, NetworkFacts } from '#protocol/hosts.ts';

/** Less free disk than this, and the next image or guest fills it. */
const LOW_DISK_GIB = 5;
/** Less free memory than this share of the whole, and guests are killed by the kernel. */
const LOW_MEMORY_SHARE = 0.05;

/** What is wrong or worth knowing on a host, read off what it says of itself. Pure; nothing for a host that is well. */
export function hostNotices(hypervisor: HypervisorFacts, network: NetworkFacts): HostNotice[] {
  const notices: HostNotice[] = [];
  if (hypervisor.virtType === 'qemu') {
    notices.push({
      code: 'host.emulated',
      level: 'info',
      message: {
        en: 'guests are emulated, about ten times slower than with KVM',
        zh: '虚拟机以纯软件模拟运行，比使用 KVM 慢约十倍',
      },
      nextStep: {
        en: 'turn on virtualisation in the firmware (or nested virtualisation of the machine above); pileus doctor says what is missing',
        zh: '在固件中启用虚拟化（或在上层机器启用嵌套虚拟化）；pileus doctor 会指出缺少什么',
      },
    });
  }
  if (hypervisor.freeDiskGib < LOW_DISK_GIB) {
    notices.push({
      code: 'host.disk_low',
      level: 'trouble',
      message: {
        en: `only ${hypervisor.freeDiskGib} GiB of disk are free`,
        zh: `磁盘仅剩 ${hypervisor.freeDiskGib} GiB`,
      },
      nextStep: {
        en: 'delete guests or images that nobody needs, or give the cloud a larger disk with --data',
        zh: '删除不再需要的虚拟机或镜像，或用 --data 换到更大的磁盘',
      },
    });
  }
  const freeMemoryMib = hypervisor.memoryMib - hypervisor.usedMemoryMib;
  if (freeMemoryMib < hypervisor.memoryMib * LOW_MEMORY_SHARE) {
    notices.push({
      code: 'host.memory_low',
      level: 'trouble',
      message: {
        en: `only ${freeMemoryMib} of ${hypervisor.memoryMib} MiB of memory are free`,
        zh: `内存仅剩 ${freeMemoryMib} MiB（共 ${hypervisor.memoryMib} MiB）`,
      },
      nextStep: {
        en: 'stop guests, or what else takes memory on this host (ps aux --sort=-rss)',
        zh: '关闭部分虚拟机，或停止本机上占用内存的其他程序（ps aux --sort=-rss）',
      },
    });
  }
  if (!network.types.includes('flat')) {
    notices.push({
      code: 'host.no_way_out',
      level: 'info',
      message: {
        en: 'no network of this host leads out: flat and VLAN networks cannot be made here',
        zh: '本机没有通向外部的网络：无法在此建立 flat 和 VLAN 网络',
      },
      nextStep: {
        en: 'name an interface under host: physical_networks: in config/pileus.yaml, then pileus down and up',
        zh: '在 config/pileus.yaml 的 host: physical_networks: 下指定网卡，然后执行 pileus down 与 up',
      },
    });
  }
  return notices;
}

/** Guests named in a notice. */
const MAX_SHOWN = 20;

/** After a restore: guests that the backup did not know wait for somebody to decide. */
export function keptNotices(guestIds: readonly string[]): HostNotice[] {
  if (guestIds.length === 0) return [];
  const shown = guestIds.slice(0, MAX_SHOWN).join(', ');
  return [
    {
      code: 'guests.kept',
      level: 'trouble',
      message: {
        en: `${guestIds.length} guests were made after the backup that the cloud was restored from, and are kept: ${shown}`,
        zh: `有 ${guestIds.length} 台虚拟机创建于恢复所用的备份之后，已予保留：${shown}`,
      },
      nextStep: {
        en: 'save what is needed of their disks, then let them go: pileus restore --accept',
        zh: '先保存其磁盘上需要的内容，再执行 pileus restore --accept 予以清除',
      },
    },
  ];
}
