/**
 * The files of guests: one folder each, `<guests>/<server id>/`.
 *
 * Theory of operation. A disk is whole once its record (`<disk>.json`) is there, which is written last; without the
 * record it was never used and is made anew. A record says what the disk was made from: when the desired source or
 * generation differs, the disk is made anew too (rebuild), otherwise it only ever grows.
 */
import { constants } from 'node:fs';
import { chmod, mkdir, mkdtemp, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Exec, ExecError } from '#kernel/exec.ts';
import { writeFileAtomic } from '#kernel/files.ts';
import type { DesiredGuest, GuestDisk, GuestMetadata } from '#protocol/guests.ts';
import { DriverError } from '../contract.ts';
import type { AttachedDisk } from './domain.ts';
import type { ImageCache, ImageSource } from './images.ts';
import { virtualSize } from './qcow2.ts';

const GIB = 1024 ** 3;
/** Whatever reads an image is bounded: a crafted one could have qemu-img eat memory or time without end. */
const QEMU_IMG = ['prlimit', '--as=1073741824', '--cpu=30', 'qemu-img'] as const;
/** Programs that make the ISO image, by the names that distributions know them by. */
const ISO_MAKERS = ['genisoimage', 'mkisofs', 'xorrisofs'] as const;

/** A file of a config drive; its path is relative and made of plain names. */
export interface ConfigDriveFile {
  readonly path: string;
  readonly content: string | Uint8Array;
}

interface DiskRecord {
  readonly sha512: string | null;
  readonly generation: number;
  readonly sizeBytes: number;
}

export interface GuestFiles {
  folder(guestId: string): string;
  consoleLog(guestId: string): string;
  /** Makes what is missing; a whole disk is left alone or grown. */
  prepare(guest: DesiredGuest, signal: AbortSignal): Promise<void>;
  /** The guest's disks as a definition names them, config drive last. */
  attached(guest: DesiredGuest): AttachedDisk[];
  remove(guestId: string): Promise<void>;
  /** Guests that have a folder. */
  list(): Promise<string[]>;
  /** Checksums of the images that disks stand on. */
  imagesInUse(): Promise<Set<string>>;
}

export function createGuestFiles(parts: {
  readonly folder: string;
  readonly images: ImageCache;
  readonly exec: Exec;
  readonly renderConfigDrive: (metadata: GuestMetadata) => readonly ConfigDriveFile[];
}): GuestFiles {
  const { images, exec } = parts;
  const folder = (guestId: string): string => join(parts.folder, guestId);

  async function prepareDisk(guest: DesiredGuest, disk: GuestDisk, signal: AbortSignal): Promise<void> {
    const file = diskFile(folder(guest.id), disk);
    const record = await readRecord(file);
    const wanted = {
      sha512: disk.source.type === 'image' ? disk.source.sha512 : null,
      generation: disk.generation ?? 0,
    };
    if (record !== undefined && record.sha512 === wanted.sha512 && record.generation === wanted.generation) {
      return growDisk(file, disk, record, signal);
    }
    await rm(`${file}.json`, { force: true });
    const sizeBytes =
      disk.source.type === 'image'
        ? await makeFromImage(file, disk, disk.source, signal)
        : await makeBlank(file, disk, signal);
    await writeRecord(file, { ...wanted, sizeBytes });
  }

  /** @returns the disk's size. */
  async function makeFromImage(
    file: string,
    disk: GuestDisk,
    source: ImageSource,
    signal: AbortSignal,
  ): Promise<number> {
    const base = await images.fetch(source, signal);
    const format = qemuFormat(source);
    const imageBytes = await virtualSize(base, format);
    if (disk.device === 'cdrom') return imageBytes;
    const sizeBytes = disk.sizeGib === 0 ? imageBytes : disk.sizeGib * GIB;
    if (sizeBytes < imageBytes) {
      throw new DriverError(
        'guest.disk.too_small',
        `Disk ${disk.name} has ${disk.sizeGib} GiB, but image ${source.imageId} needs ${Math.ceil(imageBytes / GIB)}.`,
      );
    }
    // -u: the base has been looked at above, and is not opened
    await exec.check(
      {
        argv: [
          ...QEMU_IMG,
          'create',
          '-q',
          '-u',
          '-f',
          'qcow2',
          '-F',
          format,
          '-b',
          base,
          `${file}.part`,
          String(sizeBytes),
        ],
      },
      signal,
    );
    await chmod(`${file}.part`, 0o600); // libvirt gives it to QEMU's user while the guest runs
    await rename(`${file}.part`, file);
    return sizeBytes;
  }

  /** Swap and ephemeral disks come formatted, as from nova. @returns the disk's size. */
  async function makeBlank(file: string, disk: GuestDisk, signal: AbortSignal): Promise<number> {
    const sizeBytes = disk.sizeGib * GIB;
    const part = await open(`${file}.part`, 'w', 0o600);
    try {
      await part.truncate(sizeBytes);
    } finally {
      await part.close();
    }
    if (disk.name === 'swap') await exec.check({ argv: ['mkswap', `${file}.part`] }, signal);
    if (/^ephemeral\d+$/.test(disk.name)) {
      await exec.check(
        { argv: ['mkfs.ext4', '-q', '-F', '-L', disk.name, '-E', 'lazy_itable_init=1,nodiscard', `${file}.part`] },
        signal,
      );
    }
    await rename(`${file}.part`, file);
    return sizeBytes;
  }

  async function growDisk(file: string, disk: GuestDisk, record: DiskRecord, signal: AbortSignal): Promise<void> {
    const sizeBytes = disk.sizeGib * GIB;
    if (disk.device === 'cdrom' || sizeBytes <= record.sizeBytes) return;
    const format = disk.source.type === 'image' ? 'qcow2' : 'raw';
    await exec.check({ argv: [...QEMU_IMG, 'resize', '-q', '-f', format, file, String(sizeBytes)] }, signal);
    await writeRecord(file, { ...record, sizeBytes });
  }

  async function prepareConfigDrive(guest: DesiredGuest, signal: AbortSignal): Promise<void> {
    const file = join(folder(guest.id), CONFIG_DRIVE);
    if ((await readRecord(file)) !== undefined) return;
    const tree = await mkdtemp(join(folder(guest.id), 'config-'));
    try {
      for (const { path, content } of parts.renderConfigDrive(guest.metadata)) {
        await mkdir(dirname(join(tree, path)), { recursive: true });
        await writeFile(join(tree, path), content);
      }
      await makeIso(tree, `${file}.part`, signal);
      await chmod(`${file}.part`, 0o600); // it may hold a password
      await rename(`${file}.part`, file);
    } finally {
      await rm(tree, { recursive: true, force: true });
    }
    await writeRecord(file, { sha512: null, generation: 0, sizeBytes: 0 });
  }

  async function makeIso(tree: string, file: string, signal: AbortSignal): Promise<void> {
    const options = [
      '-quiet',
      '-o',
      file,
      '-ldots',
      '-allow-lowercase',
      '-allow-multidot',
      '-l',
      '-J',
      '-r',
      '-V',
      'config-2',
      tree,
    ];
    for (const program of ISO_MAKERS) {
      try {
        await exec.check({ argv: [program, ...options] }, signal);
        return;
      } catch (error) {
        if (!(error instanceof ExecError) || error.code !== 'exec.missing') throw error;
      }
    }
    throw new DriverError(
      'guest.config_drive',
      `Config drives need one of ${ISO_MAKERS.join(', ')} on the host: install genisoimage.`,
    );
  }

  return {
    folder,
    consoleLog: (guestId) => join(folder(guestId), 'console.log'),
    async prepare(guest, signal) {
      await mkdir(folder(guest.id), { recursive: true, mode: 0o711 });
      for (const disk of guest.disks) await prepareDisk(guest, disk, signal);
      if (guest.hasConfigDrive) await prepareConfigDrive(guest, signal);
    },
    attached(guest) {
      const disks = guest.disks.map((disk) => attachedDisk(folder(guest.id), disk, images));
      return guest.hasConfigDrive ? [...disks, configDrive(guest, folder(guest.id))] : disks;
    },
    remove: (guestId) => rm(folder(guestId), { recursive: true, force: true }),
    list: () => readdir(parts.folder).catch(() => []),
    async imagesInUse() {
      const used = new Set<string>();
      for (const guestId of await readdir(parts.folder).catch(() => [])) {
        for (const name of await readdir(folder(guestId)).catch(() => [])) {
          const record = name.endsWith('.json')
            ? await readRecord(join(folder(guestId), name.slice(0, -5)))
            : undefined;
          if (record?.sha512 != null) used.add(record.sha512);
        }
      }
      return used;
    },
  };
}

const CONFIG_DRIVE = 'config-drive.iso';

/** On virtio where the guest's disks are too, for it has that driver for sure; as a CD otherwise. */
function configDrive(guest: DesiredGuest, folder: string): AttachedDisk {
  const rootBus = guest.disks[0]?.bus ?? 'virtio';
  const hasSata = (guest.machineType ?? '').includes('q35') || guest.firmware === 'uefi';
  const place =
    rootBus === 'virtio'
      ? ({ device: 'disk', bus: 'virtio' } as const)
      : ({ device: 'cdrom', bus: hasSata ? 'sata' : 'ide' } as const);
  return { path: join(folder, CONFIG_DRIVE), format: 'raw', isReadOnly: true, ...place };
}

function attachedDisk(folder: string, disk: GuestDisk, images: ImageCache): AttachedDisk {
  const common = { device: disk.device, bus: disk.bus, bootIndex: disk.bootIndex };
  if (disk.source.type === 'blank')
    return { ...common, path: diskFile(folder, disk), format: 'raw', isReadOnly: false };
  const base = { path: images.path(disk.source.sha512), format: qemuFormat(disk.source) };
  if (disk.device === 'cdrom') return { ...common, ...base, isReadOnly: true, isShared: true };
  return { ...common, path: diskFile(folder, disk), format: 'qcow2', backing: base, isReadOnly: false };
}

function diskFile(folder: string, disk: GuestDisk): string {
  return join(folder, diskNamed(disk.name));
}

/** The file name of a disk. */
export function diskNamed(name: string): string {
  return `disk-${name}`;
}

function qemuFormat(source: ImageSource): 'raw' | 'qcow2' {
  return source.format === 'qcow2' ? 'qcow2' : 'raw';
}

async function readRecord(file: string): Promise<DiskRecord | undefined> {
  const text = await readFile(`${file}.json`, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as DiskRecord);
}

async function writeRecord(file: string, record: DiskRecord): Promise<void> {
  await writeFileAtomic(`${file}.json`, JSON.stringify(record));
}

/** `none` (direct I/O) where the file system of the disks can do that; some, such as old tmpfs, cannot. */
export async function chooseDiskCache(folder: string): Promise<'none' | 'writeback'> {
  const path = join(folder, '.direct-io');
  try {
    const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_DIRECT, 0o600);
    await file.close();
    return 'none';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EINVAL') return 'writeback';
    throw error;
  } finally {
    await rm(path, { force: true });
  }
}
