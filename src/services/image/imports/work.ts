/** What the steps of an import have in common: what it is, and where its data comes from. */
import type { Readable } from 'node:stream';
import type { Clock } from '#kernel/clock.ts';
import type { Db } from '#kernel/db/database.ts';
import { BadRequest, Gone } from '#kernel/errors.ts';
import type { ImageId } from '#kernel/ids.ts';
import type { TaskRun } from '#kernel/tasks/task.ts';
import type { ConvertDisk } from '../conversion/contract.ts';
import type { Stores } from '../data/stores.ts';
import type { DiskFormat } from '../formats/format.ts';
import { openStream } from '../images/download.ts';
import { findImage, type Image, listLocations, STAGING_STORE } from '../images/store.ts';
import type { ImageRow, ImageTables } from '../images/tables.ts';
import type { UploadLimits } from '../images/upload.ts';
import type { LimitOf } from '../quotas/logic.ts';
import { noteProgress } from '../tasks/store.ts';
import type { ImageTaskTables } from '../tasks/tables.ts';
import type { DownloadRules } from './addresses.ts';
import { openDownload, type Resolve } from './download.ts';
import { openRemoteData, type Regions } from './regions.ts';
import type { ImportMethod } from './request.ts';
import type { ImportSource, RemoteSource } from './source.ts';

export interface ImportInput {
  /** The task as the API shows it, and the lock on the image. */
  readonly taskId: string;
  readonly imageId: ImageId;
  readonly method: ImportMethod;
  readonly uri: string | null;
  /** The image to copy, or why there is none. */
  readonly source: ImportSource | string | null;
  /** Where an image of another region is to be had; null for all else. */
  readonly remote: RemoteSource | null;
  /** Where the data goes, in order, and what it is called there. */
  readonly targets: readonly Target[];
  /** Names for the data while it is converted; null when it stays as it is. */
  readonly conversion: { readonly sourceId: string; readonly resultId: string } | null;
  /** False: stores that fail are noted, and one success is enough. */
  readonly mustAllSucceed: boolean;
}

export interface Target {
  readonly store: string;
  readonly dataId: string;
}

export interface ImportData {
  /** What the image's row becomes when it is active. */
  readonly active: Partial<ImageRow>;
  /** The name in the staging area of what the data was converted to; absent when it was not. */
  readonly convertedId: string;
  /** What another region has told of its image. */
  readonly remoteSource: ImportSource;
}

export interface ImportTaskDeps {
  readonly db: Db<ImageTables & ImageTaskTables>;
  readonly clock: Clock;
  readonly stores: Stores;
  readonly limits: UploadLimits;
  readonly limitOf: LimitOf;
  readonly downloadRules: DownloadRules;
  readonly resolve: Resolve | undefined;
  readonly convertDisk: ConvertDisk | undefined;
  readonly regions: Regions | undefined;
}

export type ImportRun = TaskRun<ImportInput, ImportData>;

/** How often the task's message says how far it is. */
const PROGRESS_MS = 5_000;

const MIB = 1024 * 1024;

/** The image, as long as this task holds it. @throws {Gone} `image.import.aborted`. */
export async function getLocked({ db }: Pick<ImportTaskDeps, 'db'>, { input }: ImportRun): Promise<Image> {
  const image = await findImage(db, input.imageId);
  if (image === undefined || image.properties['os_glance_import_task'] !== input.taskId) {
    throw new Gone('image.import.aborted', 'Image has been deleted, aborting import.');
  }
  return image;
}

/** What is to be imported, as it comes or as it was converted. @throws {BadRequest} `image.import.…`. */
export async function openSource(deps: ImportTaskDeps, run: ImportRun): Promise<Readable> {
  const { input, data, signal } = run;
  if (data.convertedId !== undefined) return present(await deps.stores.staging.openData(data.convertedId));
  if (input.remote !== null) return openRemoteData(deps, input.remote, signal);
  if (typeof input.source === 'string') throw new BadRequest('image.import.source', input.source);
  if (input.method === 'web-download') {
    const { stream, sizeBytes } = await openDownload(input.uri ?? '', {
      rules: deps.downloadRules,
      signal,
      resolve: deps.resolve,
    });
    if (sizeBytes !== undefined && sizeBytes > deps.limits.maxImageBytes) {
      stream.destroy();
      throw new BadRequest(
        'image.data.too_large',
        `The incoming image is too large: it may have ${deps.limits.maxImageBytes} bytes at most.`,
      );
    }
    return stream;
  }
  return present(
    input.method === 'glance-direct'
      ? await openStaged(deps, input.imageId)
      : await openStream(deps, input.source === null ? input.imageId : input.source.imageId),
  );
}

function present(stream: Readable | undefined): Readable {
  if (stream === undefined)
    throw new BadRequest('image.import.no_data', 'The data to import is not there any more; stage it again.');
  return stream;
}

/** What the data is said to be before it is converted. */
export function formatOf(run: ImportRun, { row }: Image): DiskFormat {
  return (sourceOf(run)?.diskFormat ?? row.disk_format) as DiskFormat;
}

/** The image that is copied from elsewhere. */
export function sourceOf({ input, data }: ImportRun): ImportSource | undefined {
  if (data.remoteSource !== undefined) return data.remoteSource;
  return typeof input.source === 'object' && input.source !== null ? input.source : undefined;
}

/** The name of what was staged for an image. */
export async function findStaged(db: Db<ImageTables>, id: ImageId): Promise<string | undefined> {
  return (await listLocations(db, id)).find(({ store }) => store === STAGING_STORE)?.data_id;
}

async function openStaged({ db, stores }: ImportTaskDeps, id: ImageId): Promise<Readable | undefined> {
  const dataId = await findStaged(db, id);
  return dataId === undefined ? undefined : stores.staging.openData(dataId);
}

/** Tells now and then how far the import is, and stops it when the controller stops, or when the image is no longer its own. */
export function reporting(deps: ImportTaskDeps, run: ImportRun): (bytes: number) => Promise<void> {
  const { db, clock } = deps;
  const { input, signal } = run;
  let reportedMs = clock.monotonicMs();
  return async (bytes) => {
    signal.throwIfAborted();
    if (clock.monotonicMs() - reportedMs < PROGRESS_MS) return;
    reportedMs = clock.monotonicMs();
    await getLocked(deps, run);
    await noteProgress(db, input.taskId, `Copied ${Math.floor(bytes / MIB)} MiB`, clock.now().getTime());
  };
}
