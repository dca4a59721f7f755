/**
 * Guests by libvirt and QEMU.
 *
 * Theory of operation. A guest of ours is a persistent domain that carries our mark and our cloud's id in its metadata;
 * all others are strangers, whatever they are called (`own-domains.ts`). The domain holds what was carried out
 * (`GuestMarks`); its folder holds its disks, config drive and console log (`disks.ts`). libvirt is reached when it is
 * needed (`connection.ts`).
 */
import { mkdir, readdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { GuestMetadata } from '#protocol/guests.ts';
import { type ComputeDriver, DriverError } from '../contract.ts';
import { type ConnectionOptions, createConnection } from './connection.ts';
import { openVncSocket, readConsole } from './consoles.ts';
import { readDiagnostics } from './diagnostics.ts';
import { type ConfigDriveFile, chooseDiskCache, createGuestFiles } from './disks.ts';
import { domainXml, MARKS_NAMESPACE, MARKS_PREFIX, marksXml } from './domain.ts';
import { collectFacts } from './facts.ts';
import { findUefi } from './firmware.ts';
import { createImageCache } from './images.ts';
import { findGuest, getGuest, isUp, readDomains } from './own-domains.ts';
import { readPasswordOutcome } from './password.ts';
import { createPluggingSteps } from './plugging.ts';
import { createPowerSteps, destroy } from './power.ts';
import { hostSession, processAge } from './processes.ts';
import { ignoringError } from './rpc/errors.ts';
import { errorNumber, statsFlag, undefineFlag } from './rpc/protocol.ts';
import { createSnapshotSteps, listSnapshots } from './snapshots.ts';

export interface LibvirtDriverOptions extends ConnectionOptions {
  /** Guests of other clouds on the same libvirt are strangers. */
  readonly cloudId: string;
  readonly downloadImage: (imageId: string, signal: AbortSignal) => Promise<NodeJS.ReadableStream>;
  readonly renderConfigDrive: (metadata: GuestMetadata) => readonly ConfigDriveFile[];
  /** What the host keeps for itself, as nova's `reserved_host_memory_mb`. */
  readonly reservedMemoryMib?: number;
}

const RESERVED_MEMORY_MIB = 512;
/** With less room than this a guest that a full disk has stopped would stop again at once. */
const FULL_BYTES = 64 * 2 ** 20;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Builds the driver; libvirt is not reached for before the first call. */
export function createLibvirtDriver(options: LibvirtDriverOptions): ComputeDriver {
  const { clock, exec, log, dataDir, cloudId } = options;
  const connection = createConnection(options);
  const images = createImageCache({ folder: join(dataDir, 'images'), download: options.downloadImage, clock });
  const files = createGuestFiles({
    folder: join(dataDir, 'guests'),
    images,
    exec,
    renderConfigDrive: options.renderConfigDrive,
  });

  return {
    async observe(signal) {
      const { client } = await connection.open();
      const { guests, strangers } = await readDomains(client, cloudId, signal);
      const present = new Set(guests.map((guest) => guest.id));
      const withSnapshots = guests.map(async (guest) => {
        const snapshots = await listSnapshots(files.folder(guest.id));
        return snapshots.length === 0 ? guest : { ...guest, snapshots };
      });
      const folders = (await files.list()).filter((name) => UUID.test(name));
      return {
        guests: await Promise.all(withSnapshots),
        remains: folders.filter((id) => !present.has(id)),
        strangers,
        session: await hostSession(),
        devices: new Set(await readdir('/sys/class/net')),
        isDiskFull: await isFull(dataDir),
      };
    },

    prepareDisks: (guest, signal) => files.prepare(guest, signal),

    async define(guest, marks, signal) {
      const { client, virtType } = await connection.open();
      await findGuest(client, cloudId, guest.id); // refuses strangers
      const node = await client.nodeInfo({ signal });
      const xml = domainXml(guest, marks, {
        virtType,
        arch: node.model,
        cloudId,
        disks: files.attached(guest),
        consoleLog: files.consoleLog(guest.id),
        diskCache: await chooseDiskCache(dataDir),
        uefi: guest.firmware === 'uefi' ? await findUefi(files.folder(guest.id)) : undefined,
      });
      await client.defineDomain(xml, { signal });
    },

    async mark(guestId, marks, signal) {
      const { client } = await connection.open();
      const { domain } = await getGuest(client, cloudId, guestId);
      const element = { xml: marksXml(marks, cloudId).xml, prefix: MARKS_PREFIX, namespace: MARKS_NAMESPACE };
      await client.setMetadata(domain, element, await isUp(client, domain), { signal });
    },

    ...createPowerSteps({ connection, cloudId, clock, log }),
    ...createPluggingSteps({ connection, cloudId, clock }),
    ...createSnapshotSteps({ connection, cloudId, files, exec, clock }),

    async remove(guestId, signal) {
      const { client } = await connection.open();
      const found = await findGuest(client, cloudId, guestId);
      if (found !== undefined) {
        await destroy(client, found.domain, signal);
        const flags = undefineFlag.managedSave | undefineFlag.snapshotsMetadata | undefineFlag.nvram;
        await ignoringError(errorNumber.noDomain, client.undefineDomain(found.domain, flags, { signal }));
      }
      await files.remove(guestId);
      await images.prune(await files.imagesInUse());
    },

    async facts(signal) {
      const { client, virtType } = await connection.open();
      await mkdir(dataDir, { recursive: true });
      const reservedMemoryMib = options.reservedMemoryMib ?? RESERVED_MEMORY_MIB;
      return collectFacts(client, { virtType, dataDir, reservedMemoryMib }, signal);
    },

    async consoleOutput(guestId, maxBytes) {
      const { client } = await connection.open();
      await getGuest(client, cloudId, guestId);
      return readConsole(files.consoleLog(guestId), maxBytes);
    },

    async openVnc(guestId) {
      const { client, daemon } = await connection.open();
      const { parsed } = await getGuest(client, cloudId, guestId);
      if (parsed.vncSocket === undefined) throw notRunning(guestId);
      return openVncSocket(daemon.toHostPath(parsed.vncSocket));
    },

    async diagnostics(guestId) {
      const { client, daemon } = await connection.open();
      const { domain, parsed } = await getGuest(client, cloudId, guestId);
      if (!(await isUp(client, domain))) throw notRunning(guestId);
      const wanted = statsFlag.cpuTotal | statsFlag.balloon | statsFlag.vcpu | statsFlag.interface | statsFlag.block;
      const [record] = await client.domainStats([domain], wanted);
      const uptimeSeconds = await processAge(daemon.toHostPath(`/run/libvirt/qemu/${domain.name}.pid`));
      const macAddresses = parsed.interfaces.map((port) => port.macAddress);
      return readDiagnostics(record?.stats ?? {}, macAddresses, uptimeSeconds);
    },

    async setPassword(guestId, user, password) {
      const { client } = await connection.open();
      const { domain, parsed } = await getGuest(client, cloudId, guestId);
      if (!(await isUp(client, domain))) throw notRunning(guestId);
      if (!parsed.hasGuestAgent) return { kind: 'no agent' };
      return readPasswordOutcome(client.setUserPassword(domain, user, password));
    },

    onChange: (listener, signal) => connection.onChange(listener, signal),
    close: () => connection.close(),
  };
}

function notRunning(guestId: string): DriverError {
  return new DriverError('guest.not_running', `Guest ${guestId} is not running.`);
}

/** Whether there is hardly any room below a folder. */
async function isFull(folder: string): Promise<boolean> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize < FULL_BYTES;
}
