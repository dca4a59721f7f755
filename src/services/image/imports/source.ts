import type { RequestContext } from '#kernel/auth/context.ts';
import { NotFound } from '#kernel/errors.ts';
import type { ImageId } from '#kernel/ids.ts';
import { type AccessDeps, getVisibleImage, isAllowedOnImage } from '../images/access.ts';

/** The image that another one is made from, as it was when the import was accepted. */
export interface ImportSource {
  readonly imageId: ImageId;
  readonly diskFormat: string;
  readonly containerFormat: string;
  /** Those that are taken over. */
  readonly properties: Readonly<Record<string, string>>;
  /** What another region has told of the data. */
  readonly sizeBytes?: number;
  readonly sha512?: string;
}

/** Where an image is to come from, as it was asked for. */
export interface SourceRequest {
  readonly imageId: string;
  readonly region: string;
  /** Which of the region's endpoints: `public`, `internal` or `admin`. */
  readonly serviceInterface: string;
}

/** An image of another region. */
export interface RemoteSource {
  /** The image in the other region's API. */
  readonly url: string;
  readonly region: string;
  /** The caller's token, sealed. */
  readonly token: string;
}

/** glance's `[glance_download_properties] extra_properties`: properties that begin like these are taken over. */
const TAKEN_OVER = ['hw_', 'trait:', 'os_distro', 'os_secure_boot', 'os_type'];

/** Longest value of a property; longer ones are left behind. */
const MAX_VALUE_LENGTH = 65_535;

/** Those properties that are taken over. */
export function takenOver(properties: Readonly<Record<string, string | null>>): Record<string, string> {
  const entries = Object.entries(properties).flatMap(([name, value]) =>
    value !== null && value.length <= MAX_VALUE_LENGTH && name.length <= 255 && isTakenOver(name)
      ? [[name, value] as const]
      : [],
  );
  return Object.fromEntries(entries);
}

const isTakenOver = (name: string): boolean => TAKEN_OVER.some((prefix) => name.startsWith(prefix));

/**
 * Looks up an image of this region that is to be imported, in the caller's name; or says why it cannot be, which then is the
 * task's failure. Those of other regions are `regions.ts`'s.
 */
export async function findSource(
  deps: AccessDeps & { readonly region: string },
  ctx: RequestContext,
  request: SourceRequest,
): Promise<ImportSource | string> {
  const { region, serviceInterface, imageId } = request;
  if (
    region.toLowerCase() !== deps.region.toLowerCase() ||
    !['public', 'internal', 'admin'].includes(serviceInterface)
  ) {
    return `${serviceInterface} glance endpoint not found for region ${region}`;
  }
  const image = await getVisibleImage(deps, ctx, imageId).catch((error: unknown) => {
    if (error instanceof NotFound) return undefined;
    throw error;
  });
  if (image === undefined || !isAllowedOnImage(deps, ctx, 'download_image', image))
    return `No image found with ID ${imageId} in region ${region}`;
  const { status, disk_format, container_format } = image.row;
  if (status !== 'active' || disk_format === null || container_format === null)
    return `Source image status should be active instead of ${status}`;
  return {
    imageId: image.row.id,
    diskFormat: disk_format,
    containerFormat: container_format,
    properties: takenOver(image.properties),
  };
}
