import type { Readable } from 'node:stream';
import type { RequestContext } from '#kernel/auth/context.ts';
import type { Clock } from '#kernel/clock.ts';
import type { Db } from '#kernel/db/database.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { BadRequest, CloudError, Conflict, Gone } from '#kernel/errors.ts';
import { type ImageId, newUuid } from '#kernel/ids.ts';
import type { FileStore } from '../data/file-store.ts';
import { drain, type Received, receive } from '../data/receive.ts';
import type { Stores } from '../data/stores.ts';
import type { DiskFormat } from '../formats/format.ts';
import { findQuota, type LimitOf, mibOf, type Quota } from '../quotas/logic.ts';
import { type AccessDeps, enforceOnImage, getVisibleImage } from './access.ts';
import { checkFormatsSet } from './formats-set.ts';
import { type ImageStatus, nextStatuses } from './states.ts';
import { type Image, insertLocation, STAGING_STORE, updateAsWriter, updateImageRow } from './store.ts';
import type { ImageRow, ImageTables } from './tables.ts';

/**
 * Theory of operation. Whoever writes an image's data claims it: the status goes from `queued` to `saving` (or
 * `uploading`), with a writer's id that is also the data's name, and a time until which the writer counts as alive.
 * The writer moves that time on while data comes. It ends by making the file permanent and then, in one transaction, the
 * image `active`; if the image is not its own any more, it removes the file. A writer that dies leaves a claim that runs
 * out and a file that no image knows: the janitor (`janitor.ts`) makes the first `queued` and removes the second.
 */
export interface UploadDeps extends AccessDeps {
  readonly clock: Clock;
  readonly stores: Stores;
  readonly limits: UploadLimits;
  readonly limitOf: LimitOf;
}

export interface UploadLimits {
  /** Bytes that one image may have: glance's `image_size_cap`. */
  readonly maxImageBytes: number;
}

/** How long a writer counts as alive without a sign. Shorter mistakes a slow disk for a crash, longer keeps images stuck after one. */
export const WRITER_MS = 60_000;
/** How often a writer gives one, at most. */
const RENEW_MS = 10_000;

/** Data on its way in. */
export interface Incoming {
  readonly stream: Readable;
  /** How many bytes there will be, where that was said. */
  readonly sizeBytes?: number | undefined;
}

/**
 * Takes an image's data and makes the image active.
 * @param storeId the store it shall go to; the default one when undefined.
 * @throws {Conflict} `image.status` unless the image is queued; {BadRequest} `image.formats.missing`, `image.content.…`;
 *   {TooLarge} `image.data.too_large`, `image.store.full`; {Gone} `image.gone` when it is deleted meanwhile.
 * @see https://docs.openstack.org/api-ref/image/v2/#upload-binary-image-data
 */
export async function uploadImage(
  deps: UploadDeps,
  ctx: RequestContext,
  id: ImageId,
  incoming: Incoming,
  storeId: string | undefined,
): Promise<void> {
  await draining(incoming.stream, async () => {
    const store = storeId === undefined ? deps.stores.default : findStore(deps.stores, storeId);
    const image = await getVisibleImage(deps, ctx, id);
    enforceOnImage(deps, ctx, 'upload_image', image);
    await writeData(deps, image, { claim: 'saving', store, incoming }, (received) => activeImage(received));
  });
}

/**
 * Takes data into the staging area, from where `import` brings it into the image.
 * @throws as {@link uploadImage}; the content is inspected already here.
 * @see https://docs.openstack.org/api-ref/image/v2/#stage-binary-image-data
 */
export async function stageImage(
  deps: UploadDeps,
  ctx: RequestContext,
  id: ImageId,
  incoming: Incoming,
): Promise<void> {
  await draining(incoming.stream, async () => {
    const image = await getVisibleImage(deps, ctx, id);
    enforceOnImage(deps, ctx, 'modify_image', image);
    await writeData(deps, image, { claim: 'uploading', store: deps.stores.staging, incoming }, ({ sizeBytes }) => ({
      status: 'uploading',
      size: sizeBytes,
    }));
  });
}

/** What an image's row becomes once its data is in place. */
export function activeImage({ sizeBytes, md5, sha512, inspection }: Received): Partial<ImageRow> {
  return {
    status: 'active',
    size: sizeBytes,
    virtual_size: inspection.virtualSizeBytes,
    checksum: md5,
    os_hash_algo: 'sha512',
    os_hash_value: sha512,
    content_format: inspection.format,
    is_as_declared: inspection.isAsDeclared ? 1 : 0,
  };
}

interface Writing {
  readonly claim: 'saving' | 'uploading';
  readonly store: FileStore;
  readonly incoming: Incoming;
}

async function writeData(
  deps: UploadDeps,
  image: Image,
  { claim, store, incoming }: Writing,
  finish: (received: Received) => Partial<ImageRow>,
): Promise<void> {
  const { owner } = image.row;
  const isStaging = claim === 'uploading';
  const uploads = await findQuota(deps, owner, 'image_count_uploading');
  const sizes = await findQuota(deps, owner, isStaging ? 'image_stage_total' : 'image_size_total');
  const writer = newUuid();
  const { stream, sizeBytes } = incoming;
  await claimImage(deps, image, {
    status: claim,
    writer,
    enforce: async (tx) => {
      await uploads.enforce(tx, 0);
      await sizes.enforce(tx, mibOf(sizeBytes ?? 0));
    },
  });
  const bound = sizeBytes === undefined ? sizes.forUnknownLength : sizes;
  const { id, disk_format } = image.row;
  const file = await store.create(writer).catch((error: unknown) => giveBack(deps, id, writer, error));
  try {
    const received = await receive(stream, file, {
      diskFormat: disk_format as DiskFormat,
      maxBytes: Math.min(deps.limits.maxImageBytes, await bound.remainingBytes(deps.db)),
      onProgress: renewal(deps, id, writer),
    });
    await renew(deps, id, writer);
    await file.commit();
    const location = { image_id: id, store: store === deps.stores.staging ? STAGING_STORE : store.id, data_id: writer };
    await finishWriting(deps, location, finish(received), bound);
  } catch (error) {
    await file.discard();
    await store.remove(writer);
    await giveBack(deps, id, writer, error);
  }
}

/** @throws {Conflict} `image.status`; {BadRequest} `image.formats.missing`; {TooLarge} `image.quota`. */
async function claimImage(
  { db, clock }: UploadDeps,
  image: Image,
  claim: {
    readonly status: ImageStatus;
    readonly writer: string;
    readonly enforce: (tx: Db<ImageTables>) => Promise<void>;
  },
): Promise<void> {
  const { status, writer, enforce } = claim;
  const { row } = image;
  if (!nextStatuses[row.status].includes(status)) throw refuseStatus(row.status, status);
  checkFormatsSet(image);
  const nowMs = clock.now().getTime();
  await inTransaction(db, async (tx) => {
    const isOurs = await updateImageRow(tx, row, {
      status,
      writer,
      writer_until: nowMs + WRITER_MS,
      updated_at: nowMs,
    });
    if (!isOurs) throw refuseStatus('saving', status);
    await enforce(tx);
  });
}

function refuseStatus(from: ImageStatus, to: ImageStatus): Conflict {
  return new Conflict('image.status', `Image status transition from ${from} to ${to} is not allowed`);
}

/** Says now and then that the writer is alive, and stops it when the image is no longer its own. */
function renewal(deps: UploadDeps, id: ImageId, writer: string): () => Promise<void> {
  const { clock } = deps;
  let renewedMs = clock.monotonicMs();
  return async () => {
    if (clock.monotonicMs() - renewedMs < RENEW_MS) return;
    renewedMs = clock.monotonicMs();
    await renew(deps, id, writer);
  };
}

/** @throws {Gone} `image.gone`. */
async function renew({ db, clock }: UploadDeps, id: ImageId, writer: string): Promise<void> {
  if (!(await updateAsWriter(db, id, writer, { writer_until: clock.now().getTime() + WRITER_MS }))) throw gone(id);
}

async function finishWriting(
  { db, clock }: UploadDeps,
  location: { readonly image_id: ImageId; readonly store: string; readonly data_id: string },
  patch: Partial<ImageRow>,
  quota: Quota,
): Promise<void> {
  const nowMs = clock.now().getTime();
  await inTransaction(db, async (tx) => {
    const isOurs = await updateAsWriter(tx, location.image_id, location.data_id, {
      ...patch,
      writer: null,
      writer_until: null,
      updated_at: nowMs,
    });
    if (!isOurs) throw gone(location.image_id);
    await insertLocation(tx, { ...location, created_at: nowMs });
    await quota.enforce(tx, 0);
  });
}

/** After a failure the image is as it was before, and can be uploaded again. */
async function giveBack({ db, clock }: UploadDeps, id: ImageId, writer: string, error: unknown): Promise<never> {
  await updateAsWriter(db, id, writer, {
    status: 'queued',
    size: null,
    virtual_size: null,
    writer: null,
    writer_until: null,
    updated_at: clock.now().getTime(),
  });
  throw error;
}

function gone(id: ImageId): Gone {
  return new Gone(
    'image.gone',
    `Image ${id} could not be found after upload. The image may have been deleted during the upload, cleaning up the chunks uploaded.`,
  );
}

function findStore(stores: Stores, id: string): FileStore {
  const store = stores.find(id);
  if (store === undefined)
    throw new BadRequest(
      'image.store.unknown',
      `There is no image store '${id}' here; GET /v2/info/stores names those there are.`,
    );
  return store;
}

/** A client that is still sending would not look for the answer to a refusal. */
async function draining(source: Readable, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof CloudError && error.code !== 'image.data.cut_off') await drain(source);
    throw error;
  }
}
