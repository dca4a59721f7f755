import { Type } from 'typebox';
import type { PowerState } from '#protocol/guests.ts';
import type { ComputeDeps } from '../../deps.ts';
import type { ActionName, TaskState } from '../states.ts';
import type { ServerAction } from './action.ts';
import { beginAction } from './begin.ts';

interface PowerAction {
  readonly name: string;
  readonly rule: string;
  readonly action: ActionName;
  readonly record: string;
  readonly taskState: TaskState;
  readonly power: PowerState;
}

/** Every action that asks for a power state. */
const POWER_ACTIONS: readonly PowerAction[] = [
  {
    name: 'os-start',
    rule: 'servers:start',
    action: 'start',
    record: 'start',
    taskState: 'powering-on',
    power: 'running',
  },
  {
    name: 'os-stop',
    rule: 'servers:stop',
    action: 'stop',
    record: 'stop',
    taskState: 'powering-off',
    power: 'stopped',
  },
  {
    name: 'pause',
    rule: 'os-pause-server:pause',
    action: 'pause',
    record: 'pause',
    taskState: 'pausing',
    power: 'paused',
  },
  {
    name: 'unpause',
    rule: 'os-pause-server:unpause',
    action: 'unpause',
    record: 'unpause',
    taskState: 'unpausing',
    power: 'running',
  },
  {
    name: 'suspend',
    rule: 'os-suspend-server:suspend',
    action: 'suspend',
    record: 'suspend',
    taskState: 'suspending',
    power: 'suspended',
  },
  {
    name: 'resume',
    rule: 'os-suspend-server:resume',
    action: 'resume',
    record: 'resume',
    taskState: 'resuming',
    power: 'running',
  },
];

const RebootInput = Type.Object(
  { type: Type.Unsafe<string>({ type: 'string', enum: ['HARD', 'Hard', 'hard', 'SOFT', 'Soft', 'soft'] }) },
  { additionalProperties: false },
);

/** @see https://docs.openstack.org/api-ref/compute/#servers-run-an-action-servers-action */
export const powerActions = (deps: ComputeDeps): ServerAction[] => [
  ...POWER_ACTIONS.map(
    ({ name, rule, action, record, taskState, power }): ServerAction => ({
      name,
      async run({ ctx }, id) {
        await beginAction(deps, ctx, id, {
          rule: `os_compute_api:${rule}`,
          action,
          word: name,
          record,
          taskState,
          guest: (guest) => ({ power, power_serial: guest.power_serial + 1 }),
        });
        return undefined;
      },
    }),
  ),
  {
    name: 'reboot',
    input: RebootInput,
    async run({ ctx }, id, input: { readonly type: string }) {
      const type = input.type.toLowerCase() === 'hard' ? 'hard' : 'soft';
      await beginAction(deps, ctx, id, {
        rule: 'os_compute_api:servers:reboot',
        action: type === 'hard' ? 'hardReboot' : 'softReboot',
        word: 'reboot',
        taskState: type === 'hard' ? 'rebooting_hard' : 'rebooting',
        guest: (guest) => ({
          reboot_serial: guest.reboot_serial + 1,
          reboot_type: type,
          // A server that is off, paused or in error is brought up by it.
          ...(guest.power === 'running' ? {} : { power: 'running', power_serial: guest.power_serial + 1 }),
        }),
      });
      return undefined;
    },
  },
];
