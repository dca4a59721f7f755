/**
 * A copy of an image's data beside the controller, for stores that are slow or far away.
 *
 * Theory of operation. An entry is a row: `queued` until the task that was added with it has brought the copy, then
 * `cached`. The copy itself is recorded like one in any store, under {@link CACHE_STORE}, so that deleting the image removes
 * it and the janitor knows it. Downloads take it first. Its bytes are held against the image's sum when they are copied.
 */
import type { RequestContext } from '#kernel/auth/context.ts';
import type { Clock } from '#kernel/clock.ts';
import type { Db } from '#kernel/db/database.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { BadRequest, Gone, NotFound } from '#kernel/errors.ts';
import { type ImageId, newUuid } from '#kernel/ids.ts';
import type { TaskKind, TaskName, TaskRun, Tasks } from '#kernel/tasks/task.ts';
import { receive } from '../data/receive.ts';
import type { Stores } from '../data/stores.ts';
import type { DiskFormat } from '../formats/format.ts';
import { type AccessDeps, getVisibleImage, targetOf } from '../images/access.ts';
import { openStream, type StreamDeps } from '../images/download.ts';
import { CACHE_STORE, deleteLocation, findImage, insertLocation, listLocations } from '../images/store.ts';
import { deleteCacheEntry, findCacheEntry, insertCacheEntry, listCacheEntries, markCached } from './store.ts';

export interface CacheDeps extends AccessDeps, StreamDeps {
  readonly clock: Clock;
  readonly tasks: Tasks;
  readonly stores: Stores;
}

export interface CacheInput {
  readonly imageId: ImageId;
  readonly dataId: string;
}

export const cacheTaskName: TaskName<CacheInput> = 'image.cache';
/** A terabyte from a slow store. */
const CACHE_DEADLINE_MS = 24 * 3_600_000;

/** What is in the cache and what is on its way. @throws {Forbidden} by policy. */
export async function showCache(deps: CacheDeps, ctx: RequestContext): Promise<unknown> {
  deps.policy.enforce(ctx, 'cache_list');
  const entries = await listCacheEntries(deps.db);
  return {
    cached_images: entries
      .filter(({ state }) => state === 'cached')
      .map((entry) => ({
        image_id: entry.image_id,
        hits: entry.hits,
        last_accessed: entry.accessed_at / 1000,
        last_modified: entry.modified_at / 1000,
        size: entry.size,
      })),
    queued_images: entries.filter(({ state }) => state === 'queued').map(({ image_id }) => image_id),
  };
}

/** Asks for an image to be cached; one that is there stays. @throws {NotFound}; {BadRequest} `image.cache.status`; {Forbidden} by policy. */
export async function queueForCache(deps: CacheDeps, ctx: RequestContext, id: ImageId): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    const image = await getVisibleImage({ ...deps, db: tx }, ctx, id, `Image ${id} not found.`);
    deps.policy.enforce(ctx, 'cache_image', targetOf(image));
    if (image.row.status !== 'active')
      throw new BadRequest('image.cache.status', 'Only images with status active can be targeted for queueing');
    if ((await findCacheEntry(tx, id)) !== undefined) return;
    const nowMs = deps.clock.now().getTime();
    await insertCacheEntry(tx, {
      image_id: image.row.id,
      state: 'queued',
      hits: 0,
      accessed_at: nowMs,
      modified_at: nowMs,
      created_at: nowMs,
    });
    await deps.tasks.enqueue(tx as Db, {
      name: cacheTaskName,
      resourceId: image.row.id,
      projectId: ctx.projectId,
      requestId: ctx.requestId,
      deadlineMs: CACHE_DEADLINE_MS,
      input: { imageId: image.row.id, dataId: newUuid() },
    });
  });
}

/** Takes an image out of the cache or its queue. @throws {NotFound} `image.not_found`; {Forbidden} by policy. */
export async function removeFromCache(deps: CacheDeps, ctx: RequestContext, id: ImageId): Promise<void> {
  const notFound = new NotFound('image.not_found', `Image ${id} not found.`);
  const entry = await findCacheEntry(deps.db, id);
  const image = await findImage(deps.db, id);
  if (entry === undefined && image === undefined) throw notFound;
  deps.policy.enforce(ctx, 'cache_delete');
  if (entry !== undefined) await dropEntry(deps, id);
}

/** Empties the cache, its queue, or both. @throws {BadRequest} `image.cache.target`; {Forbidden} by policy. */
export async function clearCache(deps: CacheDeps, ctx: RequestContext, target: string): Promise<void> {
  deps.policy.enforce(ctx, 'cache_delete');
  if (!['', 'cache', 'queue'].includes(target)) {
    throw new BadRequest(
      'image.cache.target',
      "If provided 'x-image-cache-clear-target' must be 'cache', 'queue' or empty string.",
    );
  }
  const state = target === 'cache' ? 'cached' : 'queued';
  for (const entry of await listCacheEntries(deps.db)) {
    if (target === '' || entry.state === state) await dropEntry(deps, entry.image_id);
  }
}

/** Brings the copy. */
export function createCacheTask(deps: CacheDeps): TaskKind<CacheInput> {
  return {
    name: cacheTaskName,
    deadlineMs: CACHE_DEADLINE_MS,
    steps: [
      { name: 'copy data to the cache', run: (run) => fillCache(deps, run), undo: ({ input }) => forget(deps, input) },
    ],
  };
}

async function fillCache(deps: CacheDeps, { input, signal }: TaskRun<CacheInput, unknown>): Promise<void> {
  const { imageId, dataId } = input;
  const gone = new Gone('image.cache.gone', `Image ${imageId} is not to be cached any more.`);
  const { cache } = deps.stores;
  const image = await findImage(deps.db, imageId);
  if (image === undefined || (await findCacheEntry(deps.db, imageId))?.state !== 'queued') throw gone;
  await cache.removeIncoming(dataId);
  const source = await openStream(deps, imageId);
  if (source === undefined) throw gone;
  try {
    const file = await cache.create(dataId);
    try {
      const onProgress = async (): Promise<void> => signal.throwIfAborted();
      const { sha512 } = await receive(source, file, {
        diskFormat: image.row.disk_format as DiskFormat,
        maxBytes: Number.POSITIVE_INFINITY,
        onProgress,
      });
      if (image.row.os_hash_value !== null && sha512 !== image.row.os_hash_value) throw gone;
      await file.commit();
    } finally {
      await file.discard();
    }
  } finally {
    source.destroy();
  }
  const nowMs = deps.clock.now().getTime();
  await inTransaction(deps.db, async (tx) => {
    if ((await findCacheEntry(tx, imageId))?.state !== 'queued') throw gone;
    await markCached(tx, imageId, nowMs);
    await insertLocation(tx, { image_id: imageId, store: CACHE_STORE, data_id: dataId, created_at: nowMs });
  });
}

async function forget(deps: CacheDeps, { imageId, dataId }: CacheInput): Promise<void> {
  await dropEntry(deps, imageId);
  await deps.stores.cache.remove(dataId);
}

async function dropEntry({ db, stores }: CacheDeps, imageId: ImageId): Promise<void> {
  const copy = await inTransaction(db, async (tx) => {
    const found = (await listLocations(tx, imageId)).find(({ store }) => store === CACHE_STORE);
    if (found !== undefined) await deleteLocation(tx, imageId, CACHE_STORE);
    await deleteCacheEntry(tx, imageId);
    return found;
  });
  if (copy !== undefined) await stores.cache.remove(copy.data_id);
}
