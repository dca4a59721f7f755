/**
 * Guests by libvirt and QEMU.
 *
 * Theory of operation. A guest of ours is a persistent domain that carries our mark and our cloud's id in its metadata;
 * all others are strangers, whatever they are called. The domain holds what was carried out (`GuestMarks`); its folder
 * holds its disks, config drive and console log. The connection to libvirt is opened when it is needed and again when it
 * has broken; libvirt's daemon is started by us where the system has none. libvirt's events only wake the agent.
 */
import { constants } from 'node:fs';
import { access, mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { Clock } from '#kernel/clock.ts';
import { errorChain } from '#kernel/errors.ts';
import type { Exec } from '#kernel/exec.ts';
import type { Log } from '#kernel/log.ts';
import type { GuestInterface, GuestMetadata } from '#protocol/guests.ts';
import { type ComputeActual, type ComputeDriver, DriverError, type GuestActual, type GuestPower } from '../contract.ts';
import { ensureLibvirt, type LibvirtDaemon } from './daemon.ts';
import { readDiagnostics } from './diagnostics.ts';
import { type ConfigDriveFile, createGuestFiles } from './disks.ts';
import {
  domainXml,
  interfaceXml,
  MARKS_NAMESPACE,
  MARKS_PREFIX,
  marksXml,
  type ParsedDomain,
  parseDomain,
  pluggedInterfaceXml,
} from './domain.ts';
import { collectFacts } from './facts.ts';
import { createImageCache } from './images.ts';
import { proveKvm } from './kvm-proof.ts';
import { type DomainRef, type LibvirtClient, openLibvirt } from './rpc/client.ts';
import { isLibvirtError } from './rpc/errors.ts';
import {
  affect,
  createFlag,
  domainState,
  errorNumber,
  shutdownFlag,
  shutOffReason,
  statsFlag,
  undefineFlag,
} from './rpc/protocol.ts';

export interface LibvirtDriverOptions {
  readonly exec: Exec;
  readonly clock: Clock;
  readonly log: Log;
  /** Absolute and short: sockets of guests lie below it. QEMU's user must be able to pass through it. */
  readonly dataDir: string;
  /** Guests of other clouds on the same libvirt are strangers. */
  readonly cloudId: string;
  readonly downloadImage: (imageId: string, signal: AbortSignal) => Promise<NodeJS.ReadableStream>;
  readonly renderConfigDrive: (metadata: GuestMetadata) => readonly ConfigDriveFile[];
  /** `auto` proves KVM by booting something. */
  readonly virtType?: 'auto' | 'kvm' | 'qemu';
  /** Only this daemon; otherwise the system's, or one of our own. */
  readonly libvirtSocket?: string | undefined;
  /** Always a daemon of our own: for several clouds or emulated hosts on one machine. */
  readonly isPrivate?: boolean;
  /** What the host keeps for itself, as nova's `reserved_host_memory_mb`. */
  readonly reservedMemoryMib?: number;
}

const RESERVED_MEMORY_MIB = 512;
/** QEMU comes up in a second; restoring a large saved memory takes longer. */
const START_MS = 120_000;
/** A large guest's memory takes its time to be written. */
const SUSPEND_MS = 600_000;
/** How often a guest's power state is looked at while it shuts down, and an interface while it is let go. */
const POLL_MS = 200;
/** A guest that is booting may miss the first request to shut down. */
const ASK_AGAIN_MS = 10_000;
/** Guests let go of a device within a second, or never. */
const DETACH_MS = 20_000;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Code and variables of the UEFI firmware, by distribution. */
const UEFI_FIRMWARE = [
  ['/usr/share/OVMF/OVMF_CODE_4M.fd', '/usr/share/OVMF/OVMF_VARS_4M.fd'],
  ['/usr/share/OVMF/OVMF_CODE.fd', '/usr/share/OVMF/OVMF_VARS.fd'],
  ['/usr/share/edk2/ovmf/OVMF_CODE.fd', '/usr/share/edk2/ovmf/OVMF_VARS.fd'],
] as const;

interface Connection {
  readonly client: LibvirtClient;
  readonly daemon: LibvirtDaemon;
  readonly virtType: 'kvm' | 'qemu';
}

/** Builds the driver; libvirt is not reached for before the first call. */
export function createLibvirtDriver(options: LibvirtDriverOptions): ComputeDriver {
  const { clock, exec, log, dataDir, cloudId } = options;
  const images = createImageCache({ folder: join(dataDir, 'images'), download: options.downloadImage, clock });
  const files = createGuestFiles({
    folder: join(dataDir, 'guests'),
    images,
    exec,
    renderConfigDrive: options.renderConfigDrive,
  });
  const listeners = new Set<() => void>();
  let opening: Promise<Connection> | undefined;
  let isClosed = false;

  /** The connection, opened if there is none; callers share one attempt. */
  async function connection(): Promise<Connection> {
    if (isClosed) throw new DriverError('libvirt.closed', 'The libvirt driver is closed.');
    opening ??= openConnection().catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  }

  async function openConnection(): Promise<Connection> {
    const virtType = await chooseVirtType();
    await mkdir(dataDir, { recursive: true, mode: 0o711 });
    const closed = await findClosedFolder(dataDir);
    if (closed !== undefined)
      log.warn({ folder: closed }, "QEMU's user cannot pass this folder to its disks: chmod o+x");
    const daemon = await ensureLibvirt({
      exec,
      clock,
      log,
      folder: join(dataDir, 'libvirt'),
      socketPath: options.libvirtSocket,
      isPrivate: options.isPrivate,
      hidesKvm: virtType === 'qemu',
    });
    const client = await openLibvirt(daemon.socketPath);
    client.onLifecycle(notify);
    client.onClose(() => {
      opening = undefined;
      notify();
    });
    return { client, daemon, virtType };
  }

  function notify(): void {
    for (const listener of listeners) listener();
  }

  async function chooseVirtType(): Promise<'kvm' | 'qemu'> {
    if (options.virtType === 'kvm' || options.virtType === 'qemu') return options.virtType;
    await mkdir(dataDir, { recursive: true });
    const verdict = await proveKvm({ exec, folder: dataDir });
    if (!verdict.isUsable) log.warn({ reason: verdict.reason }, 'KVM cannot be used, guests are emulated');
    return verdict.isUsable ? 'kvm' : 'qemu';
  }

  /** A domain of ours with what it says of itself. @throws {DriverError} `guest.absent`, `guest.stranger`. */
  async function getGuest(
    client: LibvirtClient,
    guestId: string,
  ): Promise<{ domain: DomainRef; parsed: ParsedDomain }> {
    const found = await findGuest(client, guestId);
    if (found === undefined) throw new DriverError('guest.absent', `Guest ${guestId} is not on this host.`);
    return found;
  }

  async function findGuest(
    client: LibvirtClient,
    guestId: string,
  ): Promise<{ domain: DomainRef; parsed: ParsedDomain } | undefined> {
    const domain = await client.findDomain(guestId);
    if (domain === undefined) return undefined;
    const parsed = parseDomain(await client.domainXml(domain, 0));
    if (parsed.cloudId !== cloudId)
      throw new DriverError('guest.stranger', `Domain ${domain.name} has a guest's id, but is not ours.`);
    return { domain, parsed };
  }

  async function describe(
    client: LibvirtClient,
    domain: DomainRef,
    signal: AbortSignal,
  ): Promise<GuestActual | undefined> {
    const [xml, state, isSaved] = await Promise.all([
      client.domainXml(domain, 0, { signal }),
      client.domainState(domain, { signal }),
      client.hasManagedSave(domain, { signal }),
    ]);
    const parsed = parseDomain(xml);
    if (parsed.cloudId !== cloudId) return undefined;
    const interfaces = parsed.interfaces.map(({ portId, deviceName }) => ({ portId, deviceName }));
    const isLost = wasTakenDown(state) && !isSaved && parsed.marks.session !== '';
    const marks = isLost ? { ...parsed.marks, session: LOST_SESSION } : parsed.marks;
    return { id: domain.uuid, power: powerOf(state, isSaved), marks, interfaces };
  }

  async function waitUntilOff(
    client: LibvirtClient,
    domain: DomainRef,
    graceMs: number,
    signal: AbortSignal,
  ): Promise<boolean> {
    const start = clock.monotonicMs();
    let askedMs = Number.NEGATIVE_INFINITY;
    while (clock.monotonicMs() - start < graceMs) {
      if (!isUp(await client.domainState(domain, { signal }))) return true;
      if (clock.monotonicMs() - askedMs >= ASK_AGAIN_MS) {
        askedMs = clock.monotonicMs();
        await ignoring(
          errorNumber.operationInvalid,
          client.shutdownDomain(domain, shutdownFlag.acpiPowerButton, { signal }),
        );
      }
      await clock.sleep(POLL_MS, signal);
      signal.throwIfAborted();
    }
    return !isUp(await client.domainState(domain, { signal }));
  }

  /** Takes the power away; without effect on a guest that is off. */
  async function destroy(client: LibvirtClient, domain: DomainRef, signal: AbortSignal): Promise<void> {
    if (!isUp(await client.domainState(domain, { signal }))) return;
    await ignoring(errorNumber.operationInvalid, client.destroyDomain(domain, 0, { signal }));
  }

  return {
    async observe(signal): Promise<ComputeActual> {
      const { client } = await connection();
      const domains = await client.listDomains({ signal });
      const described = await Promise.all(
        domains.map(async (domain) => {
          try {
            return { domain, guest: await describe(client, domain, signal) };
          } catch (error) {
            if (isLibvirtError(error, errorNumber.noDomain)) return undefined; // it went while we looked
            throw error;
          }
        }),
      );
      const seen = described.filter((entry) => entry !== undefined);
      const guests = seen.flatMap(({ guest }) => guest ?? []);
      const present = new Set(guests.map((guest) => guest.id));
      const folders = (await files.list()).filter((name) => UUID.test(name));
      return {
        guests,
        remains: folders.filter((id) => !present.has(id)),
        strangers: seen.filter(({ guest }) => guest === undefined).map(({ domain }) => domain.name),
        session: await hostSession(),
        devices: new Set(await readdir('/sys/class/net')),
      };
    },

    prepareDisks: (guest, signal) => files.prepare(guest, signal),

    async define(guest, marks, signal) {
      const { client, virtType } = await connection();
      await findGuest(client, guest.id); // refuses strangers
      const node = await client.nodeInfo();
      const xml = domainXml(guest, marks, {
        virtType,
        arch: node.model,
        cloudId,
        disks: files.attached(guest),
        consoleLog: files.consoleLog(guest.id),
        diskCache: await diskCache(dataDir),
        uefi: guest.firmware === 'uefi' ? await findUefi(files.folder(guest.id)) : undefined,
      });
      await client.defineDomain(xml, { signal });
    },

    async mark(guestId, marks, signal) {
      const { client } = await connection();
      const { domain } = await getGuest(client, guestId);
      const element = { xml: marksXml(marks, cloudId).xml, prefix: MARKS_PREFIX, namespace: MARKS_NAMESPACE };
      await client.setMetadata(domain, element, isUp(await client.domainState(domain)), { signal });
    },

    async start(guestId, { isPaused }, signal) {
      const { client } = await connection();
      const { domain } = await getGuest(client, guestId);
      if (isUp(await client.domainState(domain, { signal }))) return;
      await client.createDomain(domain, isPaused ? createFlag.startPaused : 0, { timeoutMs: START_MS, signal });
    },

    async shutDown(guestId, graceMs, signal) {
      const { client } = await connection();
      const found = await findGuest(client, guestId);
      if (found === undefined || (await waitUntilOff(client, found.domain, graceMs, signal))) return;
      log.info({ guest: guestId, graceMs }, 'the guest does not shut down, its power is taken away');
      await destroy(client, found.domain, signal);
    },

    async powerOff(guestId, signal) {
      const { client } = await connection();
      const found = await findGuest(client, guestId);
      if (found === undefined) return;
      await destroy(client, found.domain, signal);
      if (await client.hasManagedSave(found.domain, { signal }))
        await client.removeManagedSave(found.domain, { signal });
    },

    async pause(guestId, signal) {
      const { client } = await connection();
      const { domain } = await getGuest(client, guestId);
      await client.suspendDomain(domain, { signal });
    },

    async resume(guestId, signal) {
      const { client } = await connection();
      const { domain } = await getGuest(client, guestId);
      if ((await client.domainState(domain, { signal })).state === domainState.running) return;
      await client.resumeDomain(domain, { signal });
    },

    async suspend(guestId, signal) {
      const { client } = await connection();
      const { domain } = await getGuest(client, guestId);
      if (!isUp(await client.domainState(domain, { signal }))) return;
      await client.managedSave(domain, { timeoutMs: SUSPEND_MS, signal });
    },

    async attachInterface(guestId, port: GuestInterface, signal) {
      const { client } = await connection();
      const { domain, parsed } = await getGuest(client, guestId);
      if (parsed.interfaces.some(({ portId }) => portId === port.portId)) return;
      await client.attachDevice(domain, interfaceXml(port), await impact(client, domain), { signal });
    },

    async detachInterface(guestId, portId, signal) {
      const { client } = await connection();
      const { domain, parsed } = await getGuest(client, guestId);
      const plugged = parsed.interfaces.find((port) => port.portId === portId);
      if (plugged === undefined) return;
      await ignoring(
        errorNumber.deviceMissing,
        client.detachDevice(domain, pluggedInterfaceXml(plugged), await impact(client, domain), { signal }),
      );
      const end = clock.monotonicMs() + DETACH_MS;
      while ((await getGuest(client, guestId)).parsed.interfaces.some((port) => port.portId === portId)) {
        if (clock.monotonicMs() > end)
          throw new DriverError('guest.interface.held', `Guest ${guestId} does not let go of port ${portId}.`);
        await clock.sleep(POLL_MS, signal);
        signal.throwIfAborted();
      }
    },

    async remove(guestId, signal) {
      const { client } = await connection();
      const found = await findGuest(client, guestId);
      if (found !== undefined) {
        await destroy(client, found.domain, signal);
        const flags = undefineFlag.managedSave | undefineFlag.snapshotsMetadata | undefineFlag.nvram;
        await ignoring(errorNumber.noDomain, client.undefineDomain(found.domain, flags, { signal }));
      }
      await files.remove(guestId);
      await images.prune(await files.imagesInUse());
    },

    async facts() {
      const { client, virtType } = await connection();
      await mkdir(dataDir, { recursive: true });
      return collectFacts(client, {
        virtType,
        dataDir,
        reservedMemoryMib: options.reservedMemoryMib ?? RESERVED_MEMORY_MIB,
      });
    },

    async consoleOutput(guestId, maxBytes) {
      const { client } = await connection();
      await getGuest(client, guestId);
      return readConsole(files.consoleLog(guestId), maxBytes);
    },

    async openVnc(guestId): Promise<Duplex> {
      const { client, daemon } = await connection();
      const { parsed } = await getGuest(client, guestId);
      if (parsed.vncSocket === undefined)
        throw new DriverError('guest.not_running', `Guest ${guestId} is not running.`);
      return openSocket(daemon.toHostPath(parsed.vncSocket));
    },

    async diagnostics(guestId) {
      const { client, daemon } = await connection();
      const { domain, parsed } = await getGuest(client, guestId);
      if (!isUp(await client.domainState(domain)))
        throw new DriverError('guest.not_running', `Guest ${guestId} is not running.`);
      const wanted = statsFlag.cpuTotal | statsFlag.balloon | statsFlag.vcpu | statsFlag.interface | statsFlag.block;
      const [record] = await client.domainStats([domain], wanted);
      const uptimeSeconds = await processAge(daemon.toHostPath(`/run/libvirt/qemu/${domain.name}.pid`));
      return readDiagnostics(
        record?.stats ?? {},
        parsed.interfaces.map((port) => port.macAddress),
        uptimeSeconds,
      );
    },

    onChange(listener, signal) {
      listeners.add(listener);
      signal.addEventListener('abort', () => listeners.delete(listener), { once: true });
    },

    async close() {
      isClosed = true;
      const current = await opening?.catch((error: unknown) => {
        log.debug({ error: errorChain(error) }, 'libvirt was not reached before the driver closed');
        return undefined;
      });
      current?.client.close();
    },
  };
}

function isUp({ state }: { readonly state: number }): boolean {
  return state !== domainState.shutOff && state !== domainState.crashed;
}

function powerOf({ state, reason }: { readonly state: number; readonly reason: number }, isSaved: boolean): GuestPower {
  switch (state) {
    case domainState.paused:
      return 'paused';
    case domainState.shutOff:
      if (isSaved) return 'suspended';
      return reason === shutOffReason.crashed ? 'crashed' : 'stopped';
    case domainState.crashed:
      return 'crashed';
    default: // running, waiting, asleep by itself, or just shutting down
      return 'running';
  }
}

/** Whether libvirt itself ended the guest, such as when its daemon was killed while the guest was starting. */
function wasTakenDown({ state, reason }: { readonly state: number; readonly reason: number }): boolean {
  return state === domainState.shutOff && (reason === shutOffReason.daemon || reason === shutOffReason.failed);
}

/** Stands for a session that the host has left, as in `GuestMarks.session`. */
const LOST_SESSION = 'lost';

async function impact(client: LibvirtClient, domain: DomainRef): Promise<number> {
  return isUp(await client.domainState(domain)) ? affect.live | affect.config : affect.config;
}

/** @throws all but the one error that means there was nothing to do. */
async function ignoring(expected: number, call: Promise<void>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!isLibvirtError(error, expected)) throw error;
  }
}

/** The kernel's boot and the first process of our process namespace: an emulated host goes down with the latter. */
async function hostSession(): Promise<string> {
  const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  return `${boot}/${await startTicks(1)}`;
}

/** When a process was started, in clock ticks since the boot (field 22 of `/proc/<pid>/stat`). */
async function startTicks(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/stat`, 'utf8');
  return Number(status.slice(status.lastIndexOf(')') + 2).split(' ')[19]);
}

/** Ticks per second that the kernel shows to programs, on every architecture that we run on. */
const TICKS_PER_SECOND = 100;

async function processAge(pidFile: string): Promise<number> {
  try {
    const ticks = await startTicks(Number(await readFile(pidFile, 'utf8')));
    const uptime = Number((await readFile('/proc/uptime', 'utf8')).split(' ')[0]);
    return Math.max(0, Math.floor(uptime - ticks / TICKS_PER_SECOND));
  } catch (cause) {
    throw new DriverError('guest.not_running', 'The guest has just stopped.', { cause });
  }
}

/** The log's end. libvirt's log daemon begins a new file at 2 MiB and calls the one before `.0`. */
async function readConsole(path: string, maxBytes: number): Promise<Buffer> {
  const newest = await readTail(path, maxBytes);
  if (newest.length >= maxBytes) return newest;
  return Buffer.concat([await readTail(`${path}.0`, maxBytes - newest.length), newest]);
}

async function readTail(path: string, maxBytes: number): Promise<Buffer> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const length = Math.min(size, maxBytes);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0); // never started
    throw error;
  }
}

function openSocket(path: string): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
    socket.once('error', (cause) =>
      reject(new DriverError('guest.vnc', 'The guest does not take a console connection.', { cause })),
    );
  });
}

/** The first folder on the way that is closed to other users; QEMU is one. */
async function findClosedFolder(path: string): Promise<string | undefined> {
  const above = dirname(path) === path ? undefined : await findClosedFolder(dirname(path));
  if (above !== undefined) return above;
  return ((await stat(path)).mode & constants.S_IXOTH) === 0 ? path : undefined;
}

async function findUefi(folder: string): Promise<{ loader: string; template: string; nvram: string }> {
  for (const [loader, template] of UEFI_FIRMWARE) {
    const isThere = await access(loader).then(
      () => true,
      () => false,
    );
    if (isThere) return { loader, template, nvram: join(folder, 'nvram.fd') };
  }
  throw new DriverError('guest.firmware', 'The guest wants UEFI, and the host has no such firmware: install ovmf.');
}

/** `none` (direct I/O) where the file system of the disks can do that; some, such as old tmpfs, cannot. */
async function diskCache(dataDir: string): Promise<'none' | 'writeback'> {
  const path = join(dataDir, '.direct-io');
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
