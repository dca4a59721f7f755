import type { RequestContext } from '#kernel/auth/context.ts';
import type { Clock } from '#kernel/clock.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { BadRequest, Forbidden } from '#kernel/errors.ts';
import { newUuid } from '#kernel/ids.ts';
import { findQuota, type LimitOf } from '../quotas/logic.ts';
import { DISALLOWED, READ_ONLY } from '../schemas/image.ts';
import { type AccessDeps, enforceVisibility } from './access.ts';
import {
  ATTRIBUTES,
  checkNotReserved,
  checkNumbers,
  checkPropertyCount,
  checkPropertyName,
  checkSchema,
  checkTagCount,
  type ImageAttributes,
} from './attributes.ts';
import { type Image, insertImage } from './store.ts';
import type { ImageRow } from './tables.ts';

export interface CreateDeps extends AccessDeps {
  readonly limitOf: LimitOf;
  readonly clock: Clock;
}

/**
 * Records a new image without data: `queued`, until some is uploaded or imported.
 * @throws {BadRequest} `image.…` for values that fit no image; {Forbidden} for read-only and reserved names and by policy;
 *   {Conflict} `image.id.taken`; {TooLarge} for too many properties or tags.
 * @see https://docs.openstack.org/api-ref/image/v2/#create-image
 */
export async function createImage(deps: CreateDeps, ctx: RequestContext, body: unknown): Promise<Image> {
  const { given, properties } = readBody(body);
  const owner = given.owner === undefined ? ctx.projectId : given.owner;
  const attributes: ImageAttributes = { ...DEFAULTS, ...given, owner, tags: [...new Set(given.tags)] };
  enforceCreate(deps, ctx, attributes, given.visibility);
  checkPropertyCount(properties);
  checkTagCount(attributes.tags);
  checkNumbers(attributes);
  const nowMs = deps.clock.now().getTime();
  const image = {
    row: newRow((given.id ?? newUuid()) as string, attributes, nowMs),
    properties,
    tags: attributes.tags.toSorted(),
  };
  const quota = await findQuota(deps, owner, 'image_count_total');
  await inTransaction(deps.db, async (tx) => {
    await quota.enforce(tx, 1);
    await insertImage(tx, image);
  });
  return { ...image, stores: [], copies: [], remote: [] };
}

const DEFAULTS: Omit<ImageAttributes, 'owner' | 'tags'> = {
  name: null,
  visibility: 'shared',
  protected: false,
  os_hidden: false,
  container_format: null,
  disk_format: null,
  min_ram: 0,
  min_disk: 0,
};

interface Given extends Partial<ImageAttributes> {
  id?: string;
}

function readBody(body: unknown): { given: Given; properties: Record<string, string | null> } {
  if (typeof body !== 'object' || body === null)
    throw new BadRequest('image.body.missing', 'Body expected in request.');
  const readOnly = DISALLOWED.find((name) => name in body);
  if (readOnly !== undefined) throw new Forbidden('image.attribute.read_only', `Attribute '${readOnly}' is read-only.`);
  checkSchema(body);
  const given: Record<string, unknown> = {};
  const properties: Record<string, string | null> = {};
  for (const [name, value] of Object.entries(body)) {
    if (name === 'id' || (ATTRIBUTES as readonly string[]).includes(name)) given[name] = value;
    else if ((READ_ONLY as readonly string[]).includes(name))
      throw new Forbidden('image.attribute.read_only', `Attribute '${name}' is read-only.`);
    else if (name === 'locations') throw new Forbidden('image.property.reserved', `Attribute '${name}' is reserved.`);
    else {
      checkPropertyName(name);
      checkNotReserved(name);
      properties[name] = value as string | null;
    }
  }
  return { given: given as Given, properties };
}

/** @see glance/api/v2/policy.py ImageAPIPolicy.add_image */
function enforceCreate(
  { policy, ...deps }: AccessDeps,
  ctx: RequestContext,
  { owner }: ImageAttributes,
  visibility: unknown,
): void {
  const target = { project_id: owner, owner, visibility: visibility ?? 'private' };
  if (owner !== ctx.projectId && !policy.allows(ctx, 'add_image', target)) {
    throw new Forbidden('image.owner', `You are not permitted to create images owned by '${owner ?? 'None'}'`);
  }
  policy.enforce(ctx, 'add_image', target);
  enforceVisibility({ policy, ...deps }, ctx, visibility, target);
}

function newRow(id: string, attributes: ImageAttributes, nowMs: number): ImageRow {
  return {
    id,
    name: attributes.name,
    status: 'queued',
    visibility: attributes.visibility,
    owner: attributes.owner,
    size: null,
    virtual_size: null,
    disk_format: attributes.disk_format,
    container_format: attributes.container_format,
    checksum: null,
    os_hash_algo: null,
    os_hash_value: null,
    min_disk: attributes.min_disk,
    min_ram: attributes.min_ram,
    is_protected: attributes.protected ? 1 : 0,
    is_hidden: attributes.os_hidden ? 1 : 0,
    content_format: null,
    is_as_declared: 0,
    writer: null,
    writer_until: null,
    created_at: nowMs,
    updated_at: nowMs,
    deleted_at: null,
  };
}
