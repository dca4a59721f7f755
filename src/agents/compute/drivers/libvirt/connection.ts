/**
 * The driver's one connection to libvirt.
 *
 * Theory of operation. It is opened when it is first needed, and again when it has broken; whoever needs it meanwhile shares
 * the one attempt. libvirt's daemon is started by us where the system has none. libvirt's events, and the connection's
 * end, only wake whoever listens: what has changed is looked up.
 */
import { constants } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '#kernel/clock.ts';
import { errorChain } from '#kernel/errors.ts';
import type { Exec } from '#kernel/exec.ts';
import type { Log } from '#kernel/log.ts';
import { DriverError } from '../contract.ts';
import { ensureLibvirt, type LibvirtDaemon } from './daemon.ts';
import { proveKvm } from './kvm-proof.ts';
import { type LibvirtClient, openLibvirt } from './rpc/client.ts';

export interface ConnectionOptions {
  readonly exec: Exec;
  readonly clock: Clock;
  readonly log: Log;
  /** Absolute and short: sockets of guests lie below it. QEMU's user must be able to pass through it. */
  readonly dataDir: string;
  /** `auto` proves KVM by booting something. */
  readonly virtType?: 'auto' | 'kvm' | 'qemu';
  /** Only this daemon; otherwise the system's, or one of our own. */
  readonly libvirtSocket?: string | undefined;
  /** Always a daemon of our own: for several clouds or emulated hosts on one machine. */
  readonly isPrivate?: boolean;
}

/** libvirt, as long as the connection lasts. */
export interface Libvirt {
  readonly client: LibvirtClient;
  readonly daemon: LibvirtDaemon;
  readonly virtType: 'kvm' | 'qemu';
}

export interface Connection {
  /** @throws {DriverError} `libvirt.closed` after `close`, or why libvirt cannot be reached. */
  open(): Promise<Libvirt>;
  onChange(listener: () => void, signal: AbortSignal): void;
  close(): Promise<void>;
}

/** Prepares the connection; nothing is reached for before the first `open`. */
export function createConnection(options: ConnectionOptions): Connection {
  const { log } = options;
  const listeners = new Set<() => void>();
  let opening: Promise<Libvirt> | undefined;
  let isClosed = false;

  function notify(): void {
    for (const listener of listeners) listener();
  }

  async function connect(): Promise<Libvirt> {
    const libvirt = await openDaemon(options);
    libvirt.client.onLifecycle(notify);
    libvirt.client.onClose(() => {
      opening = undefined;
      notify();
    });
    return libvirt;
  }

  return {
    async open() {
      if (isClosed) throw new DriverError('libvirt.closed', 'The libvirt driver is closed.');
      opening ??= connect().catch((error: unknown) => {
        opening = undefined;
        throw error;
      });
      return opening;
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

async function openDaemon(options: ConnectionOptions): Promise<Libvirt> {
  const { exec, clock, log, dataDir } = options;
  const virtType = await chooseVirtType(options);
  await mkdir(dataDir, { recursive: true, mode: 0o711 });
  const closed = await findClosedFolder(dataDir);
  if (closed !== undefined) log.warn({ folder: closed }, "QEMU's user cannot pass this folder to its disks: chmod o+x");
  const daemon = await ensureLibvirt({
    exec,
    clock,
    log,
    folder: join(dataDir, 'libvirt'),
    socketPath: options.libvirtSocket,
    isPrivate: options.isPrivate,
    hidesKvm: virtType === 'qemu',
  });
  return { client: await openLibvirt(daemon.socketPath), daemon, virtType };
}

async function chooseVirtType({ virtType, dataDir, exec, log }: ConnectionOptions): Promise<'kvm' | 'qemu'> {
  if (virtType === 'kvm' || virtType === 'qemu') return virtType;
  await mkdir(dataDir, { recursive: true });
  const verdict = await proveKvm({ exec, folder: dataDir });
  if (!verdict.isUsable) log.warn({ reason: verdict.reason }, 'KVM cannot be used, guests are emulated');
  return verdict.isUsable ? 'kvm' : 'qemu';
}

/** The first folder on the way that is closed to other users; QEMU is one. */
async function findClosedFolder(path: string): Promise<string | undefined> {
  const above = dirname(path) === path ? undefined : await findClosedFolder(dirname(path));
  if (above !== undefined) return above;
  return ((await stat(path)).mode & constants.S_IXOTH) === 0 ? path : undefined;
}
