/** What of image's rows nobody owns any more. */
import type { Db } from '#kernel/db/database.ts';
import type { ImageId } from '#kernel/ids.ts';
import type { ImageLocationRow, ImageTables } from '../images/tables.ts';
import type { ImageTaskTables } from '../tasks/tables.ts';

type Tx = Db<ImageTables & ImageTaskTables>;

/** Where data of images is that are deleted or were never there. */
export async function listLocationsWithoutImage(db: Tx, limit: number): Promise<ImageLocationRow[]> {
  return db
    .selectFrom('image_locations as l')
    .selectAll('l')
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('images as i')
            .select('i.id')
            .whereRef('i.id', '=', 'l.image_id')
            .where('i.deleted_at', 'is', null),
        ),
      ),
    )
    .limit(limit)
    .execute();
}

/** Removes one of them; undefined: its image is there, or it was not. */
export async function deleteLocationWithoutImage(tx: Tx, dataId: string): Promise<ImageLocationRow | undefined> {
  const row = await tx.selectFrom('image_locations').selectAll().where('data_id', '=', dataId).executeTakeFirst();
  if (row === undefined) return undefined;
  const image = await tx
    .selectFrom('images')
    .select('id')
    .where('id', '=', row.image_id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  if (image !== undefined) return undefined;
  await tx.deleteFrom('image_locations').where('data_id', '=', dataId).execute();
  return row;
}

/** Images locked by an import that has ended, or was never there. */
export async function listLocksWithoutImport(
  db: Tx,
  limit: number,
): Promise<{ image_id: ImageId; value: string | null }[]> {
  return db
    .selectFrom('image_properties as p')
    .select(['p.image_id', 'p.value'])
    .where('p.name', '=', 'os_glance_import_task')
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('image_tasks as t')
            .select('t.id')
            .whereRef('t.id', '=', 'p.value')
            .where('t.status', 'in', ['pending', 'processing']),
        ),
      ),
    )
    .limit(limit)
    .execute();
}
