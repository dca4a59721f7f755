import type { Readable } from 'node:stream';
import type { RequestContext } from '#kernel/auth/context.ts';
import { BadRequest, NotFound } from '#kernel/errors.ts';
import type { ImageId } from '#kernel/ids.ts';
import { type AccessDeps, enforceOnImage, getVisibleImage } from './access.ts';
import { type DownloadDeps, openStream } from './download.ts';
import type { ImageStatus, Visibility } from './states.ts';
import { findImage, type Image } from './store.ts';

/** An image as other services see it. */
export interface ImageSummary {
  readonly id: ImageId;
  readonly name: string | null;
  readonly status: ImageStatus;
  readonly visibility: Visibility;
  readonly owner: string | null;
  readonly diskFormat: string | null;
  readonly containerFormat: string | null;
  readonly sizeBytes: number | null;
  /** The disk as a guest sees it; null where the format does not say. */
  readonly virtualSizeBytes: number | null;
  readonly minDiskGib: number;
  readonly minRamMib: number;
  readonly sha512: string | null;
  readonly properties: Readonly<Record<string, string>>;
  readonly tags: readonly string[];
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** An image whose data is there and is what it says: fit to be a disk. */
export interface BootImage extends ImageSummary {
  readonly status: 'active';
  readonly diskFormat: string;
  readonly sizeBytes: number;
  readonly sha512: string;
}

/** An image that the caller may see. @throws {NotFound} `image.not_found`. */
export async function showImageTo(deps: AccessDeps, ctx: RequestContext, id: ImageId): Promise<ImageSummary> {
  const image = await getVisibleImage(deps, ctx, id);
  enforceOnImage(deps, ctx, 'get_image', image);
  return summarizeImage(image);
}

/**
 * An image that a server or volume shall be made from, checked so that a host may use it without a look of its own:
 * visible to the caller, active, and with the content that its format says.
 * @throws {NotFound} `image.not_found`; {BadRequest} `image.not_active`, `image.content.unfit`; {Forbidden} by policy.
 */
export async function getImageForBoot(deps: AccessDeps, ctx: RequestContext, id: ImageId): Promise<BootImage> {
  const image = await getVisibleImage(deps, ctx, id);
  enforceOnImage(deps, ctx, 'get_image', image);
  const summary = summarizeImage(image);
  const { status, diskFormat, sizeBytes, sha512 } = summary;
  if (status !== 'active') throw new BadRequest('image.not_active', `Image ${id} is not active.`);
  if (diskFormat === null || sizeBytes === null || sha512 === null || image.row.is_as_declared === 0) {
    const found = image.row.content_format ?? 'nothing';
    throw new BadRequest(
      'image.content.unfit',
      `Image ${id} is unacceptable: Its disk_format is ${diskFormat ?? 'not set'}, but its content is ${found}; upload it again with the right disk_format.`,
    );
  }
  return { ...summary, status, diskFormat, sizeBytes, sha512 };
}

/** The bytes of an image, whoever asks: for hosts, which are sent only what their guests may have. @throws {NotFound}. */
export async function openImageData(deps: DownloadDeps, id: ImageId): Promise<Readable> {
  const image = await findImage(deps.db, id);
  if (image === undefined) throw new NotFound('image.not_found', `No image found with ID ${id}`);
  const isThere = image.row.status === 'active' || image.row.status === 'deactivated';
  const stream = isThere ? await openStream(deps, id) : undefined;
  if (stream === undefined) throw new NotFound('image.data.absent', `Image ${id} has no data that can be read now.`);
  return stream;
}

/** An image in the words of the other services. */
export function summarizeImage({ row, properties, tags }: Image): ImageSummary {
  return {
    id: row.id,
    name: row.name,
    status: row.status,
    visibility: row.visibility,
    owner: row.owner,
    diskFormat: row.disk_format,
    containerFormat: row.container_format,
    sizeBytes: row.size,
    virtualSizeBytes: row.virtual_size,
    minDiskGib: row.min_disk,
    minRamMib: row.min_ram,
    sha512: row.os_hash_value,
    properties: Object.fromEntries(
      Object.entries(properties).flatMap(([name, value]) => (value === null ? [] : [[name, value]])),
    ),
    tags,
    createdAt: new Date(row.created_at),
    updatedAt: new Date(row.updated_at),
  };
}
