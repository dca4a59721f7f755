/**
 * What the controller wants of the guests on a host, and what the host says of them.
 *
 * Theory of operation. The desired guests of a host are the whole truth about it: a guest of ours that is not among
 * them must go, with its disks (but for {@link DesiredGuests.onlyRemove}). What a user asks for once (start, stop, reboot) is told as numbers that only rise, so that
 * asking twice, or after a crash, does nothing twice: the agent keeps the numbers it has carried out with the guest
 * itself (libvirt metadata), never in memory alone.
 */

export type PowerState = 'running' | 'paused' | 'stopped' | 'suspended';

/** Where a disk's first content comes from. Formats are declared, checked at upload, and never probed. */
export type DiskSource =
  | {
      readonly type: 'image';
      readonly imageId: string;
      /** sha512 of the image's bytes: names it in the host's cache. */
      readonly sha512: string;
      readonly format: 'raw' | 'qcow2' | 'iso';
      readonly sizeBytes: number;
    }
  | { readonly type: 'blank' };

export interface GuestDisk {
  /** `root`, `ephemeral0`, `swap`, …: unique in the guest, and the disk's file name on the host. */
  readonly name: string;
  readonly source: DiskSource;
  /** 0 means the size of the image. */
  readonly sizeGib: number;
  readonly bus: 'virtio' | 'scsi' | 'ide' | 'sata';
  readonly device: 'disk' | 'cdrom';
  /** 0 boots first; undefined is not booted from. */
  readonly bootIndex?: number | undefined;
  /**
   * Rises when the disk's content is to be thrown away and made anew (rebuild, even from the same image); 0 when absent.
   * Takes effect when the guest is started next.
   */
  readonly generation?: number | undefined;
}

export interface GuestInterface {
  readonly portId: string;
  readonly macAddress: string;
  /** The tap device that the network agent makes: `tap` and the first 11 characters of the port's id. */
  readonly deviceName: string;
  readonly mtu: number;
  readonly model: 'virtio' | 'e1000' | 'e1000e' | 'rtl8139';
}

/** What the metadata service and the config drive tell the guest (nova's meta_data.json, network_data.json, EC2 tree). */
export interface GuestMetadata {
  readonly instanceId: string;
  /** EC2-style id, `i-0000002a`. */
  readonly ec2Id: string;
  readonly name: string;
  readonly hostname: string;
  readonly projectId: string;
  readonly availabilityZone: string;
  readonly launchIndex: number;
  readonly flavorName: string;
  readonly imageId: string | null;
  readonly keys: readonly { readonly name: string; readonly type: 'ssh' | 'x509'; readonly data: string }[];
  readonly meta: Readonly<Record<string, string>>;
  readonly securityGroups: readonly string[];
  /** base64, as given by the user; null when none was. */
  readonly userData: string | null;
  /** base64url of 512 random bits, the same at each read. */
  readonly randomSeed: string;
  readonly adminPassword: string | null;
  readonly networks: readonly GuestMetadataNetwork[];
}

export interface GuestMetadataNetwork {
  readonly portId: string;
  readonly networkId: string;
  readonly macAddress: string;
  readonly mtu: number;
  readonly deviceName: string;
  readonly subnets: readonly {
    readonly subnetId: string;
    readonly ipVersion: 4 | 6;
    readonly address: string;
    readonly cidr: string;
    readonly gateway: string | null;
    readonly dnsServers: readonly string[];
    readonly routes: readonly { readonly destination: string; readonly nexthop: string }[];
    readonly isDhcp: boolean;
  }[];
  /** Floating addresses, IPv4. */
  readonly publicAddresses: readonly string[];
}

export interface DesiredGuest {
  readonly id: string;
  /** The server's display name: a label only, never part of a path or command. */
  readonly name: string;
  readonly vcpus: number;
  readonly memoryMib: number;
  readonly machineType: string | null;
  readonly firmware: 'bios' | 'uefi';
  readonly videoModel: string | null;
  readonly hasRng: boolean;
  /** Whether QEMU's agent runs in the guest, and is to be given its channel; absent is no. */
  readonly hasGuestAgent?: boolean | undefined;
  readonly disks: readonly GuestDisk[];
  readonly interfaces: readonly GuestInterface[];
  readonly hasConfigDrive: boolean;
  readonly metadata: GuestMetadata;
  readonly power: PowerState;
  /**
   * Rises each time somebody asks for a power state. A guest that stops by itself is not started again until this rises,
   * except when the host itself had gone down.
   */
  readonly powerSerial: number;
  /** Rises with each reboot asked for; the newest decides how. */
  readonly rebootSerial: number;
  readonly rebootType: 'soft' | 'hard';
  /** Copies of disks that are wanted and not given to the controller yet; what is no longer listed is thrown away. */
  readonly snapshots?: readonly GuestSnapshot[] | undefined;
}

/** A copy of one of the guest's disks, to be made in qcow2 format and given to the controller once. */
export interface GuestSnapshot {
  /** The image that it becomes; also what tells one snapshot from another. */
  readonly imageId: string;
  /** {@link GuestDisk.name} */
  readonly disk: string;
}

export interface DesiredGuests {
  /** Rises with each change of the host's guests; 0 before the first. */
  readonly revision: number;
  readonly guests: readonly DesiredGuest[];
  /**
   * When there: of the guests that are not desired, only these are to go. The others are kept untouched, as the controller's
   * database was put back from a backup and may not know them.
   */
  readonly onlyRemove?: readonly string[] | undefined;
}

/** What the host sees of one guest. */
export interface ObservedGuest {
  readonly id: string;
  readonly power: PowerState | 'crashed' | 'absent';
  /** Numbers carried out so far; 0 when none. */
  readonly powerSerial: number;
  readonly rebootSerial: number;
  /** Ports whose interface is plugged into the guest. */
  readonly portIds: readonly string[];
  /** Why the guest isn't as desired yet, for people; absent when it is or is on its way. */
  readonly problem?: GuestProblem | undefined;
  /** Snapshots that are wanted of it; absent when none is. */
  readonly snapshots?: readonly ObservedSnapshot[] | undefined;
}

export interface ObservedSnapshot {
  readonly imageId: string;
  /** The copy is whole, and waits to be given to the controller. */
  readonly isMade: boolean;
  readonly problem?: GuestProblem | undefined;
}

export interface GuestProblem {
  /** Stable and dotted, such as `guest.image.download`. */
  readonly code: string;
  readonly message: string;
  /** How often it was tried; the agent goes on trying with back-off, the controller decides when it's enough. */
  readonly attempts: number;
}

export interface GuestsReport {
  /** The desired revision that this report has seen. */
  readonly revision: number;
  readonly guests: readonly ObservedGuest[];
  /** Guests on the host that are not ours: shown by `pileus status`, never touched. */
  readonly strangers: readonly string[];
}
