import type { RequestContext } from '#kernel/auth/context.ts';
import type { Clock } from '#kernel/clock.ts';
import type { Db } from '#kernel/db/database.ts';
import { toJson } from '#kernel/db/json.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { Conflict } from '#kernel/errors.ts';
import { type ImageId, newUuid } from '#kernel/ids.ts';
import type { Tasks } from '#kernel/tasks/task.ts';
import type { Stores } from '../data/stores.ts';
import { type AccessDeps, enforceOnImage, getVisibleImage } from '../images/access.ts';
import { putProperty, updateImageRow } from '../images/store.ts';
import type { ImageTables } from '../images/tables.ts';
import { findQuota, type LimitOf } from '../quotas/logic.ts';
import { insertImageTask } from '../tasks/store.ts';
import type { ImageTaskRow, ImageTaskTables } from '../tasks/tables.ts';
import type { DownloadRules } from './addresses.ts';
import { findRemoteSource, type Regions } from './regions.ts';
import { checkImportable, chooseStores, type ImportRequest } from './request.ts';
import { findSource } from './source.ts';
import { IMPORT_DEADLINE_MS, importTaskName } from './task.ts';

export interface ImportDeps extends AccessDeps {
  readonly db: Db<ImageTables & ImageTaskTables>;
  readonly clock: Clock;
  readonly stores: Stores;
  readonly tasks: Tasks;
  readonly region: string;
  readonly limitOf: LimitOf;
  readonly downloadRules: DownloadRules;
  /** Whether what is imported is converted to raw. */
  readonly convertsImports: boolean;
  readonly regions: Regions | undefined;
}

/**
 * Accepts an import: from now on the image belongs to its task, which brings the data in.
 * @throws {NotFound} `image.not_found`; {Conflict} `image.import.…`; {BadRequest} `image.import.…`; {Forbidden} by policy.
 * @see https://docs.openstack.org/api-ref/image/v2/#import-an-image
 */
export async function startImport(
  deps: ImportDeps,
  ctx: RequestContext,
  id: ImageId,
  request: ImportRequest,
): Promise<void> {
  const quota = await findQuota(deps, ctx.projectId, 'image_size_total');
  const remote = await findRemoteSource(deps, ctx, request.source);
  await inTransaction(deps.db, async (tx) => {
    await quota.enforce(tx, 0);
    const image = await getVisibleImage({ ...deps, db: tx }, ctx, id);
    checkImportable(image, request);
    enforceOnImage(deps, ctx, request.method === 'copy-image' ? 'copy_image' : 'modify_image', image);
    const stores = chooseStores(deps.stores, image, request);
    if (stores.length === 0) {
      // Those who wait for the copies see that none is outstanding.
      await putProperty(tx, image.row.id, 'os_glance_importing_to_stores', '');
      await putProperty(tx, image.row.id, 'os_glance_failed_import', '');
      return;
    }
    const isLocal = request.source !== undefined && remote === undefined;
    const source = isLocal ? await findSource({ ...deps, db: tx }, ctx, request.source) : null;
    const nowMs = deps.clock.now().getTime();
    const status = request.method === 'copy-image' ? image.row.status : ('importing' as const);
    if (!(await updateImageRow(tx, image.row, { status, updated_at: nowMs }))) {
      throw new Conflict(
        'image.import.busy',
        `New operation on image '${id}' is not permitted as prior operation is still in progress`,
      );
    }
    const taskId = newUuid();
    await putProperty(tx, image.row.id, 'os_glance_import_task', taskId);
    await putProperty(tx, image.row.id, 'os_glance_importing_to_stores', stores.toSorted().join(','));
    await putProperty(tx, image.row.id, 'os_glance_failed_import', '');
    await insertImageTask(tx, {
      ...newTask(ctx, taskId, nowMs),
      image_id: image.row.id,
      input: toJson({ image_id: id, import_req: request.body, backend: stores }),
    });
    await deps.tasks.enqueue(tx as Db, {
      name: importTaskName,
      resourceId: image.row.id,
      projectId: ctx.projectId,
      requestId: ctx.requestId,
      deadlineMs: IMPORT_DEADLINE_MS,
      input: {
        taskId,
        imageId: image.row.id,
        method: request.method,
        uri: request.uri ?? null,
        source,
        remote: remote ?? null,
        conversion:
          deps.convertsImports && request.method !== 'copy-image' ? { sourceId: newUuid(), resultId: newUuid() } : null,
        targets: stores.map((store) => ({ store, dataId: newUuid() })),
        mustAllSucceed: request.mustAllSucceed,
      },
    });
  });
}

function newTask(ctx: RequestContext, id: string, nowMs: number): Omit<ImageTaskRow, 'input' | 'image_id'> {
  return {
    id,
    type: 'api_image_import',
    status: 'pending',
    owner: ctx.projectId,
    result: null,
    message: '',
    request_id: ctx.requestId,
    user_id: ctx.userId,
    expires_at: null,
    created_at: nowMs,
    updated_at: nowMs,
  };
}
