import type { RequestContext } from '#kernel/auth/context.ts';
import type { Clock } from '#kernel/clock.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { Conflict, Forbidden } from '#kernel/errors.ts';
import type { ImageId } from '#kernel/ids.ts';
import type { Stores } from '../data/stores.ts';
import { type AccessDeps, enforceOnImage, getVisibleImage } from './access.ts';
import { deleteImageRows } from './store.ts';
import type { ImageLocationRow } from './tables.ts';

export interface DeleteDeps extends AccessDeps {
  readonly clock: Clock;
  readonly stores: Stores;
}

/**
 * Deletes an image and its data. Uploads that are under way find it gone.
 * @throws {NotFound} `image.not_found`; {Forbidden} `image.protected` or by policy.
 * @see https://docs.openstack.org/api-ref/image/v2/#delete-image
 */
export async function deleteImage(deps: DeleteDeps, ctx: RequestContext, id: ImageId): Promise<void> {
  const locations = await inTransaction(deps.db, async (tx) => {
    const image = await getVisibleImage({ ...deps, db: tx }, ctx, id, `Failed to find image ${id} to delete`);
    enforceOnImage(deps, ctx, 'delete_image', image);
    if (image.row.is_protected === 1)
      throw new Forbidden('image.protected', `Image ${id} is protected and cannot be deleted.`);
    const deleted = await deleteImageRows(tx, image.row, deps.clock.now().getTime());
    if (deleted === undefined)
      throw new Conflict('image.busy', `Image ${id} is being changed by somebody else; try again.`);
    return deleted;
  });
  // What a crash leaves here is found by the janitor, as no image knows it any more.
  for (const location of locations) await removeData(deps.stores, location);
}

/** Removes one copy of data. */
export async function removeData(stores: Stores, location: Pick<ImageLocationRow, 'store' | 'data_id'>): Promise<void> {
  await stores.holding(location.store)?.remove(location.data_id);
}
