import type { RequestContext } from '#kernel/auth/context.ts';
import { BadRequest } from '#kernel/errors.ts';
import { type AccessDeps, getVisibleImage, isAllowedOnImage, type SeenImage, viewerOf } from './access.ts';
import { parseImageQuery } from './filters.ts';
import { findMember, type Image, listImages as listImageRows } from './store.ts';

/**
 * Lists one page of the images that the caller may see, and the id after which the next page begins.
 * @throws {BadRequest} `image.list.…`, also for a marker that is unknown or hidden; {Forbidden} `policy.refused`.
 * @see https://docs.openstack.org/api-ref/image/v2/#list-images
 */
export async function listImages(
  deps: AccessDeps,
  ctx: RequestContext,
  params: URLSearchParams,
): Promise<{ readonly images: readonly Image[]; readonly nextMarker: string | undefined }> {
  const query = parseImageQuery(params);
  deps.policy.enforce(ctx, 'get_images', { project_id: ctx.projectId });
  const marker = query.marker === undefined ? undefined : (await getMarker(deps, ctx, query.marker)).row;
  if (query.limit === 0) return { images: [], nextMarker: undefined };
  const found = await listImageRows(deps.db, viewerOf(deps, ctx), query, marker);
  const images: Image[] = [];
  for (const image of found)
    if (isAllowedOnImage(deps, ctx, 'get_image', await see(deps, ctx, image))) images.push(image);
  return { images, nextMarker: found.length === query.limit ? images.at(-1)?.row.id : undefined };
}

async function getMarker(deps: AccessDeps, ctx: RequestContext, id: string): Promise<SeenImage> {
  try {
    return await getVisibleImage(deps, ctx, id);
  } catch (cause) {
    throw new BadRequest('image.list.marker', `No image found with ID ${id}`, { cause });
  }
}

async function see({ db }: AccessDeps, ctx: RequestContext, image: Image): Promise<SeenImage> {
  const { row } = image;
  const mayBeMember = row.visibility === 'shared' && row.owner !== ctx.projectId && ctx.projectId !== null;
  const membership = mayBeMember ? await findMember(db, row.id, ctx.projectId) : undefined;
  return { ...image, memberId: membership?.member ?? null };
}
