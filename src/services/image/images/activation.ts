import type { RequestContext } from '#kernel/auth/context.ts';
import type { Clock } from '#kernel/clock.ts';
import { Conflict, Forbidden } from '#kernel/errors.ts';
import type { ImageId } from '#kernel/ids.ts';
import { type AccessDeps, enforceOnImage, getVisibleImage } from './access.ts';
import { updateImageRow } from './store.ts';

export interface ActivationDeps extends AccessDeps {
  readonly clock: Clock;
}

const ACTIONS = {
  deactivate: { from: 'active', to: 'deactivated' },
  reactivate: { from: 'deactivated', to: 'active' },
} as const;

/**
 * Takes an image's data out of use, or back into it. Doing it twice is fine.
 * @throws {Forbidden} `image.status` while the image has no data, or by policy.
 * @see https://docs.openstack.org/api-ref/image/v2/#deactivate-image
 */
export async function setActivation(
  deps: ActivationDeps,
  ctx: RequestContext,
  id: ImageId,
  action: keyof typeof ACTIONS,
): Promise<void> {
  const image = await getVisibleImage(deps, ctx, id);
  enforceOnImage(deps, ctx, action, image);
  const { from, to } = ACTIONS[action];
  if (image.row.status === to) return;
  if (image.row.status !== from) {
    throw new Forbidden('image.status', `Not allowed to ${action} image in status '${image.row.status}'`);
  }
  if (!(await updateImageRow(deps.db, image.row, { status: to, updated_at: deps.clock.now().getTime() }))) {
    throw new Conflict('image.busy', `Image ${id} is being changed by somebody else; try again.`);
  }
}
