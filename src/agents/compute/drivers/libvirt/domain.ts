import type { DesiredGuest, GuestInterface } from '#protocol/guests.ts';
import type { GuestMarks } from '../contract.ts';
import { element, readXml, type Xml, type XmlNode } from './xml.ts';

/** Names our element in a domain's metadata. */
export const MARKS_NAMESPACE = 'urn:pileus:guest:1';
export const MARKS_PREFIX = 'pileus';

/** A disk of a guest as libvirt is to attach it. */
export interface AttachedDisk {
  readonly path: string;
  readonly format: 'raw' | 'qcow2';
  /** The image below an overlay; never probed, never written. */
  readonly backing?: { readonly path: string; readonly format: 'raw' | 'qcow2' } | undefined;
  readonly device: 'disk' | 'cdrom';
  readonly bus: 'virtio' | 'scsi' | 'ide' | 'sata';
  readonly isReadOnly: boolean;
  /** Read by several guests: it stays root's, instead of becoming this guest's. */
  readonly isShared?: boolean;
  readonly bootIndex?: number | undefined;
}

/** What a host decides about its guests' definitions. */
export interface DomainContext {
  readonly virtType: 'kvm' | 'qemu';
  readonly arch: string;
  readonly cloudId: string;
  readonly disks: readonly AttachedDisk[];
  readonly consoleLog: string;
  /** `none` where the disks' file system can do without the host's cache. */
  readonly diskCache: 'none' | 'writeback';
  readonly uefi?: { readonly loader: string; readonly template: string; readonly nvram: string } | undefined;
}

/** QEMU's translation cache takes 130 MiB more of the host by default; 32 costs no speed that could be measured. */
const TCG_CACHE_MIB = 32;
/** PCI Express has no slot to plug into unless ports are there from the start. */
const SPARE_PCIE_PORTS = 12;
/** What an emulated processor can do: the oldest that today's distributions still run on (x86-64-v2). */
const TCG_CPU_MODEL = 'Nehalem';

/** The name that libvirt, and whoever types `virsh list`, know a guest by. */
export function domainName(guestId: string): string {
  return `pileus-${guestId}`;
}

/** libvirt's definition of a guest. @see https://libvirt.org/formatdomain.html */
export function domainXml(guest: DesiredGuest, marks: GuestMarks, context: DomainContext): string {
  const machine = guest.machineType ?? (guest.firmware === 'uefi' ? 'q35' : 'pc');
  const isExpress = machine.includes('q35');
  return element(
    'domain',
    { type: context.virtType },
    element('name', {}, domainName(guest.id)),
    element('uuid', {}, guest.id),
    element('title', {}, guest.name.replace(/[\r\n]/g, ' ').slice(0, 255) || guest.id),
    element('metadata', {}, marksXml(marks, context.cloudId, `${MARKS_PREFIX}:`)),
    element('memory', { unit: 'MiB' }, String(guest.memoryMib)),
    element('vcpu', {}, String(guest.vcpus)),
    sysinfo(guest),
    element(
      'os',
      {},
      element('type', { arch: context.arch, machine }, 'hvm'),
      ...firmware(context),
      element('smbios', { mode: 'sysinfo' }),
    ),
    element('features', {}, element('acpi'), element('apic'), ...(context.virtType === 'qemu' ? [tcgCache()] : [])),
    cpu(guest, context),
    clock(),
    element('on_poweroff', {}, 'destroy'),
    element('on_reboot', {}, 'restart'),
    element('on_crash', {}, 'destroy'),
    element(
      'devices',
      {},
      ...(isExpress ? pcieControllers() : []),
      ...(context.disks.some((disk) => disk.bus === 'scsi')
        ? [element('controller', { type: 'scsi', model: 'virtio-scsi' })]
        : []),
      ...disks(context),
      ...guest.interfaces.map(interfaceElement),
      ...serial(context.consoleLog),
      ...(guest.hasGuestAgent === true ? [agentChannel()] : []),
      element('graphics', { type: 'vnc' }, element('listen', { type: 'socket' })),
      element('video', {}, element('model', { type: guest.videoModel ?? 'vga' })),
      ...(context.virtType === 'kvm' ? [element('input', { type: 'tablet', bus: 'usb' })] : []),
      element('memballoon', { model: 'virtio' }, element('stats', { period: 10 })),
      ...(guest.hasRng
        ? [element('rng', { model: 'virtio' }, element('backend', { model: 'random' }, '/dev/urandom'))]
        : []),
    ),
  ).xml;
}

/** An interface on a tap that the network agent made and keeps. */
export function interfaceXml(port: GuestInterface): string {
  return interfaceElement(port).xml;
}

/** Names an interface that is plugged in: libvirt finds it by its address, and whatever else differed would only keep it from that. */
export function pluggedInterfaceXml(port: { readonly macAddress: string; readonly deviceName: string }): string {
  const target = element('target', { dev: port.deviceName, managed: 'no' });
  return element('interface', { type: 'ethernet' }, element('mac', { address: port.macAddress }), target).xml;
}

/** The element that carries our marks, without a prefix as libvirt's metadata call wants it unless one is given. */
export function marksXml(marks: GuestMarks, cloudId: string, prefix = ''): Xml {
  const namespace = prefix === '' ? {} : { [`xmlns:${MARKS_PREFIX}`]: MARKS_NAMESPACE };
  return element(`${prefix}guest`, { ...namespace, cloud: cloudId, ...marks });
}

/** What is read back from libvirt's description of a domain. */
export interface ParsedDomain {
  readonly uuid: string;
  /** The cloud whose guest this is; undefined for a stranger's. */
  readonly cloudId: string | undefined;
  readonly marks: GuestMarks;
  readonly interfaces: readonly { readonly portId: string; readonly deviceName: string; readonly macAddress: string }[];
  /** As the daemon sees it; undefined when the guest is off. */
  readonly vncSocket: string | undefined;
  /** Whether it has a channel to QEMU's agent. */
  readonly hasGuestAgent: boolean;
}

/** Reads what this driver put into a domain's definition. */
export function parseDomain(xml: string): ParsedDomain {
  const domain = readXml(xml, 'domain');
  const marks = domain.at('metadata', `${MARKS_PREFIX}:guest`);
  const isOurs = marks?.attributes[`xmlns:${MARKS_PREFIX}`] === MARKS_NAMESPACE;
  const graphics = domain.at('devices', 'graphics');
  return {
    uuid: domain.at('uuid')?.text ?? '',
    cloudId: isOurs ? marks.attributes.cloud : undefined,
    marks: readMarks(isOurs ? marks : undefined),
    interfaces: (domain.at('devices')?.all('interface') ?? []).flatMap(readInterface),
    hasGuestAgent: (domain.at('devices')?.all('channel') ?? []).some(
      (channel) => channel.at('target')?.attributes.name === AGENT_CHANNEL,
    ),
    vncSocket: graphics?.attributes.socket ?? graphics?.at('listen')?.attributes.socket,
  };
}

function readMarks(node: XmlNode | undefined): GuestMarks {
  const number = (name: string): number => Number(node?.attributes[name] ?? 0);
  return {
    powerSerial: number('powerSerial'),
    rebootSerial: number('rebootSerial'),
    rebootingSerial: number('rebootingSerial'),
    session: node?.attributes.session ?? '',
  };
}

function readInterface(node: XmlNode): ParsedDomain['interfaces'] {
  const portId = node.at('alias')?.attributes.name?.replace(/^ua-/, '');
  const deviceName = node.at('target')?.attributes.dev;
  const macAddress = node.at('mac')?.attributes.address;
  return portId === undefined || deviceName === undefined || macAddress === undefined
    ? []
    : [{ portId, deviceName, macAddress }];
}

function interfaceElement(port: GuestInterface): Xml {
  return element(
    'interface',
    { type: 'ethernet' },
    element('mac', { address: port.macAddress }),
    element('target', { dev: port.deviceName, managed: 'no' }),
    element('model', { type: port.model }),
    element('mtu', { size: port.mtu }),
    element('alias', { name: `ua-${port.portId}` }),
  );
}

function pcieControllers(): Xml[] {
  const root = element('controller', { type: 'pci', index: 0, model: 'pcie-root' });
  const ports = Array.from({ length: SPARE_PCIE_PORTS }, (_, i) =>
    element('controller', { type: 'pci', index: i + 1, model: 'pcie-root-port' }),
  );
  return [root, ...ports];
}

/** cloud-init looks for OpenStack's metadata only if the product is called so. */
function sysinfo(guest: DesiredGuest): Xml {
  const entry = (name: string, text: string): Xml => element('entry', { name }, text);
  const system = [
    entry('manufacturer', 'OpenStack Foundation'),
    entry('product', 'OpenStack Nova'),
    entry('version', '26.0.0'),
    entry('serial', guest.id),
    entry('uuid', guest.id),
    entry('family', 'Virtual Machine'),
  ];
  return element('sysinfo', { type: 'smbios' }, element('system', {}, ...system));
}

function firmware({ uefi }: DomainContext): Xml[] {
  if (uefi === undefined) return [];
  return [
    element('loader', { readonly: 'yes', type: 'pflash' }, uefi.loader),
    element('nvram', { template: uefi.template }, uefi.nvram),
  ];
}

function tcgCache(): Xml {
  return element('tcg', {}, element('tb-cache', { unit: 'MiB' }, String(TCG_CACHE_MIB)));
}

function cpu(guest: DesiredGuest, context: DomainContext): Xml {
  const topology = element('topology', { sockets: guest.vcpus, cores: 1, threads: 1 });
  if (context.virtType === 'kvm') return element('cpu', { mode: 'host-model', check: 'partial' }, topology);
  if (context.arch !== 'x86_64') return element('cpu', { mode: 'maximum' }, topology);
  return element(
    'cpu',
    { mode: 'custom', match: 'exact', check: 'none' },
    element('model', { fallback: 'allow' }, TCG_CPU_MODEL),
    topology,
  );
}

function clock(): Xml {
  return element(
    'clock',
    { offset: 'utc' },
    element('timer', { name: 'pit', tickpolicy: 'delay' }),
    element('timer', { name: 'rtc', tickpolicy: 'catchup' }),
    element('timer', { name: 'hpet', present: 'no' }),
  );
}

/** The boot log is kept by libvirt's own log daemon, so that it survives the agent and can be read without a reader. */
function serial(consoleLog: string): Xml[] {
  return [
    element(
      'serial',
      { type: 'pty' },
      element('log', { file: consoleLog, append: 'on' }),
      element('target', { port: 0 }),
    ),
    element('console', { type: 'pty' }, element('target', { type: 'serial', port: 0 })),
  ];
}

/** The name by which QEMU's guest agent finds its channel. */
const AGENT_CHANNEL = 'org.qemu.guest_agent.0';

/** libvirt itself keeps the other end. */
function agentChannel(): Xml {
  return element('channel', { type: 'unix' }, element('target', { type: 'virtio', name: AGENT_CHANNEL }));
}

const TARGET_PREFIX = { virtio: 'vd', scsi: 'sd', sata: 'sd', ide: 'hd' } as const;

function disks(context: DomainContext): Xml[] {
  const bootOrder = context.disks.flatMap((disk) => disk.bootIndex ?? []).toSorted((a, b) => a - b);
  const used: Record<string, number> = {};
  return context.disks.map((disk) => {
    const prefix = TARGET_PREFIX[disk.bus];
    const index = used[prefix] ?? 0;
    used[prefix] = index + 1;
    const order = disk.bootIndex === undefined ? undefined : bootOrder.indexOf(disk.bootIndex) + 1;
    return element(
      'disk',
      { type: 'file', device: disk.device },
      element('driver', {
        name: 'qemu',
        type: disk.format,
        cache: context.diskCache,
        discard: disk.isReadOnly ? undefined : 'unmap',
      }),
      diskSource(disk.path, disk.isShared === true),
      ...(disk.device === 'disk' ? [backingStore(disk.backing)] : []),
      element('target', { dev: `${prefix}${diskLetters(index)}`, bus: disk.bus }),
      ...(disk.isReadOnly ? [element('readonly')] : []),
      ...(order === undefined ? [] : [element('boot', { order })]),
    );
  });
}

function diskSource(path: string, isShared: boolean): Xml {
  return element('source', { file: path }, ...(isShared ? [element('seclabel', { model: 'dac', relabel: 'no' })] : []));
}

/** Named to its end, so that QEMU and libvirt never look into a file to find out what it is. */
function backingStore(backing: AttachedDisk['backing']): Xml {
  if (backing === undefined) return element('backingStore');
  return element(
    'backingStore',
    { type: 'file' },
    element('format', { type: backing.format }),
    diskSource(backing.path, true),
    element('backingStore'),
  );
}

/** 0 → `a`, 25 → `z`, 26 → `aa`. */
function diskLetters(index: number): string {
  const last = String.fromCharCode(97 + (index % 26));
  return index < 26 ? last : diskLetters(Math.floor(index / 26) - 1) + last;
}
