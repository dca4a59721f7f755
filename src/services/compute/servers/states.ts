/**
 * The states of a server and which action is allowed in which: data, read by the API, the documents and the dashboard.
 * @see nova/compute/vm_states.py, task_states.py, and the check_instance_state decorators of nova/compute/api.py
 */
import { Conflict } from '#kernel/errors.ts';

export type VmState =
  | 'building'
  | 'active'
  | 'paused'
  | 'suspended'
  | 'stopped'
  | 'rescued'
  | 'resized'
  | 'soft-delete'
  | 'deleted'
  | 'error'
  | 'shelved'
  | 'shelved_offloaded';

export type TaskState =
  | 'scheduling'
  | 'networking'
  | 'spawning'
  | 'powering-off'
  | 'powering-on'
  | 'rebooting'
  | 'rebooting_hard'
  | 'pausing'
  | 'unpausing'
  | 'suspending'
  | 'resuming'
  | 'rebuilding'
  | 'rebuild_spawning'
  | 'resize_prep'
  | 'resize_migrating'
  | 'resize_finish'
  | 'resize_reverting'
  | 'resize_confirming'
  | 'image_snapshot'
  | 'image_backup'
  | 'image_pending_upload'
  | 'image_uploading'
  | 'updating_password'
  | 'shelving'
  | 'shelving_image_pending_upload'
  | 'shelving_image_uploading'
  | 'shelving_offloading'
  | 'unshelving'
  | 'rescuing'
  | 'unrescuing'
  | 'deleting';

/** What of `power_state` is which number. @see nova/compute/power_state.py */
export const POWER = { unknown: 0, running: 1, paused: 3, stopped: 4, crashed: 6, suspended: 7 } as const;

export interface ActionRule {
  /** Any when absent. */
  readonly vmStates?: readonly VmState[];
  /** What may be under way; nothing unless given. */
  readonly taskStates?: readonly (TaskState | null)[] | 'any';
  /** Whether the guest must have run once. */
  readonly mustHaveLaunched?: boolean;
  /** Whether a lock does not keep its owner from it. */
  readonly ignoresLock?: boolean;
}

const SOFT_REBOOT: readonly VmState[] = ['active'];
const HARD_REBOOT: readonly VmState[] = ['active', 'stopped', 'paused', 'suspended', 'error'];
const AT_WORK: readonly VmState[] = ['active', 'stopped', 'paused', 'suspended'];
const ATTACHABLE: readonly VmState[] = ['active', 'paused', 'stopped'];

/** Each action by the word that nova's sentences have for it. */
export const actionRules = {
  stop: { vmStates: ['active', 'error'] },
  start: { vmStates: ['stopped'] },
  softReboot: { vmStates: SOFT_REBOOT },
  hardReboot: { vmStates: HARD_REBOOT, taskStates: [null, 'rebooting', 'rebooting_hard', 'pausing', 'resuming'] },
  pause: { vmStates: ['active'] },
  unpause: { vmStates: ['paused'] },
  suspend: { vmStates: ['active'] },
  resume: { vmStates: ['suspended'] },
  rebuild: { vmStates: ['active', 'stopped', 'error'] },
  rescue: { vmStates: ['active', 'stopped', 'error'] },
  unrescue: { vmStates: ['rescued'] },
  resize: { vmStates: ['active', 'stopped'] },
  confirmResize: { vmStates: ['resized'] },
  revertResize: { vmStates: ['resized'] },
  createImage: { vmStates: AT_WORK },
  shelve: { vmStates: AT_WORK },
  // Servers are offloaded as soon as they are shelved: none waits on its host to be woken there.
  unshelve: { vmStates: ['shelved_offloaded'] },
  shelveOffload: { vmStates: ['shelved'] },
  migrateLive: { vmStates: ['active', 'paused'] },
  evacuate: { vmStates: ['active', 'stopped', 'error'], taskStates: 'any' },
  changePassword: { vmStates: ['active'] },
  attach_interface: { vmStates: ATTACHABLE },
  detach_interface: { vmStates: ATTACHABLE },
  metadata: { vmStates: AT_WORK, taskStates: 'any' },
  delete: { taskStates: 'any', mustHaveLaunched: false },
  restore: { vmStates: ['soft-delete'] },
  forceDelete: { taskStates: 'any', mustHaveLaunched: false },
} as const satisfies Readonly<Record<string, ActionRule>>;

export type ActionName = keyof typeof actionRules;

/** What decides whether an action is allowed. */
export interface StateOfServer {
  readonly id: string;
  readonly vm_state: VmState;
  readonly task_state: TaskState | null;
  readonly launched_at: number | null;
}

/**
 * Refuses an action that the server's state doesn't allow.
 * @param word What clients call the action: `os-stop`.
 * @throws {Conflict} `compute.server.wrong_state`, in nova's words.
 * @see nova/api/openstack/common.py, raise_http_conflict_for_instance_invalid_state
 */
export function requireState(server: StateOfServer, action: ActionName, word: string): void {
  const rule: ActionRule = actionRules[action];
  const refuse = (attribute: string, state: string): never => {
    throw new Conflict(
      'compute.server.wrong_state',
      `Cannot '${word}' instance ${server.id} while it is in ${attribute} ${state}`,
    );
  };
  if (rule.vmStates !== undefined && !rule.vmStates.includes(server.vm_state)) refuse('vm_state', server.vm_state);
  const taskStates = rule.taskStates ?? [null];
  if (taskStates !== 'any' && !taskStates.includes(server.task_state))
    refuse('task_state', server.task_state ?? 'None');
  if (rule.mustHaveLaunched !== false && server.launched_at === null)
    throw new Conflict('compute.server.wrong_state', `Instance ${server.id} is in an invalid state for '${word}'`);
}

type StatusMap = Readonly<Record<VmState, { readonly default: string } & Readonly<Partial<Record<TaskState, string>>>>>;

const RESIZING = { resize_prep: 'RESIZE', resize_migrating: 'RESIZE', resize_finish: 'RESIZE' } as const;
const REBUILDING = { rebuilding: 'REBUILD', rebuild_spawning: 'REBUILD' } as const;

/** What clients see of the two states. @see nova/api/openstack/common.py, _STATE_MAP */
const STATUSES: StatusMap = {
  active: {
    default: 'ACTIVE',
    rebooting: 'REBOOT',
    rebooting_hard: 'HARD_REBOOT',
    updating_password: 'PASSWORD',
    ...REBUILDING,
    ...RESIZING,
  },
  building: { default: 'BUILD' },
  stopped: { default: 'SHUTOFF', ...RESIZING, ...REBUILDING },
  resized: { default: 'VERIFY_RESIZE', resize_reverting: 'REVERT_RESIZE' },
  paused: { default: 'PAUSED' },
  suspended: { default: 'SUSPENDED' },
  rescued: { default: 'RESCUE' },
  error: { default: 'ERROR', ...REBUILDING },
  deleted: { default: 'DELETED' },
  'soft-delete': { default: 'SOFT_DELETED' },
  shelved: { default: 'SHELVED' },
  shelved_offloaded: { default: 'SHELVED_OFFLOADED' },
};

/** What clients call a server's state. */
export function statusOf(server: {
  readonly vm_state: VmState;
  readonly task_state: TaskState | null;
  readonly deleted_at: number | null;
}): string {
  if (server.deleted_at !== null) return 'DELETED';
  const statuses = STATUSES[server.vm_state];
  return (server.task_state === null ? undefined : statuses[server.task_state]) ?? statuses.default;
}

export interface StatesOfStatus {
  readonly vmStates: readonly VmState[];
  /** Task states that make the status; undefined when it is what a server has without one. */
  readonly taskStates: readonly TaskState[] | undefined;
}

/** Which states clients mean by statuses, in any case of letters; no states when nobody knows the words. */
export function statesOfStatuses(words: readonly string[]): StatesOfStatus {
  const wanted = new Set(words.map((word) => word.toUpperCase()));
  const vmStates = new Set<VmState>();
  const taskStates = new Set<string>();
  for (const [vmState, statuses] of Object.entries(STATUSES)) {
    for (const [taskState, status] of Object.entries(statuses)) {
      if (!wanted.has(status)) continue;
      vmStates.add(vmState as VmState);
      taskStates.add(taskState);
    }
  }
  return {
    vmStates: [...vmStates],
    taskStates: taskStates.has('default') ? undefined : ([...taskStates] as TaskState[]),
  };
}
