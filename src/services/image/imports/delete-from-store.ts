import type { RequestContext } from '#kernel/auth/context.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { Conflict, Forbidden, NotFound } from '#kernel/errors.ts';
import type { ImageId } from '#kernel/ids.ts';
import { enforceOnImage, getVisibleImage } from '../images/access.ts';
import { removeData } from '../images/delete.ts';
import { deleteLocation, listLocations } from '../images/store.ts';
import type { ImportDeps } from './start.ts';

/**
 * Removes one of several copies of an image's data.
 * @throws {Conflict} `image.store.unknown`, `image.status`; {NotFound} `image.not_found`, `image.store.absent`;
 *   {Forbidden} `image.store.last` or by policy.
 * @see https://docs.openstack.org/api-ref/image/v2/#delete-image-from-store
 */
export async function deleteFromStore(
  deps: ImportDeps,
  ctx: RequestContext,
  storeId: string,
  id: ImageId,
): Promise<void> {
  if (deps.stores.find(storeId) === undefined) {
    throw new Conflict('image.store.unknown', `The selected store ${storeId} is not available on this node.`);
  }
  const removed = await inTransaction(deps.db, async (tx) => {
    const image = await getVisibleImage({ ...deps, db: tx }, ctx, id, `Failed to find image ${id}`);
    enforceOnImage(deps, ctx, 'get_image_location', image);
    enforceOnImage(deps, ctx, 'delete_image_location', image);
    if (image.row.status !== 'active') {
      throw new Conflict(
        'image.status',
        "It's not allowed to remove image data from store if image status is not 'active'",
      );
    }
    const location = (await listLocations(tx, id)).find(({ store }) => store === storeId);
    if (image.stores.length === 1) {
      throw new Forbidden(
        'image.store.last',
        'Cannot delete image data from the only store containing it. Consider deleting the image instead.',
      );
    }
    if (location === undefined)
      throw new NotFound('image.store.absent', `Image ${id} is not stored in store ${storeId}.`);
    await deleteLocation(tx, id, storeId);
    return location;
  });
  await removeData(deps.stores, removed);
}
