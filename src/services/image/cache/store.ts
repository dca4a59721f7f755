import { sql } from 'kysely';
import type { Db } from '#kernel/db/database.ts';
import type { ImageId } from '#kernel/ids.ts';
import type { ImageCacheRow, ImageTables } from '../images/tables.ts';

/** Entries shown at once; a cache with more is emptied, not read. */
const MAX_ENTRIES = 10_000;

export async function findCacheEntry(db: Db<ImageTables>, imageId: ImageId): Promise<ImageCacheRow | undefined> {
  return db.selectFrom('image_cache').selectAll().where('image_id', '=', imageId).executeTakeFirst();
}

export async function listCacheEntries(
  db: Db<ImageTables>,
): Promise<(ImageCacheRow & { readonly size: number | null })[]> {
  return db
    .selectFrom('image_cache')
    .innerJoin('images', 'images.id', 'image_cache.image_id')
    .selectAll('image_cache')
    .select('images.size')
    .orderBy('image_cache.created_at')
    .orderBy('image_cache.image_id')
    .limit(MAX_ENTRIES)
    .execute();
}

export async function insertCacheEntry(db: Db<ImageTables>, row: ImageCacheRow): Promise<void> {
  await db.insertInto('image_cache').values(row).execute();
}

export async function markCached(db: Db<ImageTables>, imageId: ImageId, nowMs: number): Promise<void> {
  await db
    .updateTable('image_cache')
    .set({ state: 'cached', modified_at: nowMs })
    .where('image_id', '=', imageId)
    .execute();
}

export async function countHit(db: Db<ImageTables>, imageId: ImageId, nowMs: number): Promise<void> {
  await db
    .updateTable('image_cache')
    .set({ hits: sql<number>`hits + 1`, accessed_at: nowMs })
    .where('image_id', '=', imageId)
    .execute();
}

export async function deleteCacheEntry(db: Db<ImageTables>, imageId: ImageId): Promise<void> {
  await db.deleteFrom('image_cache').where('image_id', '=', imageId).execute();
}
