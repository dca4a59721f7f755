/** What a host is to make of a server: a pure function of stored rows. */
import { fromJson } from '#kernel/db/json.ts';
import type { DesiredGuest, GuestDisk, GuestInterface, GuestMetadata, GuestMetadataNetwork } from '#protocol/guests.ts';
import type { ServerPort } from '../../peers.ts';
import type { Server } from '../store.ts';
import type { ServerFlavor, ServerImage } from '../tables.ts';
import type { Guest, GuestOfServer } from './store.ts';

/** `i-0000002a`, as EC2's metadata has it. */
export function ec2IdOf(number: number): string {
  return `i-${number.toString(16).padStart(8, '0')}`;
}

/** The guest of a server as its host is to make it. */
export function desiredGuest({ server, guest, snapshots }: GuestOfServer, zone: string): DesiredGuest {
  const flavor = fromJson(server.flavor);
  const image = server.image === null ? null : fromJson(server.image);
  const properties = image?.properties ?? {};
  const ports = fromJson(guest.ports);
  return {
    id: server.id,
    name: server.name,
    vcpus: flavor.vcpus,
    memoryMib: flavor.memoryMib,
    machineType: properties['hw_machine_type'] ?? null,
    firmware: properties['hw_firmware_type'] === 'uefi' ? 'uefi' : 'bios',
    videoModel: properties['hw_video_model'] ?? null,
    hasRng: flavor.extraSpecs['hw_rng:allowed']?.toLowerCase() !== 'false',
    hasGuestAgent: isTrue(properties['hw_qemu_guest_agent']),
    disks: allDisksOf(guest, flavor, image),
    interfaces: ports.map((port) => interfaceOf(port, properties['hw_vif_model'])),
    hasConfigDrive: server.has_config_drive === 1 || properties['img_config_drive'] === 'mandatory',
    metadata: metadataOf(server, guest, { flavor, image, ports, zone }),
    power: guest.power,
    powerSerial: guest.power_serial,
    rebootSerial: guest.reboot_serial,
    rebootType: guest.reboot_type,
    ...(snapshots.length === 0
      ? {}
      : { snapshots: snapshots.map((one) => ({ imageId: one.image_id, disk: one.disk })) }),
  };
}

/** What nova takes for true in an image's property. */
function isTrue(value: string | undefined): boolean {
  return ['1', 't', 'true', 'on', 'y', 'yes'].includes(value?.trim().toLowerCase() ?? '');
}

const BUSES = ['virtio', 'scsi', 'ide', 'sata'] as const;
const MODELS = ['virtio', 'e1000', 'e1000e', 'rtl8139'] as const;

/** A guest that is to be mended boots from another image, and finds its own disks beside it. */
function allDisksOf(guest: Guest, flavor: ServerFlavor, image: ServerImage | null): GuestDisk[] {
  const from = guest.boot_image === null ? image : fromJson(guest.boot_image);
  const own = disksOf(flavor, from).map((disk) => ({ ...disk, generation: guest.disk_generation }));
  if (guest.rescue_image === null) return own;
  const rescue = disksOf({ ...flavor, rootGib: 0, ephemeralGib: 0, swapMib: 0 }, fromJson(guest.rescue_image));
  return [
    ...rescue.map((disk) => ({ ...disk, name: 'rescue', generation: guest.reboot_serial })),
    ...own.map(({ bootIndex: _notFirst, ...disk }) => disk),
  ];
}

function disksOf(flavor: ServerFlavor, image: ServerImage | null): GuestDisk[] {
  const bus = BUSES.find((one) => one === image?.properties['hw_disk_bus']) ?? 'virtio';
  const disks: GuestDisk[] = [];
  if (image !== null) {
    const isCdrom = image.diskFormat === 'iso';
    disks.push({
      name: 'root',
      source: {
        type: 'image',
        imageId: image.id,
        sha512: image.sha512,
        format: image.diskFormat,
        sizeBytes: image.sizeBytes,
      },
      sizeGib: isCdrom ? 0 : flavor.rootGib,
      bus: isCdrom ? 'sata' : bus,
      device: isCdrom ? 'cdrom' : 'disk',
      bootIndex: 0,
    });
    // What is booted from a disc is installed on a disk.
    if (isCdrom && flavor.rootGib > 0) disks.push(blank('disk0', flavor.rootGib, bus));
  }
  if (flavor.ephemeralGib > 0) disks.push(blank('ephemeral0', flavor.ephemeralGib, bus));
  if (flavor.swapMib > 0) disks.push(blank('swap', Math.ceil(flavor.swapMib / 1024), bus));
  return disks;
}

function blank(name: string, sizeGib: number, bus: GuestDisk['bus']): GuestDisk {
  return { name, source: { type: 'blank' }, sizeGib, bus, device: 'disk' };
}

function interfaceOf(port: ServerPort, model: string | undefined): GuestInterface {
  return {
    portId: port.portId,
    macAddress: port.macAddress,
    deviceName: port.deviceName,
    mtu: port.mtu,
    model: MODELS.find((one) => one === model) ?? 'virtio',
  };
}

function metadataOf(
  server: Server,
  guest: Guest,
  about: {
    readonly flavor: ServerFlavor;
    readonly image: ServerImage | null;
    readonly ports: readonly ServerPort[];
    readonly zone: string;
  },
): GuestMetadata {
  const keyPair = server.key_pair === null ? null : fromJson(server.key_pair);
  const groups = about.ports.flatMap((port) => port.securityGroups.map(({ name }) => name));
  return {
    instanceId: server.id,
    ec2Id: ec2IdOf(server.number),
    name: server.name,
    hostname: server.hostname,
    projectId: server.project_id,
    availabilityZone: about.zone,
    launchIndex: server.launch_index,
    flavorName: about.flavor.name,
    imageId: about.image?.id ?? null,
    keys: keyPair === null ? [] : [keyPair],
    meta: fromJson(server.metadata),
    securityGroups: [...new Set(groups)],
    userData: server.user_data,
    randomSeed: guest.random_seed,
    adminPassword: guest.admin_password,
    networks: about.ports.map(networkOf),
  };
}

function networkOf(port: ServerPort): GuestMetadataNetwork {
  return {
    portId: port.portId,
    networkId: port.networkId,
    macAddress: port.macAddress,
    mtu: port.mtu,
    deviceName: port.deviceName,
    subnets: port.fixedIps.map((fixed) => ({
      subnetId: fixed.subnetId,
      ipVersion: fixed.ipVersion,
      address: fixed.address,
      cidr: fixed.cidr,
      gateway: fixed.gateway,
      dnsServers: fixed.dns,
      routes: fixed.routes,
      isDhcp: fixed.isDhcp,
    })),
    publicAddresses: port.floatingIps.map(({ address }) => address),
  };
}
