import type { RequestContext } from '#kernel/auth/context.ts';
import type { Clock } from '#kernel/clock.ts';
import type { Db } from '#kernel/db/database.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { BadRequest, Conflict, Forbidden } from '#kernel/errors.ts';
import type { ImageId } from '#kernel/ids.ts';
import {
  type AccessDeps,
  enforceOnImage,
  enforceVisibility,
  getVisibleImage,
  type SeenImage,
  targetOf,
  viewerOf,
} from './access.ts';
import {
  ATTRIBUTES,
  checkNumbers,
  checkPropertyCount,
  checkPropertyName,
  checkTagCount,
  type ImageAttributes,
} from './attributes.ts';
import type { Change } from './patch.ts';
import { canChangeFormat, type ImageStatus } from './states.ts';
import { type Image, replaceParts, updateImageRow } from './store.ts';
import type { ImageRow, ImageTables } from './tables.ts';

export interface UpdateDeps extends AccessDeps {
  readonly clock: Clock;
}

/** An image being changed: attributes and properties apart. */
interface Draft {
  readonly attributes: ImageAttributes;
  readonly properties: Map<string, string | null>;
}

/**
 * Applies a JSON patch to an image: all of its changes or none.
 * @throws {NotFound} `image.not_found`; {Forbidden}, {BadRequest}, {Conflict} or {TooLarge} `image.…` for a change that cannot be.
 * @see https://docs.openstack.org/api-ref/image/v2/#update-image
 */
export async function updateImage(
  deps: UpdateDeps,
  ctx: RequestContext,
  id: ImageId,
  changes: readonly Change[],
): Promise<Image> {
  return inTransaction(deps.db, async (tx) => {
    const image = await getVisibleImage({ ...deps, db: tx }, ctx, id);
    if (changes.length === 0) return image;
    const draft = draftOf(image);
    for (const change of changes) applyChange(deps, ctx, image, draft, change);
    if (draft.properties.size > Object.keys(image.properties).length)
      checkPropertyCount(Object.fromEntries(draft.properties));
    checkTagCount(draft.attributes.tags);
    checkNumbers(draft.attributes);
    return save(tx, image, draft, deps.clock.now().getTime());
  });
}

function draftOf({ row, properties, tags }: Image): Draft {
  return {
    attributes: {
      name: row.name,
      visibility: row.visibility,
      protected: row.is_protected === 1,
      os_hidden: row.is_hidden === 1,
      owner: row.owner,
      container_format: row.container_format,
      disk_format: row.disk_format,
      min_ram: row.min_ram,
      min_disk: row.min_disk,
      tags: [...tags],
    },
    properties: new Map(Object.entries(properties)),
  };
}

function applyChange(deps: AccessDeps, ctx: RequestContext, image: SeenImage, draft: Draft, change: Change): void {
  const { op, name, value } = change;
  if (name === 'locations') return refuseLocations(deps, ctx, image, change);
  if (op !== 'remove' && name === 'owner' && !viewerOf(deps, ctx).isAdmin) {
    throw new Forbidden('image.owner', "Owner can't be updated by non admin.");
  }
  if (op !== 'remove' && name === 'visibility') enforceVisibility(deps, ctx, value, targetOf(image));
  enforceOnImage(deps, ctx, 'modify_image', image);
  const isAttribute = (ATTRIBUTES as readonly string[]).includes(name);
  const isThere = isAttribute || draft.properties.has(name);
  if (op === 'remove' && isAttribute)
    throw new Forbidden('image.attribute.permanent', `Property ${name} may not be removed.`);
  if (op !== 'add' && !isThere) throw new Conflict('image.property.absent', `Property ${name} does not exist.`);
  if (op === 'add' && isThere && change.mustBeNew)
    throw new Conflict('image.property.present', `Property ${name} already present.`);
  if (isAttribute) setAttribute(draft.attributes, name as keyof ImageAttributes, value, image.row.status);
  else if (op === 'remove') draft.properties.delete(name);
  else {
    checkPropertyName(name);
    draft.properties.set(name, value as string | null);
  }
}

function setAttribute(
  attributes: ImageAttributes,
  name: keyof ImageAttributes,
  value: unknown,
  status: ImageStatus,
): void {
  if ((name === 'disk_format' || name === 'container_format') && !canChangeFormat.includes(status)) {
    throw new Forbidden('image.format.fixed', `Attribute ${name} can be only replaced for a queued image.`);
  }
  Object.assign(attributes, { [name]: name === 'tags' ? [...new Set(value as string[])].toSorted() : value });
}

/** Locations are never shown and never taken: a client must not say from where on the host an image is read. */
function refuseLocations(deps: AccessDeps, ctx: RequestContext, image: SeenImage, { op, value }: Change): never {
  if (op === 'replace' && Array.isArray(value) && value.length === 0) {
    throw new Forbidden('image.locations.empty', 'Cannot set locations to empty list.');
  }
  enforceOnImage(deps, ctx, op === 'remove' ? 'delete_image_location' : 'set_image_location', image);
  const verb = { add: 'add', remove: 'remove', replace: 'update' }[op];
  throw new Forbidden('image.locations.hidden', `It's not allowed to ${verb} locations if locations are invisible.`);
}

async function save(
  tx: Db<ImageTables>,
  image: Image,
  { attributes, properties }: Draft,
  nowMs: number,
): Promise<Image> {
  const patch: Partial<ImageRow> = {
    name: attributes.name,
    visibility: attributes.visibility,
    is_protected: attributes.protected ? 1 : 0,
    is_hidden: attributes.os_hidden ? 1 : 0,
    owner: attributes.owner,
    container_format: attributes.container_format,
    disk_format: attributes.disk_format,
    min_ram: attributes.min_ram,
    min_disk: attributes.min_disk,
    updated_at: nowMs,
  };
  const updated: Image = {
    row: { ...image.row, ...patch },
    properties: Object.fromEntries(properties),
    tags: attributes.tags,
    stores: image.stores,
  };
  if (!(await updateImageRow(tx, image.row, patch))) {
    throw new Conflict('image.busy', `Image ${image.row.id} is being changed by somebody else; try again.`);
  }
  await replaceParts(tx, updated);
  return updated;
}

/** @throws {BadRequest} when an image lacks what it must have before data can be saved. */
export function checkFormatsSet({ row }: Image): void {
  const missing = (['disk_format', 'container_format'] as const).filter(
    (name) => row[name] === null || row[name] === '',
  );
  if (missing.length === 0) return;
  throw new BadRequest(
    'image.formats.missing',
    `${missing.length === 1 ? 'Property' : 'Properties'} ${missing.join(', ')} must be set prior to saving data.`,
  );
}
