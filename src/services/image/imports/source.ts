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
}

/** Where an image is to come from, as it was asked for. */
export interface SourceRequest {
  readonly imageId: string;
  readonly region: string;
  /** Which of the region's endpoints: `public`, `internal` or `admin`. */
  readonly serviceInterface: string;
}

/** glance's `[glance_download_properties] extra_properties`: properties that begin like these are taken over. */
const TAKEN_OVER = ['hw_', 'trait:', 'os_distro', 'os_secure_boot', 'os_type'];

/**
 * Looks up what is to be imported, in the caller's name; or says why it cannot be, which then is the task's failure.
 * Only this region's images can be: the caller's token is not kept to ask another region with.
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
  const properties = Object.entries(image.properties).flatMap(([name, value]) =>
    value !== null && TAKEN_OVER.some((prefix) => name.startsWith(prefix)) ? [[name, value] as const] : [],
  );
  return {
    imageId: image.row.id,
    diskFormat: disk_format,
    containerFormat: container_format,
    properties: Object.fromEntries(properties),
  };
}
