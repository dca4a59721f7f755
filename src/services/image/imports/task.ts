/**
 * The work of an import.
 *
 * Theory of operation. From the moment an import is accepted the image carries its task's id as a lock, and is
 * `importing` (a copy stays `active`). The task first converts the data, where the operator wants that; then it brings it to one store after the other, each under a name that was
 * chosen when the import was accepted, so that a step which runs again after a crash removes its own leftovers first.
 * It ends by making the image active and giving up the lock; undone, it removes its copies and makes the image `queued`.
 * Whatever it does to the image it does only as long as the lock is its own: a deleted image has none.
 */
import { inTransaction } from '#kernel/db/transaction.ts';
import { BadRequest, CloudError, Gone } from '#kernel/errors.ts';
import type { ImageId } from '#kernel/ids.ts';
import type { TaskKind, TaskName } from '#kernel/tasks/task.ts';
import { type Received, receive } from '../data/receive.ts';
import { removeData } from '../images/delete.ts';
import {
  CONVERTED_STORE,
  deleteLocation,
  findImage,
  type Image,
  insertLocation,
  listLocations,
  putProperty,
  STAGING_STORE,
  updateImageRow,
} from '../images/store.ts';
import type { ImageRow } from '../images/tables.ts';
import { activeImage } from '../images/upload.ts';
import { findQuota } from '../quotas/logic.ts';
import { endImageTask, startImageTask } from '../tasks/store.ts';
import { CONVERTED, convertSource } from './convert.ts';
import { checkAsTold, lookAtRemote } from './regions.ts';
import {
  formatOf,
  getLocked,
  type ImportData,
  type ImportInput,
  type ImportRun,
  type ImportTaskDeps,
  openSource,
  reporting,
  sourceOf,
  type Target,
} from './work.ts';

export const importTaskName: TaskName<ImportInput> = 'image.import';

/** A terabyte over a slow line. After it the import is undone. */
export const IMPORT_DEADLINE_MS = 48 * 3_600_000;
export function createImportTask(deps: ImportTaskDeps): TaskKind<ImportInput, ImportData> {
  return {
    name: importTaskName,
    deadlineMs: IMPORT_DEADLINE_MS,
    steps: [
      { name: 'look at the source', run: (run) => lookAtSource(deps, run), undo: (run) => emptyStores(deps, run) },
      { name: 'convert', run: (run) => convertSource(deps, run) },
      { name: 'bring data to the stores', run: (run) => fillStores(deps, run) },
      { name: 'make the image active', run: (run) => finish(deps, run) },
    ],
    onFailed: (run, error) => fail(deps, run, error.message),
  };
}

async function lookAtSource(deps: ImportTaskDeps, run: ImportRun): Promise<Partial<ImportData>> {
  await startImageTask(deps.db, run.input.taskId, deps.clock.now().getTime());
  const { remote } = run.input;
  return remote === null ? {} : { remoteSource: await lookAtRemote(deps, remote, run.signal) };
}

async function fillStores(deps: ImportTaskDeps, run: ImportRun): Promise<Partial<ImportData>> {
  const { targets, mustAllSucceed, method } = run.input;
  let active: Partial<ImageRow> | undefined;
  let lastError: unknown;
  for (const target of targets) {
    try {
      const received = await fillStore(deps, run, target);
      active ??= method === 'copy-image' ? {} : activeImage(received);
      await noteStore(deps, run, target.store, 'done');
    } catch (error) {
      if (mustAllSucceed || !(error instanceof CloudError) || error instanceof Gone) throw error;
      lastError = error;
      await noteStore(deps, run, target.store, 'failed');
    }
  }
  if (active === undefined)
    throw new BadRequest('image.import.failed', 'None of the uploads finished!', { cause: lastError });
  return { active };
}

/** Brings the data to one store, from its beginning even if an earlier try was cut off. */
async function fillStore(deps: ImportTaskDeps, run: ImportRun, target: Target): Promise<Received> {
  const image = await getLocked(deps, run);
  const store = deps.stores.get(target.store);
  await dropCopy(deps, run.input.imageId, target);
  const quota = await findQuota(deps, image.row.owner, 'image_size_total');
  const source = await openSource(deps, run);
  try {
    const file = await store.create(target.dataId);
    try {
      const received = await receive(source, file, {
        diskFormat: run.data.convertedId === undefined ? formatOf(run, image) : CONVERTED.disk_format,
        maxBytes: Math.min(deps.limits.maxImageBytes, await quota.remainingBytes(deps.db)),
        onProgress: reporting(deps, run),
      });
      checkSameData(image, run, received);
      if (run.data.convertedId === undefined) checkAsTold(run.data.remoteSource, run.input.taskId, received);
      await file.commit();
      await inTransaction(deps.db, async (tx) => {
        await getLocked({ ...deps, db: tx }, run);
        const now = deps.clock.now().getTime();
        const order = (await listLocations(tx, run.input.imageId)).length;
        await insertLocation(tx, {
          image_id: run.input.imageId,
          store: target.store,
          data_id: target.dataId,
          created_at: now + order,
        });
      });
      return received;
    } catch (error) {
      await file.discard();
      await store.remove(target.dataId);
      throw error;
    }
  } finally {
    source.destroy();
  }
}

/** Copies of an image must all be the same, and a second download must be what the first was. @throws {BadRequest} `image.import.differs`. */
function checkSameData({ row }: Image, { input }: ImportRun, { sha512 }: Received): void {
  if (
    input.method !== 'copy-image' ||
    row.os_hash_value === null ||
    row.os_hash_algo !== 'sha512' ||
    row.os_hash_value === sha512
  )
    return;
  throw new BadRequest('image.import.differs', "The copy's checksum is not that of the image: its data is damaged.");
}

/** Keeps the lists of stores still to do and failed, which clients watch. */
async function noteStore(
  deps: ImportTaskDeps,
  run: ImportRun,
  store: string,
  outcome: 'done' | 'failed',
): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    const { properties, row } = await getLocked({ ...deps, db: tx }, run);
    const without = listOf(properties['os_glance_importing_to_stores']).filter((other) => other !== store);
    await putProperty(tx, row.id, 'os_glance_importing_to_stores', without.join(','));
    if (outcome === 'done') return;
    const failed = [...new Set([...listOf(properties['os_glance_failed_import']), store])].toSorted();
    await putProperty(tx, row.id, 'os_glance_failed_import', failed.join(','));
  });
}

async function finish(deps: ImportTaskDeps, run: ImportRun): Promise<void> {
  const { taskId, imageId, method } = run.input;
  const nowMs = deps.clock.now().getTime();
  await inTransaction(deps.db, async (tx) => {
    const image = await findImage(tx, imageId);
    if (image?.properties['os_glance_import_task'] === taskId) {
      const patch = method === 'copy-image' ? {} : run.data.active;
      const source = sourceOf(run);
      const formats =
        source === undefined ? {} : { disk_format: source.diskFormat, container_format: source.containerFormat };
      const converted = run.data.convertedId === undefined ? {} : CONVERTED;
      await updateImageRow(tx, image.row, { ...patch, ...formats, ...converted, updated_at: nowMs });
      for (const [name, value] of Object.entries(source?.properties ?? {})) await putProperty(tx, imageId, name, value);
      await putProperty(tx, imageId, 'os_glance_import_task', null);
    }
    await endImageTask(tx, taskId, { status: 'success', message: '', result: { image_id: imageId } }, nowMs);
  });
  await dropStaged(deps, imageId);
}

/** Removes what this import has brought, and makes the image as it was before. */
async function emptyStores(deps: ImportTaskDeps, { input }: ImportRun): Promise<void> {
  for (const target of input.targets) await dropCopy(deps, input.imageId, target);
  const isOthers = await inTransaction(deps.db, async (tx) => {
    const image = await findImage(tx, input.imageId);
    if (image?.properties['os_glance_import_task'] !== input.taskId)
      // ended by its owner, who may be bringing other data meanwhile: what is staged then is not this import's
      return image !== undefined && image.row.status !== 'queued' && input.method !== 'copy-image';
    const failed = [
      ...new Set([
        ...listOf(image.properties['os_glance_failed_import']),
        ...listOf(image.properties['os_glance_importing_to_stores']),
      ]),
    ];
    await putProperty(tx, input.imageId, 'os_glance_failed_import', failed.toSorted().join(','));
    await putProperty(tx, input.imageId, 'os_glance_importing_to_stores', '');
    await putProperty(tx, input.imageId, 'os_glance_import_task', null);
    const patch = input.method === 'copy-image' ? {} : { status: 'queued' as const, size: null, virtual_size: null };
    await updateImageRow(tx, image.row, { ...patch, updated_at: deps.clock.now().getTime() });
    return false;
  });
  if (!isOthers) await dropStaged(deps, input.imageId);
}

/** Removes one copy that this import made, finished or not. */
async function dropCopy({ db, stores }: ImportTaskDeps, imageId: ImageId, { store, dataId }: Target): Promise<void> {
  const ours = (await listLocations(db, imageId)).some(
    (location) => location.store === store && location.data_id === dataId,
  );
  if (ours) await deleteLocation(db, imageId, store);
  await stores.find(store)?.removeIncoming(dataId);
  await stores.find(store)?.remove(dataId);
}

/** Removes what waited to be imported, as it came and as it was converted. */
async function dropStaged({ db, stores }: ImportTaskDeps, imageId: ImageId): Promise<void> {
  for (const waiting of await listLocations(db, imageId)) {
    if (waiting.store !== STAGING_STORE && waiting.store !== CONVERTED_STORE) continue;
    await deleteLocation(db, imageId, waiting.store);
    await stores.staging.removeIncoming(waiting.data_id);
    await removeData(stores, waiting);
  }
}

async function fail({ db, clock }: ImportTaskDeps, { input }: ImportRun, message: string): Promise<void> {
  await endImageTask(db, input.taskId, { status: 'failure', message, result: null }, clock.now().getTime());
}

function listOf(text: string | null | undefined): string[] {
  return (text ?? '').split(',').filter((part) => part !== '');
}
