import type { Db } from '#kernel/db/database.ts';
import { fromJson, toJson } from '#kernel/db/json.ts';
import { type ImageId, newUuid } from '#kernel/ids.ts';
import type { ImageTables } from '../images/tables.ts';

/** A place on the web that holds an image's data, as a client named it. */
export interface RemoteLocation {
  readonly url: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** The places of an image, in their order. */
export async function listRemoteLocations(db: Db<ImageTables>, imageId: ImageId): Promise<RemoteLocation[]> {
  const rows = await db
    .selectFrom('image_remote_locations')
    .select(['url', 'metadata'])
    .where('image_id', '=', imageId)
    .orderBy('position')
    .execute();
  return rows.map(({ url, metadata }) => ({ url, metadata: fromJson(metadata) }));
}

/** Makes the places of an image these. */
export async function replaceRemoteLocations(
  db: Db<ImageTables>,
  imageId: ImageId,
  locations: readonly RemoteLocation[],
): Promise<void> {
  await db.deleteFrom('image_remote_locations').where('image_id', '=', imageId).execute();
  for (const [position, { url, metadata }] of locations.entries()) {
    await db
      .insertInto('image_remote_locations')
      .values({ id: newUuid(), image_id: imageId, position, url, metadata: toJson(metadata) })
      .execute();
  }
}
