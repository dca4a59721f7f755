import type { RequestContext } from '#kernel/auth/context.ts';
import { Forbidden } from '#kernel/errors.ts';
import { badInput } from '../bad-input.ts';
import type { ComputeDeps } from '../deps.ts';
import type { BootImage } from '../peers.ts';
import type { ServerFlavor, ServerImage } from './tables.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

/** @throws {BadRequest} `compute.invalid_input` when the caller has no such image, or it isn't fit to boot from. */
export async function findBootImage(deps: ComputeDeps, ctx: RequestContext, id: string): Promise<BootImage> {
  try {
    return await deps.image.getImageForBoot(ctx, id);
  } catch (error) {
    if (isStatus(error, 404) || isStatus(error, 403)) throw badInput('Can not find requested image');
    throw error;
  }
}

function isStatus(error: unknown, status: number): boolean {
  return error instanceof Error && 'status' in error && error.status === status;
}

/** @throws {BadRequest} when hosts cannot boot from it. */
export function requireBootable(image: BootImage): void {
  if (image.status !== 'active') throw badInput(`Image ${image.id} is not active.`);
  const { diskFormat } = image;
  if (diskFormat !== 'raw' && diskFormat !== 'qcow2' && diskFormat !== 'iso')
    throw badInput(
      `Image ${image.id} is unacceptable: servers boot from disk_format raw, qcow2 or iso here, not ${diskFormat ?? 'none'}.`,
    );
}

/** @throws {BadRequest} in nova's words when the flavor is too small for the image. */
export function requireFitFlavor(deps: ComputeDeps, ctx: RequestContext, flavor: ServerFlavor, image: BootImage): void {
  requireBootable(image);
  if (flavor.memoryMib < image.minRamMib) throw badInput("Flavor's memory is too small for requested image.");
  if (flavor.rootGib === 0) {
    if (deps.policy.allows(ctx, 'os_compute_api:servers:create:zero_disk_flavor', { project_id: ctx.projectId }))
      return;
    throw new Forbidden(
      'compute.flavor.zero_disk',
      'Only volume-backed servers are allowed for flavors with zero disk.',
    );
  }
  const rootBytes = flavor.rootGib * GIB;
  if (flavor.rootGib < image.minDiskGib)
    throw badInput(
      `Flavor's disk is smaller than the minimum size specified in image metadata. Flavor disk is ${rootBytes} bytes, minimum size is ${image.minDiskGib * GIB} bytes.`,
    );
  const imageBytes = Math.max(image.sizeBytes ?? 0, image.virtualSizeBytes ?? 0);
  if (imageBytes > rootBytes)
    throw badInput(
      `Flavor's disk is too small for requested image. Flavor disk is ${rootBytes} bytes, image is ${imageBytes} bytes.`,
    );
}

/** The image as the server keeps it; what `requireFitFlavor` has let through. */
export function snapshotImage(image: BootImage): ServerImage {
  const { id, name, properties, diskFormat, sizeBytes, sha512 } = image;
  if (diskFormat !== 'raw' && diskFormat !== 'qcow2' && diskFormat !== 'iso') throw new Error('an unfit image');
  return { id, name, properties, diskFormat, sizeBytes: sizeBytes ?? 0, sha512: sha512 ?? '' };
}
