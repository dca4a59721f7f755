import type { RequestContext } from '#kernel/auth/context.ts';
import type { Clock } from '#kernel/clock.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { BadRequest, type CloudError, Forbidden, NotFound, TooLarge } from '#kernel/errors.ts';
import type { ImageId, ProjectId } from '#kernel/ids.ts';
import { type AccessDeps, enforceOnImage, getVisibleImage, type SeenImage, viewerOf } from '../images/access.ts';
import { findMember } from '../images/store.ts';
import type { ImageMemberRow, MemberStatus } from '../images/tables.ts';
import { countMembers, deleteMember, insertMember, listMembers as listMemberRows, updateMember } from './store.ts';

export interface MemberDeps extends AccessDeps {
  readonly clock: Clock;
}

/** glance's `image_member_quota`. */
const MAX_MEMBERS = 128;
const MAX_MEMBER_ID = 255;
const STATUSES: readonly MemberStatus[] = ['pending', 'accepted', 'rejected'];

/**
 * Lists with whom an image is shared: its owner sees all, a member only itself.
 * @throws {NotFound} `image.not_found`; {Forbidden} `image.member.not_shared` or by policy.
 */
export async function listMembers(deps: MemberDeps, ctx: RequestContext, imageId: ImageId): Promise<ImageMemberRow[]> {
  const image = await getImage(deps, ctx, imageId);
  if (image.row.visibility !== 'shared') {
    throw new Forbidden(
      'image.member.not_shared',
      `Not allowed to list members for image ${imageId}: Only shared images have members.`,
    );
  }
  enforceMember(deps, ctx, 'get_members', image);
  return listMemberRows(deps.db, imageId, onlyOwn(deps, ctx, image));
}

/** @throws {NotFound} `image.member.not_found`: also for what is forbidden, so that nothing is given away. */
export async function showMember(
  deps: MemberDeps,
  ctx: RequestContext,
  imageId: ImageId,
  memberId: ProjectId,
): Promise<ImageMemberRow> {
  try {
    const image = await getImage(deps, ctx, imageId);
    requireShared(image, 'Only shared images have members.');
    enforceMember(deps, ctx, 'get_member', image);
    return await getMember(deps, ctx, image, memberId);
  } catch (cause) {
    if (cause instanceof Forbidden) throw new NotFound('image.member.not_found', cause.message, { cause });
    throw cause;
  }
}

/**
 * Shares an image with a project, which may then accept it.
 * @throws {BadRequest} `image.member.…`; {Conflict} `image.member.taken`; {TooLarge} `image.member.too_many`; {Forbidden}.
 * @see https://docs.openstack.org/api-ref/image/v2/#create-image-member
 */
export async function createMember(
  deps: MemberDeps,
  ctx: RequestContext,
  imageId: ImageId,
  body: unknown,
): Promise<ImageMemberRow> {
  const member = readMember(body);
  const nowMs = deps.clock.now().getTime();
  return inTransaction(deps.db, async (tx) => {
    const scoped = { ...deps, db: tx };
    const image = await getImage(scoped, ctx, imageId);
    requireShared(image, `Not allowed to create members for image ${imageId}.`);
    enforceMember(scoped, ctx, 'add_member', image);
    const attempted = (await countMembers(tx, imageId)) + 1;
    if (attempted > MAX_MEMBERS) throw tooMany(imageId, attempted);
    const row: ImageMemberRow = {
      image_id: image.row.id,
      member,
      status: 'pending',
      created_at: nowMs,
      updated_at: nowMs,
    };
    await insertMember(tx, row);
    return row;
  });
}

/**
 * Accepts or rejects an image that is shared with the caller's project.
 * @throws {BadRequest} `image.member.status`; {NotFound} `image.member.not_found`; {Forbidden}.
 */
export async function setMemberStatus(
  deps: MemberDeps,
  ctx: RequestContext,
  imageId: ImageId,
  memberId: ProjectId,
  body: unknown,
): Promise<ImageMemberRow> {
  const given = readStatus(body);
  return inTransaction(deps.db, async (tx) => {
    const scoped = { ...deps, db: tx };
    const image = await getImage(scoped, ctx, imageId);
    requireShared(image, `Not allowed to update members for image ${imageId}.`);
    if (image.row.owner === ctx.projectId && !viewerOf(deps, ctx).isAdmin) {
      throw new Forbidden('image.member.owner', `Not allowed to update members for image ${imageId}.`);
    }
    const member = await getMember(scoped, ctx, image, memberId);
    enforceMember(scoped, ctx, 'modify_member', image);
    const status = STATUSES.find((known) => known === given);
    if (status === undefined)
      throw new BadRequest(
        'image.member.status',
        'Incorrect request: Status must be "pending", "accepted" or "rejected".',
      );
    const updated = { ...member, status, updated_at: deps.clock.now().getTime() };
    await updateMember(tx, updated);
    return updated;
  });
}

/** Takes a project's share in an image back. @throws {NotFound} `image.member.not_found`; {Forbidden}. */
export async function removeMember(
  deps: MemberDeps,
  ctx: RequestContext,
  imageId: ImageId,
  memberId: ProjectId,
): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    const scoped = { ...deps, db: tx };
    const image = await getImage(scoped, ctx, imageId);
    requireShared(image, `Not allowed to delete members for image ${imageId}.`);
    await getMember(scoped, ctx, image, memberId);
    enforceMember(scoped, ctx, 'delete_member', image);
    await deleteMember(tx, imageId, memberId);
  });
}

function getImage(deps: MemberDeps, ctx: RequestContext, id: ImageId): Promise<SeenImage> {
  return getVisibleImage(deps, ctx, id, `Image ${id} not found.`);
}

function enforceMember(deps: MemberDeps, ctx: RequestContext, rule: string, image: SeenImage): void {
  enforceOnImage(deps, ctx, 'get_image', image);
  enforceOnImage(deps, ctx, rule, image);
}

function requireShared({ row }: SeenImage, message: string): void {
  if (row.visibility !== 'shared') throw new Forbidden('image.member.not_shared', message);
}

/** Others' memberships are not for a member to see. */
function onlyOwn(deps: MemberDeps, ctx: RequestContext, { row }: SeenImage): ProjectId | undefined {
  const seesAll = viewerOf(deps, ctx).isAdmin || (row.owner !== null && row.owner === ctx.projectId);
  return seesAll ? undefined : (ctx.projectId ?? '');
}

async function getMember(
  deps: MemberDeps,
  ctx: RequestContext,
  image: SeenImage,
  memberId: ProjectId,
): Promise<ImageMemberRow> {
  const only = onlyOwn(deps, ctx, image);
  const member =
    only === undefined || only === memberId ? await findMember(deps.db, image.row.id, memberId) : undefined;
  if (member !== undefined) return member;
  throw new NotFound(
    'image.member.not_found',
    `${memberId} not found in the member list of the image ${image.row.id}.`,
  );
}

function readMember(body: unknown): ProjectId {
  if (body === undefined) throw new BadRequest('image.member.body', 'Body expected in request.');
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new BadRequest('image.member.body', 'Expected a member in the form: {"member": "image_id"}');
  }
  if (!('member' in body)) throw new BadRequest('image.member.body', 'Member to be added not specified');
  const { member } = body;
  if (member === '' || member === null) throw new BadRequest('image.member.body', "Member can't be empty");
  if (typeof member !== 'string' || member.length > MAX_MEMBER_ID) {
    throw new BadRequest('image.member.body', 'A member is a project id, a text of at most 255 characters.');
  }
  return member;
}

function readStatus(body: unknown): unknown {
  if (body === undefined) throw new BadRequest('image.member.body', 'Body expected in request.');
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new BadRequest('image.member.body', 'Expected a status in the form: {"status": "status"}');
  }
  if (!('status' in body)) throw new BadRequest('image.member.body', 'Status not specified');
  return body.status;
}

function tooMany(imageId: ImageId, attempted: number): CloudError {
  return new TooLarge(
    'image.member.too_many',
    `Image member limit exceeded for image ${imageId}: The limit has been exceeded on the number of allowed image members for this image. Attempted: ${attempted}, Maximum: ${MAX_MEMBERS}:`,
  );
}
