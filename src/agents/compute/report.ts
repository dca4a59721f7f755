import type { DesiredGuest, DesiredGuests, GuestProblem, GuestsReport, ObservedGuest } from '#protocol/guests.ts';
import type { Failure } from '../loop.ts';
import type { ComputeActual, GuestActual } from './drivers/contract.ts';
import { hostWentDown, mayGo, missingTaps, snapshotResource, whyUnsafe } from './plan.ts';

/**
 * What the controller is told: each desired guest, and each guest of ours that is still to go, so that the controller
 * sees by its absence that it is gone.
 */
export function reportCompute(
  desired: DesiredGuests,
  actual: ComputeActual,
  failures: ReadonlyMap<string, Failure>,
): GuestsReport {
  const present = new Map(actual.guests.map((guest) => [guest.id, guest]));
  const wanted = new Map(desired.guests.map((guest) => [guest.id, guest]));
  const ids = new Set([...wanted.keys(), ...present.keys(), ...actual.remains]);
  return {
    revision: desired.revision,
    guests: [...ids].map((id) => ({
      ...observed(
        id,
        present.get(id),
        isToComeBack(wanted.get(id), present.get(id), actual),
        problemOf(id, wanted.get(id), present.get(id), actual, failures),
      ),
      ...snapshotsOf(wanted.get(id), present.get(id), failures),
    })),
    strangers: actual.strangers,
  };
}

/** Guests of ours that the controller does not know, and that are kept. */
export function keptGuests(desired: DesiredGuests, actual: ComputeActual): string[] {
  const wanted = new Set(desired.guests.map((guest) => guest.id));
  return [...actual.guests.map((guest) => guest.id), ...actual.remains].filter(
    (id) => !wanted.has(id) && !mayGo(desired, id),
  );
}

/** Whether it went down with its host and is started again: what was asked for is to be carried out anew. */
function isToComeBack(want: DesiredGuest | undefined, have: GuestActual | undefined, actual: ComputeActual): boolean {
  if (want?.power !== 'running' || have === undefined) return false;
  return (have.power === 'stopped' || have.power === 'crashed') && hostWentDown(have, actual);
}

function observed(
  id: string,
  have: GuestActual | undefined,
  isDue: boolean,
  problem: GuestProblem | undefined,
): ObservedGuest {
  const powerSerial = have?.marks.powerSerial ?? 0;
  return {
    id,
    power: have?.power ?? 'absent',
    // With its serial carried out, the controller would take it for one that its user shut down.
    powerSerial: isDue ? powerSerial - 1 : powerSerial,
    rebootSerial: have?.marks.rebootSerial ?? 0,
    portIds: have?.interfaces.map((port) => port.portId) ?? [],
    ...(problem === undefined ? {} : { problem }),
  };
}

function snapshotsOf(
  want: DesiredGuest | undefined,
  have: GuestActual | undefined,
  failures: ReadonlyMap<string, Failure>,
): Pick<ObservedGuest, 'snapshots'> {
  if (want?.snapshots === undefined || want.snapshots.length === 0) return {};
  const snapshots = want.snapshots.map(({ imageId }) => {
    const isMade = have?.snapshots?.some((one) => one.imageId === imageId && one.isWhole) === true;
    const failure = failures.get(snapshotResource(imageId));
    if (failure === undefined) return { imageId, isMade };
    const { code, message, attempts } = failure;
    return { imageId, isMade, problem: { code, message, attempts } };
  });
  return { snapshots };
}

function problemOf(
  id: string,
  want: DesiredGuest | undefined,
  have: GuestActual | undefined,
  actual: ComputeActual,
  failures: ReadonlyMap<string, Failure>,
): GuestProblem | undefined {
  const failure = failures.get(id);
  if (failure !== undefined) return { code: failure.code, message: failure.message, attempts: failure.attempts };
  if (want === undefined) return undefined;
  const unsafe = whyUnsafe(want);
  if (unsafe !== undefined) return { code: 'guest.unsafe', message: unsafe, attempts: 0 };
  if (!isWaitingForTaps(want, have, actual)) return undefined;
  const message = `Waiting for the network agent to make ${missingTaps(want, actual.devices).join(', ')}.`;
  return { code: 'guest.tap.missing', message, attempts: 0 };
}

/** Whether the guest would be further if its taps were there. */
export function isWaitingForTaps(want: DesiredGuest, have: GuestActual | undefined, actual: ComputeActual): boolean {
  if (want.power !== 'running' && want.power !== 'paused') return false;
  if (missingTaps(want, actual.devices).length === 0) return false;
  const isUp = have?.power === 'running' || have?.power === 'paused';
  return isUp || have === undefined || have.marks.powerSerial < want.powerSerial || have.marks.session !== '';
}
