import { type Static, Type } from 'typebox';
import { toJson } from '#kernel/db/json.ts';
import type { ComputeDeps } from '../../deps.ts';
import { Uuid } from '../../fields.ts';
import { openServer } from '../access.ts';
import { newPassword } from '../admin-password.ts';
import { findBootImage, requireBootable, snapshotImage } from '../boot-image.ts';
import { AdminPassword } from '../schema.ts';
import { requireState } from '../states.ts';
import type { ServerAction } from './action.ts';
import { beginAction } from './begin.ts';

const RescueInput = Type.Union([
  Type.Object(
    { adminPass: Type.Optional(AdminPassword), rescue_image_ref: Type.Optional(Uuid) },
    { additionalProperties: false },
  ),
  Type.Null(),
]);
type RescueInput = Static<typeof RescueInput>;

/**
 * Booting a server from another image, with its own disks beside it, and back.
 * @see https://docs.openstack.org/api-ref/compute/#rescue-server-rescue-action
 */
export const rescueActions = (deps: ComputeDeps): ServerAction[] => [
  {
    name: 'rescue',
    input: RescueInput,
    status: 200,
    async run({ ctx }, id, input: RescueInput) {
      const server = await openServer(deps, ctx, id, 'os_compute_api:os-rescue');
      requireState(server, 'rescue', 'rescue');
      const image = await findBootImage(deps, ctx, input?.rescue_image_ref ?? server.image_id ?? '');
      requireBootable(image);
      const adminPass = input?.adminPass ?? newPassword();
      await beginAction(deps, ctx, id, {
        rule: 'os_compute_api:os-rescue',
        action: 'rescue',
        word: 'rescue',
        taskState: 'rescuing',
        guest: (guest) => ({
          rescue_image: toJson(snapshotImage(image)),
          admin_password: adminPass,
          power: 'running',
          power_serial: guest.power_serial + 1,
          reboot_serial: guest.reboot_serial + 1,
          reboot_type: 'hard',
        }),
      });
      return { adminPass };
    },
  },
  {
    name: 'unrescue',
    async run({ ctx }, id) {
      await beginAction(deps, ctx, id, {
        rule: 'os_compute_api:os-unrescue',
        action: 'unrescue',
        word: 'unrescue',
        taskState: 'unrescuing',
        guest: (guest) => ({
          rescue_image: null,
          power: 'running',
          power_serial: guest.power_serial + 1,
          reboot_serial: guest.reboot_serial + 1,
          reboot_type: 'hard',
        }),
      });
      return undefined;
    },
  },
];
