import type { Clock } from '#kernel/clock.ts';
import type { Db } from '#kernel/db/database.ts';
import { errorText } from '#kernel/errors.ts';
import type { Log } from '#kernel/log.ts';
import { isRestorationOpen } from '#kernel/restoration/store.ts';
import type { FileStore, FoundFile } from '../data/file-store.ts';
import type { Stores } from '../data/stores.ts';
import { deleteExpiredTasks } from '../tasks/store.ts';
import type { ImageTaskTables } from '../tasks/tables.ts';
import { listAbandoned, listKnownData, listLiveWriters, updateAsWriter } from './store.ts';
import type { ImageTables } from './tables.ts';

export interface JanitorDeps {
  readonly db: Db<ImageTables & ImageTaskTables>;
  readonly clock: Clock;
  readonly stores: Stores;
  readonly log: Log;
}

/** How often abandoned uploads are looked for; the longest that one stays stuck beyond its writer's time. */
const LOOK_MS = 15_000;
/** How often the stores are swept. Listing a million files takes seconds. */
const SWEEP_MS = 60 * 60_000;
/** A file this young may be about to be entered in the database. */
const YOUNG_MS = 10 * 60_000;
/** Files looked up in the database at a time. */
const BATCH = 500;

/** Puts right what writers that died have left behind: at the start and then all the time. */
export async function runJanitor(deps: JanitorDeps, signal: AbortSignal): Promise<void> {
  let sweptMs = Number.NEGATIVE_INFINITY;
  while (!signal.aborted) {
    try {
      await releaseAbandoned(deps);
      await deleteExpiredTasks(deps.db, deps.clock.now().getTime());
      if (deps.clock.monotonicMs() - sweptMs >= SWEEP_MS) {
        sweptMs = deps.clock.monotonicMs();
        // after a restore nothing goes for being unknown, until somebody has looked
        if (!(await isRestorationOpen(deps.db as Db))) await sweepStores(deps);
      }
    } catch (error) {
      deps.log.error({ error: errorText(error) }, 'cleaning up after image uploads failed, it is tried again');
    }
    await deps.clock.sleep(LOOK_MS, signal);
  }
}

/** Makes images whose upload died `queued` again. */
export async function releaseAbandoned({ db, clock, stores, log }: JanitorDeps): Promise<void> {
  const nowMs = clock.now().getTime();
  for (const row of await listAbandoned(db, nowMs)) {
    if (row.writer === null) continue;
    const patch = row.status === 'active' ? {} : { status: 'queued' as const, size: null, virtual_size: null };
    const released = await updateAsWriter(db, row.id, row.writer, {
      ...patch,
      writer: null,
      writer_until: null,
      updated_at: nowMs,
    });
    if (!released) continue;
    log.warn({ image: row.id, status: row.status }, 'an upload ended without a word, its image is queued again');
    for (const store of [...stores.all, stores.staging]) {
      await store.removeIncoming(row.writer);
      await store.remove(row.writer);
    }
  }
}

/** Removes files that no image knows; those of read-only stores may be somebody else's. */
export async function sweepStores(deps: JanitorDeps): Promise<void> {
  const { db, clock, stores, log } = deps;
  for await (const { store, name } of findUnknownFiles(deps)) {
    await store.remove(name);
    log.warn({ store: store.id, data: name }, 'image data that no image knows was removed');
  }
  const oldMs = clock.now().getTime() - YOUNG_MS;
  for (const store of ownStores(stores)) {
    for await (const names of oldFiles(store, 'incoming', oldMs)) {
      // What is being converted comes in under a name that is known already.
      const live = new Set([...(await listLiveWriters(db, names)), ...(await listKnownData(db, names))]);
      for (const name of names.filter((candidate) => !live.has(candidate))) await store.removeIncoming(name);
    }
  }
}

/** Those of read-only stores may be somebody else's. */
function ownStores(stores: Stores): FileStore[] {
  return [...stores.all.filter(({ isReadOnly }) => !isReadOnly), stores.staging, stores.cache];
}

/** Files in place, and old enough to be known if anybody will ever know them, that no image knows. */
export async function* findUnknownFiles({
  db,
  clock,
  stores,
}: Pick<JanitorDeps, 'db' | 'clock' | 'stores'>): AsyncIterable<FoundFile & { readonly store: FileStore }> {
  const oldMs = clock.now().getTime() - YOUNG_MS;
  for (const store of ownStores(stores)) {
    for await (const files of oldFilesOf(store, 'data', oldMs)) {
      const known = await listKnownData(
        db,
        files.map(({ name }) => name),
      );
      for (const file of files) if (!known.has(file.name)) yield { ...file, store };
    }
  }
}

/** Removes a file of {@link findUnknownFiles}, if no image knows it still: names are never given twice. */
export async function removeUnknownFile(
  deps: Pick<JanitorDeps, 'db' | 'clock' | 'stores'>,
  storeId: string,
  name: string,
): Promise<boolean> {
  for await (const file of findUnknownFiles(deps)) {
    if (file.store.id !== storeId || file.name !== name) continue;
    await file.store.remove(name);
    return true;
  }
  return false;
}

async function* oldFiles(store: FileStore, place: 'data' | 'incoming', oldMs: number): AsyncIterable<string[]> {
  for await (const files of oldFilesOf(store, place, oldMs)) yield files.map(({ name }) => name);
}

async function* oldFilesOf(store: FileStore, place: 'data' | 'incoming', oldMs: number): AsyncIterable<FoundFile[]> {
  let files: FoundFile[] = [];
  for await (const file of store.sweep(place)) {
    if (file.modifiedMs < oldMs) files.push(file);
    if (files.length === BATCH) {
      yield files;
      files = [];
    }
  }
  if (files.length > 0) yield files;
}
