/**
 * What a hypervisor driver must do for the compute agent.
 *
 * Theory of operation. A driver holds no desired state and decides nothing: it reads what is there, and carries out single
 * steps, each of which may be repeated. What has been carried out is written down with the guest itself
 * ({@link GuestMarks}), so that it lives and dies with the guest, whoever forgets what. A driver touches only guests
 * that carry the mark of its own cloud.
 */

import type { Duplex, Readable } from 'node:stream';
import type { GuestDiagnostics, PasswordOutcome } from '#protocol/agent.ts';
import type { DesiredGuest, GuestInterface, GuestSnapshot } from '#protocol/guests.ts';
import type { HypervisorFacts } from '#protocol/hosts.ts';

/** What a guest is doing. `suspended` is off, with its memory saved on the disk. */
export type GuestPower = 'running' | 'paused' | 'stopped' | 'suspended' | 'crashed';

/** What has been carried out, kept with the guest. */
export interface GuestMarks {
  readonly powerSerial: number;
  readonly rebootSerial: number;
  /** The reboot whose switching-off is done; the guest is to be started for it unless `rebootSerial` has caught up. */
  readonly rebootingSerial: number;
  /**
   * The host's session (see {@link ComputeActual.session}) in which the guest was last started; empty once it is known to
   * have stopped, by our doing or its own. A stopped guest with another session was taken down by the host.
   */
  readonly session: string;
}

export const NO_MARKS: GuestMarks = { powerSerial: 0, rebootSerial: 0, rebootingSerial: 0, session: '' };

export interface GuestActual {
  readonly id: string;
  readonly power: GuestPower;
  /** Paused by the hypervisor, and not by us, because a disk of its could not be written. */
  readonly isHeldByDisk?: boolean | undefined;
  readonly marks: GuestMarks;
  /** What is plugged in; when the guest is off, what it would be started with. */
  readonly interfaces: readonly { readonly portId: string; readonly deviceName: string }[];
  /** Copies of its disks that lie on the host; absent is none. */
  readonly snapshots?: readonly SnapshotActual[] | undefined;
}

export interface SnapshotActual {
  readonly imageId: string;
  /** False for what an attempt that was cut short has left. */
  readonly isWhole: boolean;
}

/** All that a driver sees on its host. */
export interface ComputeActual {
  readonly guests: readonly GuestActual[];
  /** Guests of ours of which only files are left. */
  readonly remains: readonly string[];
  /** Names of guests that aren't ours. */
  readonly strangers: readonly string[];
  /** Differs each time the host has come up; the same while only the agent or the hypervisor's daemon restarts. */
  readonly session: string;
  /** Network devices of the host, where the taps that interfaces need show up. */
  readonly devices: { has(name: string): boolean };
  /** Whether the file system with the guests' disks has hardly any room left; a guest that it holds would stop at its next write. */
  readonly isDiskFull?: boolean | undefined;
}

/**
 * @throws {DriverError} from every function; repeating a call after a failure is harmless.
 */
export interface ComputeDriver {
  /** Reads all guests. */
  observe(signal: AbortSignal): Promise<ComputeActual>;
  /** Makes the guest's disks and config drive as far as they are missing; never touches one that holds data it should keep. */
  prepareDisks(guest: DesiredGuest, signal: AbortSignal): Promise<void>;
  /** Writes down what the guest is, to take effect when it starts next, with `marks`. */
  define(guest: DesiredGuest, marks: GuestMarks, signal: AbortSignal): Promise<void>;
  /** Replaces the marks and nothing else. */
  mark(guestId: string, marks: GuestMarks, signal: AbortSignal): Promise<void>;
  /** Starts a defined guest, from its saved memory if there is any. */
  start(guestId: string, options: { readonly isPaused: boolean }, signal: AbortSignal): Promise<void>;
  /** Asks the guest to shut down, waits up to `graceMs`, then takes its power away. */
  shutDown(guestId: string, graceMs: number, signal: AbortSignal): Promise<void>;
  /** Takes the guest's power away, and its saved memory. */
  powerOff(guestId: string, signal: AbortSignal): Promise<void>;
  pause(guestId: string, signal: AbortSignal): Promise<void>;
  resume(guestId: string, signal: AbortSignal): Promise<void>;
  /** Saves the guest's memory on the disk and stops it. */
  suspend(guestId: string, signal: AbortSignal): Promise<void>;
  /** Plugs an interface in, now and for later starts. Its tap must be there. */
  attachInterface(guestId: string, port: GuestInterface, signal: AbortSignal): Promise<void>;
  /** Unplugs an interface, now and for later starts; returns when the guest has let go of it. */
  detachInterface(guestId: string, portId: string, signal: AbortSignal): Promise<void>;
  /**
   * Copies one of the guest's disks as it is at one moment, in qcow2 format and with nothing under it; the guest is not stopped. What an
   * earlier attempt has left is thrown away first.
   * @throws {DriverError} `guest.absent`, `guest.disk.missing`, `guest.snapshot`.
   */
  makeSnapshot(guestId: string, snapshot: GuestSnapshot, signal: AbortSignal): Promise<void>;
  /** The bytes of a whole copy. @throws {DriverError} `guest.snapshot.missing`. */
  openSnapshot(guestId: string, imageId: string): Promise<Readable>;
  /** Removes a copy, whole or not. Without effect when there is none. */
  removeSnapshot(guestId: string, imageId: string, signal: AbortSignal): Promise<void>;
  /** Stops the guest and removes all of it, files included. Without effect when there is none. */
  remove(guestId: string, signal: AbortSignal): Promise<void>;

  facts(signal: AbortSignal): Promise<HypervisorFacts>;
  /** @throws {DriverError} `guest.absent`. */
  consoleOutput(guestId: string, maxBytes: number): Promise<Buffer>;
  /** @throws {DriverError} `guest.absent`, `guest.not_running`. */
  openVnc(guestId: string): Promise<Duplex>;
  /** @throws {DriverError} `guest.absent`, `guest.not_running`. */
  diagnostics(guestId: string): Promise<GuestDiagnostics>;
  /** Asks the agent inside the guest. @throws {DriverError} `guest.absent`, `guest.not_running`. */
  setPassword(guestId: string, user: string, password: string): Promise<PasswordOutcome>;

  /** Calls back, until `signal` aborts, whenever a guest may have changed by itself. */
  onChange(listener: () => void, signal: AbortSignal): void;
  close(): Promise<void>;
}

/** Something the hypervisor or the host refused. */
export class DriverError extends Error {
  /** Stable and dotted, such as `guest.image.checksum`. */
  readonly code: string;

  constructor(code: string, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
  }
}
