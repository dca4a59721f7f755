import type { RequestContext } from '#kernel/auth/context.ts';
import type { Clock } from '#kernel/clock.ts';
import type { Db } from '#kernel/db/database.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { Conflict, NotFound } from '#kernel/errors.ts';
import type { ImageId } from '#kernel/ids.ts';
import { type AccessDeps, enforceOnImage, getVisibleImage, HIDDEN, type SeenImage } from '../images/access.ts';
import { checkSchema, checkTagCount } from '../images/attributes.ts';
import { replaceParts, updateImageRow } from '../images/store.ts';
import type { ImageTables } from '../images/tables.ts';

export interface TagDeps extends AccessDeps {
  readonly clock: Clock;
}

/** Adds a tag; one that is there stays. @throws {BadRequest} `image.schema`; {TooLarge} `image.tags.too_many`; {NotFound}; {Forbidden}. */
export async function addTag(deps: TagDeps, ctx: RequestContext, id: ImageId, tag: string): Promise<void> {
  checkSchema({ tags: [tag] });
  await inTransaction(deps.db, async (tx) => {
    const image = await getChangeable({ ...deps, db: tx }, ctx, id);
    const tags = [...new Set([...image.tags, tag])].toSorted();
    checkTagCount(tags);
    await save(tx, deps.clock, image, tags);
  });
}

/** Takes a tag away. @throws {NotFound} `image.tag.not_found`, `image.not_found`; {Forbidden}. */
export async function removeTag(deps: TagDeps, ctx: RequestContext, id: ImageId, tag: string): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    const image = await getChangeable({ ...deps, db: tx }, ctx, id);
    if (!image.tags.includes(tag)) throw new NotFound('image.tag.not_found', HIDDEN);
    await save(
      tx,
      deps.clock,
      image,
      image.tags.filter((other) => other !== tag),
    );
  });
}

async function getChangeable(deps: TagDeps, ctx: RequestContext, id: ImageId): Promise<SeenImage> {
  const image = await getVisibleImage(deps, ctx, id, `Image ${id} not found.`);
  enforceOnImage(deps, ctx, 'modify_image', image);
  return image;
}

async function save(tx: Db<ImageTables>, clock: Clock, image: SeenImage, tags: readonly string[]): Promise<void> {
  if (!(await updateImageRow(tx, image.row, { updated_at: clock.now().getTime() }))) {
    throw new Conflict('image.busy', `Image ${image.row.id} is being changed by somebody else; try again.`);
  }
  await replaceParts(tx, { ...image, tags });
}
