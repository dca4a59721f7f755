/**
 * What a host's report of a guest means for its server: a pure function of the stored rows and the report.
 * Only what differs from what is stored comes out, so that a report that says nothing new writes nothing.
 */
import type { ObservedGuest } from '#protocol/guests.ts';
import { POWER, type TaskState, type VmState } from '../states.ts';
import type { Server, ServerPatch } from '../store.ts';
import type { ServerFault } from '../tables.ts';
import type { Guest } from './store.ts';

/** How often a host tries what fails before the controller calls it failed: with the agent's back-off, some ten seconds. */
export const MAX_ATTEMPTS = 4;

/** What a report changes. */
export interface Meaning {
  readonly server?: ServerPatch;
  readonly guest?: {
    readonly observed_power?: Guest['observed_power'];
    readonly problem?: string | null;
    readonly power?: Guest['power'];
  };
  /** A part of the server's action has ended. */
  readonly event?: { readonly name: string; readonly failure?: string };
  /** The host cannot build the guest: all is to be given back. */
  readonly abandoned?: ServerFault;
  /** The host cannot bring the shelved server back: it is taken from it again. */
  readonly shelvedAgain?: ServerFault;
}

interface Ending {
  readonly vmState: VmState;
  readonly event: string;
  isReached(guest: Guest, seen: ObservedGuest): boolean;
}

const powered = (power: ObservedGuest['power']) => (guest: Guest, seen: ObservedGuest) =>
  seen.power === power && seen.powerSerial >= guest.power_serial;
const rebooted = (guest: Guest, seen: ObservedGuest): boolean =>
  seen.power === 'running' && seen.rebootSerial >= guest.reboot_serial && seen.powerSerial >= guest.power_serial;

/** When what is under way has come to its end, and what the server is then. */
export const ENDINGS: Readonly<Partial<Record<TaskState, Ending>>> = {
  spawning: { vmState: 'active', event: 'compute__do_build_and_run_instance', isReached: powered('running') },
  'powering-on': { vmState: 'active', event: 'compute_start_instance', isReached: powered('running') },
  'powering-off': { vmState: 'stopped', event: 'compute_stop_instance', isReached: powered('stopped') },
  rebooting: { vmState: 'active', event: 'compute_reboot_instance', isReached: rebooted },
  rebooting_hard: { vmState: 'active', event: 'compute_reboot_instance', isReached: rebooted },
  pausing: { vmState: 'paused', event: 'compute_pause_instance', isReached: powered('paused') },
  unpausing: { vmState: 'active', event: 'compute_unpause_instance', isReached: powered('running') },
  suspending: { vmState: 'suspended', event: 'compute_suspend_instance', isReached: powered('suspended') },
  resuming: { vmState: 'active', event: 'compute_resume_instance', isReached: powered('running') },
  resize_finish: { vmState: 'resized', event: 'compute_finish_resize', isReached: rebooted },
  resize_reverting: { vmState: 'active', event: 'compute_revert_resize', isReached: rebooted },
  rescuing: { vmState: 'rescued', event: 'compute_rescue_instance', isReached: rebooted },
  unrescuing: { vmState: 'active', event: 'compute_unrescue_instance', isReached: rebooted },
  unshelving: { vmState: 'active', event: 'compute_unshelve_instance', isReached: powered('running') },
  rebuild_spawning: { vmState: 'active', event: 'compute_rebuild_instance', isReached: rebooted },
};

const POWER_NUMBERS: Readonly<Record<ObservedGuest['power'], number>> = {
  running: POWER.running,
  paused: POWER.paused,
  stopped: POWER.stopped,
  suspended: POWER.stopped,
  crashed: POWER.crashed,
  absent: POWER.unknown,
};

/** Reads one guest's report. */
export function readReport(server: Server, guest: Guest, seen: ObservedGuest, nowMs: number): Meaning {
  const noted = noteChange(guest, seen);
  if (server.task_state === 'deleting') return noted;
  const ending = server.task_state === null ? undefined : ENDINGS[server.task_state];
  if (ending?.isReached(guest, seen) === true) return { ...noted, ...finish(server, seen, { ending, nowMs }) };
  if (seen.problem !== undefined && seen.problem.attempts >= MAX_ATTEMPTS && ending !== undefined)
    return { ...noted, ...fail(server, seen.problem, { ending, nowMs }) };
  if (server.task_state === null) return { ...noted, ...follow(server, guest, seen, nowMs) };
  return noted;
}

function noteChange(guest: Guest, seen: ObservedGuest): Meaning {
  const problem = seen.problem === undefined ? null : `${seen.problem.code}: ${seen.problem.message}`.slice(0, 4_000);
  if (guest.observed_power === seen.power && guest.problem === problem) return {};
  return { guest: { observed_power: seen.power, problem } };
}

/** What brings a guest up from an image. */
const LAUNCHES: ReadonlySet<TaskState | null> = new Set(['spawning', 'rebuild_spawning', 'rescuing', 'unshelving']);

function finish(
  server: Server,
  seen: ObservedGuest,
  { ending, nowMs }: { readonly ending: Ending; readonly nowMs: number },
): Meaning {
  const isLaunch = LAUNCHES.has(server.task_state);
  return {
    server: {
      vm_state: ending.vmState,
      task_state: null,
      power_state: POWER_NUMBERS[seen.power],
      fault: null,
      deadline_at: null,
      updated_at: nowMs,
      ...(isLaunch ? { launched_at: nowMs } : {}),
    },
    event: { name: ending.event },
  };
}

/** What owners are told of a problem; the host's own words are for administrators. */
const REASONS: readonly (readonly [prefix: string, reason: string])[] = [
  ['guest.image', 'its image could not be brought to the host'],
  ['guest.disk', 'its disk could not be made'],
  ['guest.interface', 'its network interface could not be plugged'],
  ['guest.start', 'the host could not start it'],
];

function fail(
  server: Server,
  problem: NonNullable<ObservedGuest['problem']>,
  { ending, nowMs }: { readonly ending: Ending; readonly nowMs: number },
): Meaning {
  const reason = REASONS.find(([prefix]) => problem.code.startsWith(prefix))?.[1] ?? 'the host could not do it';
  const details = `${problem.code}, tried ${problem.attempts} times: ${problem.message}`.slice(0, 4_000);
  if (server.task_state === 'spawning') {
    const message = `Build of instance ${server.id} aborted: ${reason}.`;
    return { abandoned: { code: 500, message, details, createdAt: nowMs } };
  }
  const message = `Instance ${server.id} could not finish ${server.task_state ?? 'its action'}: ${reason}.`;
  if (server.task_state === 'unshelving')
    return {
      shelvedAgain: { code: 500, message, details, createdAt: nowMs },
      event: { name: ending.event, failure: message },
    };
  return {
    server: {
      vm_state: 'error',
      task_state: null,
      fault: JSON.stringify({ code: 500, message, details, createdAt: nowMs } satisfies ServerFault),
      deadline_at: null,
      updated_at: nowMs,
    },
    event: { name: ending.event, failure: message },
  };
}

/** States in which a guest that stops by itself makes its server a stopped one. */
const MOVED_BY_STOPPING: ReadonlySet<VmState> = new Set(['active', 'paused', 'suspended']);
/** States that a server keeps until its owner ends them; only the guest's power follows. */
const KEPT_WHEN_STOPPING: ReadonlySet<VmState> = new Set(['resized', 'rescued']);

/** What a guest does of its own accord: nova's `_sync_instance_power_state`. */
function follow(server: Server, guest: Guest, seen: ObservedGuest, nowMs: number): Meaning {
  const isCurrent = seen.powerSerial >= guest.power_serial;
  if (!isCurrent || seen.power === 'absent') return {};
  const power_state = POWER_NUMBERS[seen.power];
  const hasStopped = seen.power === 'stopped' || seen.power === 'crashed';
  const isMoved = MOVED_BY_STOPPING.has(server.vm_state);
  if (hasStopped && (isMoved || (KEPT_WHEN_STOPPING.has(server.vm_state) && guest.power !== 'stopped')))
    return {
      server: { ...(isMoved ? { vm_state: 'stopped' as const } : {}), power_state, updated_at: nowMs },
      guest: { ...noteChange(guest, seen).guest, power: 'stopped' },
    };
  return server.power_state === power_state ? {} : { server: { power_state, updated_at: nowMs } };
}
