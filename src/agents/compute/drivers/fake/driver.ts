/**
 * A hypervisor that only pretends: for `pileus up --fake`, and for tests of everything above the driver.
 *
 * Theory of operation. All that a real host would keep lies in a {@link FakeHost}, which outlives drivers and agents as
 * a host outlives its agent. Time comes from the clock alone. `onCall` sees every call before and after its effect and
 * may throw, which is how failures and crashes are made.
 */

import { Readable } from 'node:stream';
import type { Clock } from '#kernel/clock.ts';
import type { GuestDiagnostics } from '#protocol/agent.ts';
import type { DesiredGuest, GuestInterface } from '#protocol/guests.ts';
import type { HypervisorFacts } from '#protocol/hosts.ts';
import {
  type ComputeActual,
  type ComputeDriver,
  DriverError,
  type GuestActual,
  type GuestMarks,
  type GuestPower,
} from '../contract.ts';
import { consoleText } from './console.ts';
import { openFakeVnc } from './rfb.ts';

interface FakeGuest {
  definition: DesiredGuest;
  marks: GuestMarks;
  power: GuestPower;
  interfaces: readonly GuestInterface[];
  /** Since when it is up, and for how long each earlier time. */
  startedMs: number | undefined;
  readonly bootsMs: number[];
  /** Copies of disks by image: whole ones are true. */
  readonly snapshots: Map<string, boolean>;
}

export interface FakeHost {
  readonly guests: Map<string, FakeGuest>;
  readonly disks: Set<string>;
  readonly listeners: Set<() => void>;
  session: string;
  strangers: string[];
  /** Network devices there are; undefined when any name counts as there. */
  devices: Set<string> | undefined;
}

export type FakeCall = Exclude<keyof ComputeDriver, 'onChange' | 'close'>;

export interface FakeOptions {
  readonly clock: Clock;
  readonly host?: FakeHost;
  /** How long a guest takes to boot, as its console shows, and to shut down. */
  readonly bootMs?: number;
  readonly shutDownMs?: number;
  /** How long copying a disk takes. */
  readonly snapshotMs?: number;
  readonly vcpus?: number;
  readonly memoryMib?: number;
  readonly diskGib?: number;
  readonly onCall?: (call: FakeCall, guestId: string | undefined, when: 'before' | 'after') => void;
}

/** A host with nothing on it. */
export function createFakeHost(): FakeHost {
  return {
    guests: new Map(),
    disks: new Set(),
    listeners: new Set(),
    session: 'first',
    strangers: [],
    devices: undefined,
  };
}

/** What a crash of the host leaves: definitions and disks. */
export function crashFakeHost(host: FakeHost, session: string): void {
  host.session = session;
  for (const guest of host.guests.values()) if (guest.power !== 'suspended') stop(guest);
}

/** What a guest's user does inside it. */
export function stopFakeGuest(host: FakeHost, guestId: string): void {
  const guest = host.guests.get(guestId);
  if (guest !== undefined) stop(guest);
  for (const listener of host.listeners) listener();
}

/** Builds the fake driver. */
export function createFakeDriver(options: FakeOptions): ComputeDriver {
  const { clock } = options;
  const host = options.host ?? createFakeHost();
  const bootMs = options.bootMs ?? 500;
  const shutDownMs = options.shutDownMs ?? 200;
  const snapshotMs = options.snapshotMs ?? 0;

  /** Lets `onCall` see a call, and keeps to the contract that any call may be aborted. */
  async function call<T>(
    name: FakeCall,
    guestId: string | undefined,
    signal: AbortSignal | undefined,
    act: () => T | Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted();
    options.onCall?.(name, guestId, 'before');
    const result = await act();
    options.onCall?.(name, guestId, 'after');
    return result;
  }

  function find(guestId: string): FakeGuest {
    const guest = host.guests.get(guestId);
    if (guest === undefined) throw new DriverError('guest.absent', `Guest ${guestId} is not on this host.`);
    return guest;
  }

  function findUp(guestId: string): FakeGuest {
    const guest = find(guestId);
    if (guest.power === 'running' || guest.power === 'paused') return guest;
    throw new DriverError('guest.not_running', `Guest ${guestId} is not running.`);
  }

  return {
    observe: (signal) => call('observe', undefined, signal, () => observe(host)),

    prepareDisks: (guest, signal) =>
      call('prepareDisks', guest.id, signal, () => {
        host.disks.add(guest.id);
      }),

    define: (definition, marks, signal) =>
      call('define', definition.id, signal, () => {
        const before = host.guests.get(definition.id);
        if (before === undefined) {
          const fresh = {
            definition,
            marks,
            power: 'stopped' as const,
            interfaces: definition.interfaces,
            startedMs: undefined,
            bootsMs: [],
            snapshots: new Map(),
          };
          host.guests.set(definition.id, fresh);
          return;
        }
        before.definition = definition;
        before.marks = marks;
        if (before.startedMs === undefined) before.interfaces = definition.interfaces;
      }),

    mark: (guestId, marks, signal) =>
      call('mark', guestId, signal, () => {
        find(guestId).marks = marks;
      }),

    start: (guestId, { isPaused }, signal) =>
      call('start', guestId, signal, () => {
        const guest = find(guestId);
        if (guest.power === 'running' || guest.power === 'paused') return;
        if (!host.disks.has(guestId)) throw new DriverError('guest.disk.missing', `Guest ${guestId} has no disks.`);
        guest.startedMs = clock.monotonicMs();
        guest.power = isPaused ? 'paused' : 'running';
      }),

    shutDown: (guestId, graceMs, signal) =>
      call('shutDown', guestId, signal, async () => {
        await clock.sleep(Math.min(shutDownMs, graceMs), signal);
        signal.throwIfAborted();
        const guest = host.guests.get(guestId);
        if (guest !== undefined && guest.power !== 'suspended') halt(guest);
      }),

    powerOff: (guestId, signal) =>
      call('powerOff', guestId, signal, () => {
        const guest = host.guests.get(guestId);
        if (guest !== undefined) halt(guest);
      }),

    pause: (guestId, signal) =>
      call('pause', guestId, signal, () => {
        findUp(guestId).power = 'paused';
      }),

    resume: (guestId, signal) =>
      call('resume', guestId, signal, () => {
        findUp(guestId).power = 'running';
      }),

    suspend: (guestId, signal) =>
      call('suspend', guestId, signal, () => {
        const guest = find(guestId);
        if (guest.power === 'suspended') return;
        halt(findUp(guestId));
        guest.power = 'suspended';
      }),

    attachInterface: (guestId, port, signal) =>
      call('attachInterface', guestId, signal, () => {
        const guest = find(guestId);
        if (host.devices !== undefined && !host.devices.has(port.deviceName)) {
          throw new DriverError('guest.tap.missing', `The tap ${port.deviceName} is missing.`);
        }
        guest.interfaces = [...guest.interfaces.filter((other) => other.portId !== port.portId), port];
      }),

    detachInterface: (guestId, portId, signal) =>
      call('detachInterface', guestId, signal, () => {
        const guest = find(guestId);
        guest.interfaces = guest.interfaces.filter((port) => port.portId !== portId);
      }),

    makeSnapshot: (guestId, { imageId }, signal) =>
      call('makeSnapshot', guestId, signal, async () => {
        const { snapshots } = find(guestId);
        snapshots.set(imageId, false);
        await clock.sleep(snapshotMs, signal);
        signal.throwIfAborted();
        snapshots.set(imageId, true);
      }),

    openSnapshot: (guestId, imageId) =>
      call('openSnapshot', guestId, undefined, () => {
        if (find(guestId).snapshots.get(imageId) !== true)
          throw new DriverError('guest.snapshot.missing', `There is no snapshot ${imageId} of guest ${guestId}.`);
        return Readable.from([diskImage(guestId)]);
      }),

    removeSnapshot: (guestId, imageId, signal) =>
      call('removeSnapshot', guestId, signal, () => {
        host.guests.get(guestId)?.snapshots.delete(imageId);
      }),

    remove: (guestId, signal) =>
      call('remove', guestId, signal, () => {
        host.guests.delete(guestId);
        host.disks.delete(guestId);
      }),

    facts: (signal) => call('facts', undefined, signal, () => facts(options, host)),

    consoleOutput: (guestId, maxBytes) =>
      call('consoleOutput', guestId, undefined, () => {
        const guest = find(guestId);
        const upMs = guest.startedMs === undefined ? [] : [clock.monotonicMs() - guest.startedMs];
        const text = [...guest.bootsMs, ...upMs].map((ms) => consoleText(guest.definition, ms, bootMs)).join('');
        const bytes = Buffer.from(text, 'utf8');
        return bytes.subarray(Math.max(0, bytes.length - maxBytes));
      }),

    openVnc: (guestId) => call('openVnc', guestId, undefined, () => openFakeVnc(findUp(guestId).definition.name)),

    diagnostics: (guestId) =>
      call('diagnostics', guestId, undefined, () => {
        const guest = findUp(guestId);
        return diagnostics(guest, (clock.monotonicMs() - (guest.startedMs ?? 0)) / 1_000);
      }),

    // As if each guest ran an agent that does as it is told.
    setPassword: (guestId) =>
      call('setPassword', guestId, undefined, () => {
        findUp(guestId);
        return { kind: 'set' } as const;
      }),

    onChange(listener, signal) {
      host.listeners.add(listener);
      signal.addEventListener('abort', () => host.listeners.delete(listener), { once: true });
    },
    close: async () => undefined,
  };

  function observe(from: FakeHost): ComputeActual {
    const guests = [...from.guests].map(
      ([id, guest]): GuestActual => ({
        id,
        power: guest.power,
        marks: guest.marks,
        interfaces: guest.interfaces.map(({ portId, deviceName }) => ({ portId, deviceName })),
        ...(guest.snapshots.size === 0
          ? {}
          : { snapshots: [...guest.snapshots].map(([imageId, isWhole]) => ({ imageId, isWhole })) }),
      }),
    );
    const remains = [...from.disks].filter((id) => !from.guests.has(id));
    return {
      guests,
      remains,
      strangers: [...from.strangers],
      session: from.session,
      devices: from.devices ?? { has: () => true },
    };
  }

  function halt(guest: FakeGuest): void {
    stopAt(guest, clock.monotonicMs());
  }
}

function stop(guest: FakeGuest): void {
  stopAt(guest, guest.startedMs ?? 0);
}

function stopAt(guest: FakeGuest, nowMs: number): void {
  if (guest.startedMs !== undefined) guest.bootsMs.push(nowMs - guest.startedMs);
  if (guest.bootsMs.length > MAX_BOOTS_KEPT) guest.bootsMs.shift();
  guest.startedMs = undefined;
  guest.power = 'stopped';
}

const CLUSTER_BITS = 16;
const DISK_BYTES = 1024 * 1024;

/** An empty qcow2 image of 1 MiB whose one cluster of data begins with the guest's id: small, valid, and the same each time. */
function diskImage(guestId: string): Buffer {
  const cluster = 1 << CLUSTER_BITS;
  const [refcountTable, refcounts, l1, l2, data] = [1, 2, 3, 4, 5].map((n) => n * cluster) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const image = Buffer.alloc(6 * cluster);
  const copied = 1n << 63n;
  image.writeUInt32BE(0x514649fb, 0);
  image.writeUInt32BE(3, 4); // version
  image.writeUInt32BE(CLUSTER_BITS, 20);
  image.writeBigUInt64BE(BigInt(DISK_BYTES), 24);
  image.writeUInt32BE(1, 36); // entries of the L1 table
  image.writeBigUInt64BE(BigInt(l1), 40);
  image.writeBigUInt64BE(BigInt(refcountTable), 48);
  image.writeUInt32BE(1, 56); // clusters of the refcount table
  image.writeUInt32BE(4, 96); // 2^4 bits for each refcount
  image.writeUInt32BE(104, 100); // header's length
  image.writeBigUInt64BE(BigInt(refcounts), refcountTable);
  for (let i = 0; i < 6; i++) image.writeUInt16BE(1, refcounts + 2 * i);
  image.writeBigUInt64BE(BigInt(l2) | copied, l1);
  image.writeBigUInt64BE(BigInt(data) | copied, l2);
  image.write(guestId, data, 'latin1');
  return image;
}

/** Boots whose console text is kept; more would let a guest in a boot loop grow for ever. */
const MAX_BOOTS_KEPT = 20;

function diagnostics(guest: FakeGuest, uptimeSeconds: number): GuestDiagnostics {
  const { definition } = guest;
  return {
    uptimeSeconds: Math.floor(uptimeSeconds),
    memoryMib: definition.memoryMib,
    usedMemoryMib: Math.ceil(definition.memoryMib / 2),
    cpus: Array.from({ length: definition.vcpus }, () => ({
      timeNs: Math.floor(uptimeSeconds * 1e7),
      utilisationPercent: 1,
    })),
    nics: guest.interfaces.map(({ macAddress }) => ({
      macAddress,
      rxBytes: 2_048,
      rxPackets: 16,
      rxErrors: 0,
      rxDrops: 0,
      txBytes: 1_024,
      txPackets: 8,
      txErrors: 0,
      txDrops: 0,
    })),
    disks: definition.disks.map(() => ({
      readBytes: 262_144,
      readRequests: 112,
      writeBytes: 5_778_432,
      writeRequests: 488,
      errors: 0,
    })),
  };
}

function facts(options: FakeOptions, host: FakeHost): HypervisorFacts {
  const vcpus = options.vcpus ?? 16;
  const diskGib = options.diskGib ?? 500;
  const defined = [...host.guests.values()].map((guest) => guest.definition);
  const up = [...host.guests.values()].filter((guest) => guest.startedMs !== undefined);
  const usedDiskGib = defined.flatMap((guest) => guest.disks).reduce((sum, disk) => sum + disk.sizeGib, 0);
  return {
    type: 'fake',
    version: 1_000,
    virtType: 'fake',
    cpu: { arch: 'x86_64', model: 'fake', vendor: 'fake', cores: vcpus, sockets: 1, threads: 1, features: [] },
    vcpus,
    memoryMib: options.memoryMib ?? 65_536,
    diskGib,
    reservedMemoryMib: 0,
    usedMemoryMib: up.reduce((sum, guest) => sum + guest.definition.memoryMib, 0),
    freeDiskGib: Math.max(0, diskGib - usedDiskGib),
    uptimeSeconds: Math.floor(options.clock.monotonicMs() / 1_000),
    traits: ['COMPUTE_NET_VIF_MODEL_VIRTIO', 'COMPUTE_NODE', 'COMPUTE_IMAGE_TYPE_QCOW2', 'COMPUTE_IMAGE_TYPE_RAW'],
  };
}
