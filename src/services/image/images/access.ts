import type { RequestContext } from '#kernel/auth/context.ts';
import type { Policy } from '#kernel/auth/policy.ts';
import type { Db } from '#kernel/db/database.ts';
import { NotFound } from '#kernel/errors.ts';
import type { ImageId } from '#kernel/ids.ts';
import { findImage, findMember, type Image, type Viewer } from './store.ts';
import type { ImageTables } from './tables.ts';

/** What every operation on images needs to decide who may do what. */
export interface AccessDeps {
  readonly db: Db<ImageTables>;
  readonly policy: Policy;
}

/** An image as one caller sees it. */
export interface SeenImage extends Image {
  /** The caller's project, when the image is shared with it. */
  readonly memberId: string | null;
}

/** Administrators see and list every project's images. */
export function viewerOf({ policy }: AccessDeps, ctx: RequestContext): Viewer {
  return { isAdmin: policy.allows(ctx, 'context_is_admin'), projectId: ctx.projectId };
}

/**
 * Finds an image that the caller may know of. A membership counts in any status.
 * @throws {NotFound} `image.not_found`, also when it is hidden from the caller.
 * @see glance/db/utils.py is_image_visible
 */
export async function getVisibleImage(
  deps: AccessDeps,
  ctx: RequestContext,
  id: ImageId,
  notFound = `No image found with ID ${id}`,
): Promise<SeenImage> {
  const image = id.length > 36 ? undefined : await findImage(deps.db, id);
  if (image === undefined) throw new NotFound('image.not_found', notFound);
  const { row } = image;
  const viewer = viewerOf(deps, ctx);
  const membership =
    row.visibility === 'shared' && ctx.projectId !== null
      ? await findMember(deps.db, row.id, ctx.projectId)
      : undefined;
  const isOpen = row.owner === null || row.visibility === 'public' || row.visibility === 'community';
  const isVisible =
    viewer.isAdmin || isOpen || (ctx.projectId !== null && row.owner === ctx.projectId) || membership !== undefined;
  if (!isVisible) throw new NotFound('image.not_found', notFound);
  return { ...image, memberId: membership?.member ?? null };
}

/** The sentence of a 404 that hides what is there. */
export const HIDDEN = 'The resource could not be found.';

/**
 * Holds a rule against an image. A caller who may not even see the image is told that there is none.
 * @throws {Forbidden} `policy.refused`; {NotFound} `image.not_found`.
 * @see glance/api/v2/policy.py ImageAPIPolicy._enforce
 */
export function enforceOnImage({ policy }: AccessDeps, ctx: RequestContext, rule: string, image: SeenImage): void {
  const target = targetOf(image);
  if (policy.allows(ctx, rule, target)) return;
  if (rule === 'get_image' || !policy.allows(ctx, 'get_image', target)) throw new NotFound('image.not_found', HIDDEN);
  policy.enforce(ctx, rule, target);
}

/** The same as a question. */
export function isAllowedOnImage({ policy }: AccessDeps, ctx: RequestContext, rule: string, image: SeenImage): boolean {
  return policy.allows(ctx, rule, targetOf(image));
}

/** Who may make an image public is a rule of its own, and community images have another. */
export function enforceVisibility(
  { policy }: AccessDeps,
  ctx: RequestContext,
  visibility: unknown,
  target: Readonly<Record<string, unknown>>,
): void {
  if (visibility === 'public') policy.enforce(ctx, 'publicize_image', target);
  if (visibility === 'community') policy.enforce(ctx, 'communitize_image', target);
}

/** The image as rules see it: its own properties first, so that none can pass for an attribute. */
export function targetOf({ row, properties, memberId }: SeenImage): Readonly<Record<string, unknown>> {
  return {
    ...properties,
    id: row.id,
    image_id: row.id,
    name: row.name,
    status: row.status,
    visibility: row.visibility,
    owner: row.owner,
    // Absent, not null: a token without a project must not be taken for the owner of an image without one.
    project_id: row.owner ?? undefined,
    member_id: memberId ?? undefined,
    protected: row.is_protected === 1,
    os_hidden: row.is_hidden === 1,
    container_format: row.container_format,
    disk_format: row.disk_format,
  };
}
