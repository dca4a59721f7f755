/**
 * What must be done so that a host's guests are as desired. A pure function: same input, same steps.
 *
 * Theory of operation. Serial numbers say what somebody asked for, marks on the guest say what has been carried out. A
 * power state that was asked for and not yet carried out is brought about, and then marked; one that was carried out is
 * kept, but a guest that stopped by itself stays as it is: its user wanted that. Only when the host itself went down
 * meanwhile (the guest was last started in another session of the host) is it started again.
 *
 * After a crash between any two steps, the guest's state and its marks tell the next plan where to go on:
 * - a reboot marks `rebootingSerial` when the guest is off, with its new definition, before it is started: a running guest
 *   with that mark has been rebooted, and is not rebooted again;
 * - serials are marked last: a guest already in the asked-for state is only marked.
 */
import type { DesiredGuest, DesiredGuests, GuestInterface, GuestSnapshot } from '#protocol/guests.ts';
import type { Step } from '../loop.ts';
import type { ComputeActual, GuestActual, GuestMarks } from './drivers/contract.ts';

export type ComputeStep = Step & { readonly guestId: string } & (
    | { readonly action: 'remove' | 'power off' | 'pause' | 'resume' | 'suspend' }
    | { readonly action: 'prepare disks'; readonly guest: DesiredGuest }
    | { readonly action: 'define'; readonly guest: DesiredGuest; readonly marks: GuestMarks }
    | { readonly action: 'mark'; readonly marks: GuestMarks }
    | { readonly action: 'start'; readonly isPaused: boolean }
    | { readonly action: 'shut down' }
    | { readonly action: 'attach interface'; readonly port: GuestInterface }
    | { readonly action: 'detach interface'; readonly portId: string }
    | { readonly action: 'make snapshot'; readonly snapshot: GuestSnapshot }
    | { readonly action: 'upload snapshot' | 'remove snapshot'; readonly imageId: string }
  );

/** Steps for all guests of the host; removals come first, so that what they free can be used. */
export function planCompute(desired: DesiredGuests, actual: ComputeActual): readonly ComputeStep[] {
  const wanted = new Set(desired.guests.map((guest) => guest.id));
  const present = new Map(actual.guests.map((guest) => [guest.id, guest]));
  const unwanted = [...present.keys(), ...actual.remains].filter((id) => !wanted.has(id) && mayGo(desired, id));
  const removals = unwanted.map((id) => step(id, { action: 'remove' }));
  const builds = desired.guests
    .filter((guest) => whyUnsafe(guest) === undefined)
    .flatMap((guest) => planGuest(guest, present.get(guest.id), actual));
  return [...removals, ...builds];
}

/** Whether a guest that is not desired may be removed, rather than kept for an operator to decide. */
export function mayGo({ onlyRemove }: DesiredGuests, guestId: string): boolean {
  return onlyRemove === undefined || onlyRemove.includes(guestId);
}

/** Taps that the guest cannot start without and that the network agent has not made yet. */
export function missingTaps(guest: DesiredGuest, devices: ComputeActual['devices']): string[] {
  return guest.interfaces.map((port) => port.deviceName).filter((name) => !devices.has(name));
}

/** Names become paths, device names and parts of definitions: whatever doesn't look like one is not acted on. */
export function whyUnsafe(guest: DesiredGuest): string | undefined {
  if (!UUID.test(guest.id)) return `The guest's id '${guest.id}' is not a UUID.`;
  for (const disk of guest.disks) {
    if (!DISK_NAME.test(disk.name)) return `The disk name '${disk.name}' is not a plain name.`;
    if (disk.source.type === 'image' && !SHA512.test(disk.source.sha512))
      return `The checksum of image ${disk.source.imageId} is not a SHA-512.`;
  }
  for (const { imageId, disk } of guest.snapshots ?? []) {
    if (!UUID.test(imageId)) return `The image's id '${imageId}' is not a UUID.`;
    if (!DISK_NAME.test(disk)) return `The disk name '${disk}' is not a plain name.`;
  }
  for (const port of guest.interfaces) {
    if (!UUID.test(port.portId)) return `The port's id '${port.portId}' is not a UUID.`;
    if (!DEVICE_NAME.test(port.deviceName)) return `'${port.deviceName}' is not a name of a network device.`;
    if (!MAC_ADDRESS.test(port.macAddress)) return `'${port.macAddress}' is not a MAC address.`;
  }
  return undefined;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const DISK_NAME = /^[a-z][a-z0-9_-]{0,31}$/;
const SHA512 = /^[0-9a-f]{128}$/;
const DEVICE_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$/;
const MAC_ADDRESS = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i;

function planGuest(want: DesiredGuest, have: GuestActual | undefined, host: ComputeActual): ComputeStep[] {
  if (have === undefined) return planAbsent(want, host);
  const steps = planPower[want.power](want, have, host);
  if (steps.length > 0) return steps;
  return [...planInterfaces(want, have, host), ...planSnapshots(want, have)];
}

/** How long copying or uploading a disk may take: tens of GiB on a slow disk. */
const SNAPSHOT_STEP_MS = 4 * 3600_000;

/** What a snapshot's failures are kept under: they are no fault of the guest. */
export const snapshotResource = (imageId: string): string => `snapshot:${imageId}`;

/**
 * Copies of disks: made, uploaded, and thrown away once they are no longer wanted, which the controller says when it has them. Nothing
 * is marked: that a whole copy is there says that it is made, and that it is still wanted that it is not uploaded.
 */
function planSnapshots(want: DesiredGuest, have: GuestActual): ComputeStep[] {
  const wanted = want.snapshots ?? [];
  const there = have.snapshots ?? [];
  const whole = new Set(there.filter((one) => one.isWhole).map(({ imageId }) => imageId));
  const about = (imageId: string, body: Body<ComputeStep>): ComputeStep =>
    ({
      ...step(want.id, body),
      resource: snapshotResource(imageId),
      deadlineMs: SNAPSHOT_STEP_MS,
    }) as ComputeStep;
  return [
    ...there
      .filter(({ imageId }) => !wanted.some((one) => one.imageId === imageId))
      .map(({ imageId }) => about(imageId, { action: 'remove snapshot', imageId })),
    ...wanted.map((snapshot) =>
      whole.has(snapshot.imageId)
        ? about(snapshot.imageId, { action: 'upload snapshot', imageId: snapshot.imageId })
        : about(snapshot.imageId, { action: 'make snapshot', snapshot }),
    ),
  ];
}

/** Steps of one lane follow each other; an upload keeps nothing else of its guest waiting. */
export function laneOf(one: ComputeStep): string {
  return one.action === 'upload snapshot' ? one.resource : one.guestId;
}

function planAbsent(want: DesiredGuest, host: ComputeActual): ComputeStep[] {
  if (want.power === 'running' || want.power === 'paused') return bringUp(want, undefined, host);
  return [
    step(want.id, { action: 'prepare disks', guest: want }),
    step(want.id, { action: 'define', guest: want, marks: doneMarks(want, '') }),
  ];
}

type PowerPlan = (want: DesiredGuest, have: GuestActual, host: ComputeActual) => ComputeStep[];

const planPower: Record<DesiredGuest['power'], PowerPlan> = {
  running: planRunning,
  paused: planPaused,
  stopped: planStopped,
  suspended: planSuspended,
};

function planRunning(want: DesiredGuest, have: GuestActual, host: ComputeActual): ComputeStep[] {
  const isPowerDue = have.marks.powerSerial < want.powerSerial;
  const isRebootDue = have.marks.rebootSerial < want.rebootSerial;
  const isOffDue = isRebootDue && have.marks.rebootingSerial < want.rebootSerial;
  switch (have.power) {
    case 'running':
      if (isOffDue) return [turnOff(want), ...bringUp(want, have, host)];
      return noteDone(want, have, host.session);
    case 'paused':
      if (isOffDue) return [step(want.id, { action: 'power off' }), ...bringUp(want, have, host)];
      if (isPowerDue || isRebootDue)
        return [step(want.id, { action: 'resume' }), ...noteDone(want, have, host.session)];
      // nobody asked for the pause: it ends as soon as the disk can be written again
      return have.isHeldByDisk === true && host.isDiskFull !== true ? [step(want.id, { action: 'resume' })] : [];
    case 'suspended':
      if (isOffDue) return [step(want.id, { action: 'power off' }), ...bringUp(want, have, host)];
      return wakeUp(want, have, host);
    case 'stopped':
    case 'crashed':
      if (isPowerDue || isRebootDue || hostWentDown(have, host)) return bringUp(want, have, host);
      return noteDone(want, have, '');
  }
}

function planPaused(want: DesiredGuest, have: GuestActual, host: ComputeActual): ComputeStep[] {
  const isPowerDue = have.marks.powerSerial < want.powerSerial;
  switch (have.power) {
    case 'running':
      return [step(want.id, { action: 'pause' }), ...noteDone(want, have, host.session)];
    case 'paused':
      return noteDone(want, have, host.session);
    case 'suspended':
      return isPowerDue ? wakeUp(want, have, host) : [];
    case 'stopped':
    case 'crashed':
      return isPowerDue ? bringUp(want, have, host) : noteDone(want, have, '');
  }
}

function planStopped(want: DesiredGuest, have: GuestActual): ComputeStep[] {
  switch (have.power) {
    case 'running':
      return [step(want.id, { action: 'shut down' }), ...noteDone(want, have, '')];
    case 'paused':
    case 'suspended':
      return [step(want.id, { action: 'power off' }), ...noteDone(want, have, '')];
    case 'stopped':
    case 'crashed':
      return noteDone(want, have, '');
  }
}

function planSuspended(want: DesiredGuest, have: GuestActual): ComputeStep[] {
  const canSave = have.power === 'running' || have.power === 'paused';
  return [...(canSave ? [step(want.id, { action: 'suspend' })] : []), ...noteDone(want, have, '')];
}

/** A guest that is up gets and loses interfaces at once; one that is off gets a new definition. */
function planInterfaces(want: DesiredGuest, have: GuestActual, host: ComputeActual): ComputeStep[] {
  const wanted = new Set(want.interfaces.map((port) => port.portId));
  const plugged = new Set(have.interfaces.map((port) => port.portId));
  const extra = have.interfaces.filter((port) => !wanted.has(port.portId));
  const missing = want.interfaces.filter((port) => !plugged.has(port.portId));
  if (extra.length + missing.length === 0) return [];
  if (have.power === 'stopped' || have.power === 'crashed') {
    return [step(want.id, { action: 'define', guest: want, marks: have.marks })];
  }
  if (have.power !== 'running') return []; // a guest that stands still cannot let go of a device
  const ready = missing.filter((port) => host.devices.has(port.deviceName));
  return [
    ...extra.map(({ portId }) => step(want.id, { action: 'detach interface', portId })),
    ...ready.map((port) => step(want.id, { action: 'attach interface', port })),
  ];
}

/** Starts a guest that is off, as it is desired now. Nothing as long as a tap is missing. */
function bringUp(want: DesiredGuest, have: GuestActual | undefined, host: ComputeActual): ComputeStep[] {
  if (missingTaps(want, host.devices).length > 0) return [];
  const before = { ...(have?.marks ?? doneMarks(want, '')), rebootingSerial: want.rebootSerial };
  const marks = have === undefined ? { ...before, powerSerial: want.powerSerial - 1 } : before;
  return [
    step(want.id, { action: 'prepare disks', guest: want }),
    step(want.id, { action: 'define', guest: want, marks }),
    step(want.id, { action: 'start', isPaused: want.power === 'paused' }),
    step(want.id, { action: 'mark', marks: doneMarks(want, host.session) }),
  ];
}

/** Starts a guest from its saved memory, which comes with its own definition. */
function wakeUp(want: DesiredGuest, have: GuestActual, host: ComputeActual): ComputeStep[] {
  if (missingTaps(want, host.devices).length > 0) return [];
  return [step(want.id, { action: 'start', isPaused: want.power === 'paused' }), ...noteDone(want, have, host.session)];
}

function turnOff(want: DesiredGuest): ComputeStep {
  return step(want.id, { action: want.rebootType === 'soft' ? 'shut down' : 'power off' });
}

/** Marks all that is asked for as carried out, unless that is marked already. */
function noteDone(want: DesiredGuest, have: GuestActual, session: string): ComputeStep[] {
  const marks = doneMarks(want, session);
  return isSame(marks, have.marks) ? [] : [step(want.id, { action: 'mark', marks })];
}

function doneMarks(want: DesiredGuest, session: string): GuestMarks {
  return {
    powerSerial: want.powerSerial,
    rebootSerial: want.rebootSerial,
    rebootingSerial: want.rebootSerial,
    session,
  };
}

/** Whether the host has been down since the guest was last started. */
export function hostWentDown(have: GuestActual, host: ComputeActual): boolean {
  return have.marks.session !== '' && have.marks.session !== host.session;
}

function isSame(a: GuestMarks, b: GuestMarks): boolean {
  return (
    a.powerSerial === b.powerSerial &&
    a.rebootSerial === b.rebootSerial &&
    a.rebootingSerial === b.rebootingSerial &&
    a.session === b.session
  );
}

type Body<S> = S extends unknown ? Omit<S, 'resource' | 'what' | 'guestId'> : never;

function step(guestId: string, body: Body<ComputeStep>): ComputeStep {
  return { resource: guestId, what: body.action, guestId, ...body } as ComputeStep;
}
