/**
 * The conversion plug-in: what is imported as qcow2 and the like is kept as raw.
 *
 * Theory of operation. The data is put in the staging area first (staged data is there already), inspected, and converted
 * there into a second file by a limited child. Both files are recorded as locations of the image before they are
 * written, so that whatever deletes the image or ends the import removes them. The stores are then filled from the second
 * one, which is inspected again on its way: a disk that holds another image inside ends here.
 */
import type { Readable } from 'node:stream';
import type { Db } from '#kernel/db/database.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { BadRequest, TooLarge } from '#kernel/errors.ts';
import { receive } from '../data/receive.ts';
import type { DiskFormat } from '../formats/format.ts';
import { ImageInspector, type Inspection } from '../formats/inspect.ts';
import {
  CONVERTED_STORE,
  deleteLocation,
  type Image,
  insertLocation,
  listLocations,
  STAGING_STORE,
} from '../images/store.ts';
import { findQuota } from '../quotas/logic.ts';
import { checkAsTold } from './regions.ts';
import {
  findStaged,
  formatOf,
  getLocked,
  type ImportData,
  type ImportRun,
  type ImportTaskDeps,
  openSource,
  reporting,
} from './work.ts';

/** What an image is once it was converted. */
export const CONVERTED = { disk_format: 'raw', container_format: 'bare' } as const;
/** Formats that are converted. Discs, kernels and raw disks stay what they are. */
const CONVERTIBLE: readonly DiskFormat[] = ['qcow2', 'vmdk', 'vdi', 'vhd', 'vhdx', 'ploop'];

/**
 * The import's second step.
 * @throws {BadRequest} `image.conversion.…`, `image.content.…`; {TooLarge} `image.data.too_large`, `image.store.full`.
 */
export async function convertSource(deps: ImportTaskDeps, run: ImportRun): Promise<Partial<ImportData>> {
  const { conversion, imageId } = run.input;
  const { convertDisk } = deps;
  const image = await getLocked(deps, run);
  const format = formatOf(run, image);
  if (conversion === null || convertDisk === undefined || !CONVERTIBLE.includes(format)) return {};
  const inspection = await stageSource(deps, run, image);
  if (!inspection.isAsDeclared || inspection.virtualSizeBytes === null)
    throw new BadRequest(
      'image.conversion.mismatch',
      `The image was declared as ${format}, but its content is ${inspection.format}: it cannot be converted.`,
    );
  const { virtualSizeBytes } = inspection;
  await checkRoom(deps, image, virtualSizeBytes);
  const { staging } = deps.stores;
  const sourceId = (await findStaged(deps.db, imageId)) ?? conversion.sourceId;
  await record(deps, run, CONVERTED_STORE, conversion.resultId);
  await staging.removeIncoming(conversion.resultId);
  await staging.remove(conversion.resultId);
  await staging.createBy(conversion.resultId, (target) =>
    convertDisk({
      source: staging.pathOf(sourceId),
      sourceFormat: format,
      target,
      virtualSizeBytes,
      signal: run.signal,
    }),
  );
  return { convertedId: conversion.resultId };
}

/** Brings the data to the staging area, from the beginning if an earlier try was cut off, and says what it is. */
async function stageSource(deps: ImportTaskDeps, run: ImportRun, image: Image): Promise<Inspection> {
  const { method, conversion } = run.input;
  const source = await openSource(deps, run);
  try {
    if (method === 'glance-direct') return await inspect(source, formatOf(run, image), run.signal);
    const sourceId = conversion?.sourceId ?? '';
    const { staging } = deps.stores;
    await record(deps, run, STAGING_STORE, sourceId);
    await staging.removeIncoming(sourceId);
    await staging.remove(sourceId);
    const quota = await findQuota(deps, image.row.owner, 'image_stage_total');
    const file = await staging.create(sourceId);
    try {
      const received = await receive(source, file, {
        diskFormat: formatOf(run, image),
        maxBytes: Math.min(deps.limits.maxImageBytes, await quota.remainingBytes(deps.db)),
        onProgress: reporting(deps, run),
      });
      checkAsTold(run.data.remoteSource, run.input.taskId, received);
      await file.commit();
      return received.inspection;
    } finally {
      await file.discard();
    }
  } finally {
    source.destroy();
  }
}

async function inspect(source: Readable, format: DiskFormat, signal: AbortSignal): Promise<Inspection> {
  const inspector = new ImageInspector(format);
  for await (const chunk of source) {
    signal.throwIfAborted();
    inspector.push(chunk as Buffer);
  }
  const inspection = inspector.finish();
  if (inspection.refusal !== undefined) throw new BadRequest(inspection.refusal.code, inspection.refusal.message);
  return inspection;
}

/** A small file can hold a huge disk: it is held against the limits before it is unpacked. */
async function checkRoom(deps: ImportTaskDeps, { row }: Image, virtualSizeBytes: number): Promise<void> {
  const quota = await findQuota(deps, row.owner, 'image_size_total');
  const maxBytes = Math.min(deps.limits.maxImageBytes, await quota.remainingBytes(deps.db));
  if (virtualSizeBytes <= maxBytes) return;
  throw new TooLarge(
    'image.data.too_large',
    `The incoming image is too large: as raw it has ${virtualSizeBytes} bytes, and may have ${maxBytes} at most.`,
  );
}

/** Enters a file of the staging area as the image's, as long as the image is this task's. */
async function record(deps: ImportTaskDeps, run: ImportRun, store: string, dataId: string): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    await getLocked({ db: tx as Db as ImportTaskDeps['db'] }, run);
    const known = await listLocations(tx, run.input.imageId);
    if (known.some((location) => location.store === store)) await deleteLocation(tx, run.input.imageId, store);
    await insertLocation(tx, {
      image_id: run.input.imageId,
      store,
      data_id: dataId,
      created_at: deps.clock.now().getTime(),
    });
  });
}
