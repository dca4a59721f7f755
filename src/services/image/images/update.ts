import type { RequestContext } from '#kernel/auth/context.ts';
import type { Clock } from '#kernel/clock.ts';
import type { Db } from '#kernel/db/database.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { Conflict, Forbidden } from '#kernel/errors.ts';
import type { ImageId } from '#kernel/ids.ts';
import { changeLocations, type LocationDeps, type LocationDraft, measureLocations } from '../locations/logic.ts';
import { replaceRemoteLocations } from '../locations/store.ts';
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
import { removeData } from './delete.ts';
import type { Change } from './patch.ts';
import { canChangeFormat, type ImageStatus } from './states.ts';
import { deleteLocation, type Image, replaceParts, updateImageRow } from './store.ts';
import type { ImageRow, ImageTables } from './tables.ts';

export interface UpdateDeps extends AccessDeps, LocationDeps {
  readonly clock: Clock;
}

/** An image being changed: attributes and properties apart. */
interface Draft {
  readonly attributes: ImageAttributes;
  readonly properties: Map<string, string | null>;
  /** Where the data is; undefined as long as nothing changes there. */
  locations: LocationDraft | undefined;
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
  const sizes = await measureLocations(deps, ctx, id, changes);
  const updated = await inTransaction(deps.db, async (tx) => {
    const image = await getVisibleImage({ ...deps, db: tx }, ctx, id);
    if (changes.length === 0) return { image, removed: [] };
    const draft = draftOf(image);
    for (const change of changes) {
      if (change.name === 'locations')
        draft.locations = changeLocations(deps, ctx, image, draft.locations, change, sizes);
      else applyChange(deps, ctx, image, draft, change);
    }
    if (draft.properties.size > Object.keys(image.properties).length)
      checkPropertyCount(Object.fromEntries(draft.properties));
    checkTagCount(draft.attributes.tags);
    checkNumbers(draft.attributes);
    const saved = await save(tx, image, draft, deps.clock.now().getTime());
    return { image: saved, removed: draft.locations?.removed ?? [] };
  });
  for (const copy of updated.removed) await removeData(deps.stores, copy);
  return updated.image;
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
    locations: undefined,
  };
}

function applyChange(deps: AccessDeps, ctx: RequestContext, image: SeenImage, draft: Draft, change: Change): void {
  const { op, name, value } = change;
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

async function save(
  tx: Db<ImageTables>,
  image: Image,
  { attributes, properties, locations }: Draft,
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
    ...locations?.patch,
    updated_at: nowMs,
  };
  const updated: Image = {
    row: { ...image.row, ...patch },
    properties: Object.fromEntries(properties),
    tags: attributes.tags,
    stores: locations === undefined ? image.stores : locations.copies.map(({ store }) => store),
    copies: locations?.copies ?? image.copies,
    remote: locations?.remote ?? image.remote,
  };
  if (!(await updateImageRow(tx, image.row, patch))) {
    throw new Conflict('image.busy', `Image ${image.row.id} is being changed by somebody else; try again.`);
  }
  await replaceParts(tx, updated);
  if (locations !== undefined) {
    await replaceRemoteLocations(tx, image.row.id, locations.remote);
    for (const { store } of locations.removed) await deleteLocation(tx, image.row.id, store);
  }
  return updated;
}
