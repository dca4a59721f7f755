/**
 * Ending an upload or an import: the image becomes as it was before, at once.
 *
 * Theory of operation. Whoever writes to an image does so only as long as it holds it: an upload by the row's `writer`, an import by
 * its lock. Both are taken away here, under the condition that the image is still in the status that was seen. The upload
 * finds that at its next sign of life and removes its file; the import's task is cancelled besides, and undoes what it has brought. One
 * that has just finished has changed the status, and there is nothing to end any more. There is no host to wait for, so that cancelling and
 * forcing are the same.
 */
import type { Clock } from '#kernel/clock.ts';
import type { Db } from '#kernel/db/database.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { Conflict } from '#kernel/errors.ts';
import type { ImageId } from '#kernel/ids.ts';
import { type Ending, NOTHING_TO_END } from '#kernel/operations/explanation.ts';
import type { Tasks } from '#kernel/tasks/task.ts';
import type { Stores } from '../data/stores.ts';
import { removeData } from '../images/delete.ts';
import {
  CONVERTED_STORE,
  deleteLocation,
  findImage,
  listLocations,
  putProperty,
  STAGING_STORE,
  updateImageRow,
} from '../images/store.ts';
import type { ImageLocationRow, ImageTables } from '../images/tables.ts';
import { importTaskName } from '../imports/task.ts';
import { endImageTask } from '../tasks/store.ts';
import type { ImageTaskTables } from '../tasks/tables.ts';

export interface EndDeps {
  readonly db: Db<ImageTables & ImageTaskTables>;
  readonly tasks: Tasks;
  readonly clock: Clock;
  readonly stores: Stores;
}

const ENDED = 'Cancelled by its owner.';
/** Statuses in which somebody brings data. */
const BRINGING: ReadonlySet<string> = new Set(['saving', 'uploading', 'importing']);

/**
 * Ends what brings data to an image; undefined when there is no such image. Repeating it changes nothing.
 * @throws {Conflict} `image.raced` when the image has just changed by itself.
 */
export async function endImageWork(deps: EndDeps, id: string): Promise<Ending | undefined> {
  const ended = await inTransaction(deps.db, (tx) => endInTransaction(deps, tx, id as ImageId));
  // What a crash leaves here is found by the janitor, as no image knows it any more.
  for (const location of ended?.staged ?? []) await removeData(deps.stores, location);
  return ended?.ending;
}

interface Ended {
  readonly ending: Ending;
  readonly staged: readonly ImageLocationRow[];
}

async function endInTransaction(
  { tasks, clock }: EndDeps,
  tx: Db<ImageTables & ImageTaskTables>,
  id: ImageId,
): Promise<Ended | undefined> {
  const nowMs = clock.now().getTime();
  const image = await findImage(tx, id);
  if (image === undefined) return undefined;
  const lock = image.properties['os_glance_import_task'] ?? null;
  const isBringing = BRINGING.has(image.row.status);
  if (lock === null && !isBringing) return { ending: NOTHING_TO_END, staged: [] };
  // a copy to another store leaves the image as it is
  const patch = isBringing ? { status: 'queued' as const, size: null, virtual_size: null } : {};
  if (!(await updateImageRow(tx, image.row, { ...patch, writer: null, writer_until: null, updated_at: nowMs })))
    throw new Conflict(
      'image.raced',
      `Image ${id} has just changed by itself; pileus explain ${id} tells how it is now.`,
    );
  if (lock !== null) {
    const outstanding = [image.properties['os_glance_failed_import'], image.properties['os_glance_importing_to_stores']]
      .flatMap((text) => (text ?? '').split(','))
      .filter((store) => store !== '');
    await putProperty(tx, id, 'os_glance_failed_import', [...new Set(outstanding)].toSorted().join(','));
    await putProperty(tx, id, 'os_glance_importing_to_stores', '');
    await putProperty(tx, id, 'os_glance_import_task', null);
    await endImageTask(tx, lock, { status: 'failure', message: ENDED, result: null }, nowMs);
    await tasks.cancelKinds(tx as Db, id, [importTaskName]);
  }
  const staged = (await listLocations(tx, id)).filter(
    ({ store }) => store === STAGING_STORE || store === CONVERTED_STORE,
  );
  for (const { store } of staged) await deleteLocation(tx, id, store);
  return {
    staged,
    ending: {
      outcome: 'accepted',
      message: isBringing
        ? { en: 'the image is queued, as before its data came', zh: '镜像已恢复为 queued，如同数据到来之前' }
        : { en: 'no more copies of the image are made', zh: '不再制作镜像的副本' },
    },
  };
}
