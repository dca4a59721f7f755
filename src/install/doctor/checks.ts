import { errorText } from '#kernel/errors.ts';
import { cidrsOverlap, parseCidr } from '#kernel/net.ts';
import type { Check, Finding, Machine, Subject } from './finding.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
/** The control plane needs some 200 MiB; a first guest and its page cache the rest. */
const MIN_MEMORY_MIB = 768;
/** Images, their cache and the first disks. */
const MIN_DISK_GIB = 5;
/** One command of a check. */
const LOOK_MS = 10_000;

/** Programs that a real host runs, and the Debian package of each. */
const TOOLS: readonly { readonly program: string; readonly args: readonly string[]; readonly debian: string }[] = [
  { program: 'qemu-system-x86_64', args: ['--version'], debian: 'qemu-system-x86' },
  { program: 'qemu-img', args: ['--version'], debian: 'qemu-utils' },
  { program: 'libvirtd', args: ['--version'], debian: 'libvirt-daemon-system libvirt-daemon-driver-qemu' },
  { program: 'ip', args: ['-V'], debian: 'iproute2' },
  { program: 'nft', args: ['--version'], debian: 'nftables' },
  { program: 'dnsmasq', args: ['--version'], debian: 'dnsmasq-base' },
  { program: 'genisoimage', args: ['--version'], debian: 'genisoimage' },
];

const checkTools: Check = async ({ machine }) => {
  const found = await Promise.all(
    TOOLS.map(async (tool) => ({ ...tool, answer: await ask(machine, [tool.program, ...tool.args]) })),
  );
  const missing = found.filter(({ answer }) => answer === undefined);
  const title = { en: 'host programs', zh: '主机程序' };
  if (missing.length === 0) {
    return [
      {
        code: 'tools.there',
        level: 'ok',
        title,
        evidence: found.map(({ answer }) => firstLine(answer ?? '')).join('; '),
      },
    ];
  }
  const packages = missing.map(({ debian }) => debian).join(' ');
  return [
    {
      code: 'tools.missing',
      level: 'fail',
      title,
      evidence: {
        en: `not found: ${missing.map(({ program }) => program).join(', ')}`,
        zh: `未找到：${missing.map(({ program }) => program).join('、')}`,
      },
      fix: {
        en: `apt-get install --no-install-recommends ${packages} (./pileus up does it)`,
        zh: `apt-get install --no-install-recommends ${packages}（./pileus up 会自动安装）`,
      },
    },
  ];
};

const checkPorts: Check = async ({ machine, listenAddress, ports, isUp }) => {
  const title = { en: `ports on ${listenAddress}`, zh: `${listenAddress} 上的端口` };
  const numbers = Object.values(ports).join(', ');
  if (isUp)
    return [
      {
        code: 'ports.ours',
        level: 'ok',
        title,
        evidence: { en: `${numbers}: this cloud listens there`, zh: `${numbers}：由这个云监听` },
      },
    ];
  const taken: string[] = [];
  for (const [name, port] of Object.entries(ports)) {
    const reason = await machine.tryListen(listenAddress, port);
    if (reason !== undefined) taken.push(`${port} (${name}): ${reason}`);
  }
  if (taken.length === 0)
    return [{ code: 'ports.free', level: 'ok', title, evidence: { en: `${numbers} are free`, zh: `${numbers} 空闲` } }];
  return [
    {
      code: 'ports.taken',
      level: 'fail',
      title,
      evidence: taken.join('; '),
      fix: {
        en: 'stop the program that has them (ss -ltnp shows which), or choose another --listen address',
        zh: '停止占用端口的程序（用 ss -ltnp 查看），或用 --listen 换一个地址',
      },
    },
  ];
};

const checkMemory: Check = async ({ machine }) => {
  const available = Number(/MemAvailable:\s+(\d+) kB/.exec(machine.readFile('/proc/meminfo') ?? '')?.[1] ?? 0) / 1024;
  const title = { en: 'memory', zh: '内存' };
  const evidence = { en: `${Math.round(available)} MiB available`, zh: `可用 ${Math.round(available)} MiB` };
  if (available >= MIN_MEMORY_MIB) return [{ code: 'memory.enough', level: 'ok', title, evidence }];
  const fix = {
    en: `at least ${MIN_MEMORY_MIB} MiB are needed for the control plane and a first guest`,
    zh: `控制面和第一台虚拟机至少需要 ${MIN_MEMORY_MIB} MiB`,
  };
  return [{ code: 'memory.short', level: 'warn', title, evidence, fix }];
};

const checkDisk: Check = async ({ machine, dataDir }) => {
  const { freeBytes, totalBytes } = machine.diskSpace(dataDir);
  const title = { en: `disk of ${dataDir}`, zh: `${dataDir} 所在磁盘` };
  const [free, total] = [freeBytes, totalBytes].map((bytes) => (bytes / GIB).toFixed(1));
  const evidence = { en: `${free} of ${total} GiB free`, zh: `空闲 ${free} GiB，共 ${total} GiB` };
  if (freeBytes >= MIN_DISK_GIB * GIB) return [{ code: 'disk.enough', level: 'ok', title, evidence }];
  const fix = {
    en: `make room (${MIN_DISK_GIB} GiB), or choose another place: --data DIR`,
    zh: `腾出空间（${MIN_DISK_GIB} GiB），或用 --data 换一个位置`,
  };
  return [{ code: 'disk.short', level: freeBytes < 200 * MIB ? 'fail' : 'warn', title, evidence, fix }];
};

const checkVirtualisation: Check = async ({ machine }) => {
  const title = { en: 'hardware virtualisation', zh: '硬件虚拟化' };
  const flags = /^flags\s*:.*\b(vmx|svm)\b/m.exec(machine.readFile('/proc/cpuinfo') ?? '')?.[1];
  const answer = await ask(machine, ['sh', '-c', 'test -e /dev/kvm && echo there']);
  if (flags !== undefined && answer !== undefined) {
    return [
      {
        code: 'kvm.offered',
        level: 'ok',
        title,
        evidence: {
          en: `CPU flag ${flags}, /dev/kvm is there; the agent proves it by running a guest`,
          zh: `CPU 标志 ${flags}，/dev/kvm 存在；代理会实际运行一台虚拟机加以验证`,
        },
      },
    ];
  }
  const isThere = answer !== undefined;
  const evidence = {
    en: `CPU flag vmx/svm: ${flags ?? 'none'}; /dev/kvm: ${isThere ? 'there' : 'none'}`,
    zh: `CPU 标志 vmx/svm：${flags ?? '无'}；/dev/kvm：${isThere ? '有' : '无'}`,
  };
  const fix = {
    en: 'guests will be emulated (TCG): they work, ten times slower. On a PC: switch virtualisation on in the firmware; in a virtual machine: allow nested virtualisation; then modprobe kvm_intel or kvm_amd',
    zh: '虚拟机将以模拟方式 (TCG) 运行：可用，但慢约十倍。物理机：在固件中打开虚拟化；虚拟机中：允许嵌套虚拟化；然后 modprobe kvm_intel 或 kvm_amd',
  };
  return [{ code: 'kvm.absent', level: 'warn', title, evidence, fix }];
};

/** Kernel features, each found by doing the thing in a network namespace that goes away again. */
const FEATURES: readonly { readonly name: string; readonly script: string; readonly isNeeded: boolean }[] = [
  { name: 'bridge', script: 'ip link add pd0 type bridge', isNeeded: true },
  { name: 'tap', script: 'ip tuntap add dev pd0 mode tap', isNeeded: true },
  { name: 'veth', script: 'ip link add pd0 type veth peer name pd1', isNeeded: true },
  { name: 'vxlan', script: 'ip link add pd0 type vxlan id 7 dstport 4789 local 127.0.0.1', isNeeded: true },
  { name: 'nftables', script: 'nft add table inet pileusdoctor', isNeeded: true },
  {
    name: 'nat',
    script: 'nft "add table ip t; add chain ip t c { type nat hook postrouting priority 100; }"',
    isNeeded: true,
  },
  {
    name: 'bridge filter',
    script: 'nft "add table bridge t; add chain bridge t c { type filter hook prerouting priority -300; }"',
    isNeeded: true,
  },
  {
    name: 'vlan',
    script: 'ip link add pd0 type veth peer name pd1 && ip link add link pd0 name pd2 type vlan id 7',
    isNeeded: false,
  },
];

const checkKernel: Check = async ({ machine }) => {
  const title = { en: 'kernel features', zh: '内核功能' };
  if (!machine.isRoot) {
    return [
      {
        code: 'kernel.unknown',
        level: 'warn',
        title,
        evidence: { en: 'only root can try them', zh: '只有 root 能够检测' },
        fix: { en: 'sudo ./pileus doctor', zh: 'sudo ./pileus doctor' },
      },
    ];
  }
  const results = await Promise.all(
    FEATURES.map(async (feature) => ({
      ...feature,
      works: (await ask(machine, ['unshare', '-n', 'sh', '-c', feature.script])) !== undefined,
    })),
  );
  const works = results.filter((feature) => feature.works).map(({ name }) => name);
  const findings: Finding[] = [{ code: 'kernel.tried', level: 'ok', title, evidence: works.join(', ') }];
  for (const { name, isNeeded } of results.filter((feature) => !feature.works)) {
    findings.push({
      code: `kernel.${name.replaceAll(' ', '_')}.missing`,
      level: isNeeded ? 'fail' : 'warn',
      title,
      evidence: { en: `${name}: the kernel refuses`, zh: `${name}：内核拒绝` },
      fix: isNeeded
        ? { en: `load the module, or boot a kernel that has ${name}`, zh: `加载相应模块，或换用支持 ${name} 的内核` }
        : {
            en: `networks of type ${name} cannot be used on this host; others can`,
            zh: `此主机无法使用 ${name} 类型的网络；其他类型可用`,
          },
    });
  }
  return findings;
};

const checkRoutes: Check = async ({ machine, cidrs, isUp }) => {
  const title = { en: 'addresses', zh: '地址' };
  const text = isUp ? '[]' : ((await ask(machine, ['ip', '-j', 'route', 'show'])) ?? '[]');
  const routes = (JSON.parse(text) as { dst: string; dev?: string }[]).filter(({ dst }) => dst.includes('/'));
  const clashes = cidrs.flatMap((cidr) =>
    routes.filter(({ dst }) => overlaps(cidr, dst)).map(({ dst, dev }) => ({ cidr, dst, dev: dev ?? '?' })),
  );
  if (clashes.length === 0)
    return [
      {
        code: 'routes.free',
        level: 'ok',
        title,
        evidence: {
          en: `${cidrs.join(', ')}: no route of this host overlaps`,
          zh: `${cidrs.join('、')}：与本机路由没有重叠`,
        },
      },
    ];
  const evidence = {
    en: clashes.map(({ cidr, dst, dev }) => `${cidr} overlaps ${dst} on ${dev}`).join('; '),
    zh: clashes.map(({ cidr, dst, dev }) => `${cidr} 与 ${dev} 上的 ${dst} 重叠`).join('；'),
  };
  const fix = {
    en: 'remove that route, or give the external network other addresses',
    zh: '删除该路由，或为外部网络选择其他地址',
  };
  return [{ code: 'routes.clash', level: 'fail', title, evidence, fix }];
};

/** Docker and friends set the FORWARD policy to DROP, which then also holds for bridged traffic. */
const checkForward: Check = async ({ machine }) => {
  const rules = (await ask(machine, ['sh', '-c', 'iptables -S FORWARD 2>/dev/null || true'])) ?? '';
  const title = { en: 'other firewalls', zh: '其他防火墙' };
  if (!rules.includes('-P FORWARD DROP'))
    return [
      {
        code: 'forward.open',
        level: 'ok',
        title,
        evidence: { en: 'the FORWARD policy does not drop', zh: 'FORWARD 的默认策略不丢弃' },
      },
    ];
  const fix = {
    en: 'iptables -P FORWARD ACCEPT, or a rule in DOCKER-USER that lets the cloud through',
    zh: 'iptables -P FORWARD ACCEPT，或在 DOCKER-USER 中放行',
  };
  return [
    {
      code: 'forward.drop',
      level: 'warn',
      title,
      evidence: {
        en: 'iptables -P FORWARD DROP: guests reach nothing outside',
        zh: 'iptables -P FORWARD DROP：虚拟机无法访问外部',
      },
      fix,
    },
  ];
};

/** Every check, in the order of reading. */
export const CHECKS: readonly Check[] = [
  checkVirtualisation,
  checkTools,
  checkKernel,
  checkMemory,
  checkDisk,
  checkPorts,
  checkRoutes,
  checkForward,
];

/** Looks at everything. */
export async function examine(subject: Subject): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const check of CHECKS) {
    try {
      findings.push(...(await check(subject)));
    } catch (error) {
      findings.push({
        code: 'doctor.check_failed',
        level: 'warn',
        title: { en: 'a check', zh: '检查' },
        evidence: errorText(error),
      });
    }
  }
  return findings;
}

/** A command's output, or undefined when it is missing or fails. */
async function ask(machine: Machine, argv: [string, ...string[]]): Promise<string | undefined> {
  return machine.exec.check({ argv, timeoutMs: LOOK_MS }).catch(() => undefined);
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]?.trim() ?? '';
}

function overlaps(a: string, b: string): boolean {
  const [first, second] = [parseCidr(a), parseCidr(b)];
  return first !== undefined && second !== undefined && cidrsOverlap(first, second);
}
