import { type Static, Type } from 'typebox';
import { type ApiRequest, Reply } from '#kernel/api/route.ts';
import { Forbidden } from '#kernel/errors.ts';
import type { ComputeDeps } from '../../deps.ts';
import { Metadata, Name, NonNegativeInteger } from '../../fields.ts';
import { compute } from '../../microversions.ts';
import { limitsOf } from '../../quotas/check.ts';
import { UNLIMITED } from '../../quotas/resources.ts';
import { rootOf } from '../../roots.ts';
import { requestSnapshot } from '../snapshots/request.ts';
import type { ServerAction } from './action.ts';

const ImageInput = Type.Object({ name: Name, metadata: Type.Optional(Metadata) }, { additionalProperties: false });
type ImageInput = Static<typeof ImageInput>;

const BackupInput = Type.Object(
  {
    name: Name,
    backup_type: Type.String({ maxLength: 255 }),
    rotation: NonNegativeInteger,
    metadata: Type.Optional(Metadata),
  },
  { additionalProperties: false },
);
type BackupInput = Static<typeof BackupInput>;

/**
 * Making images of servers.
 * @see https://docs.openstack.org/api-ref/compute/#create-image-createimage-action
 * @see https://docs.openstack.org/api-ref/compute/#create-server-back-up-createbackup-action
 */
export const imageActions = (deps: ComputeDeps): ServerAction[] => [
  {
    name: 'createImage',
    input: ImageInput,
    async run(request, id, { name, metadata = {} }: ImageInput) {
      await requireMetadataFit(deps, request, metadata);
      const imageId = await requestSnapshot(deps, request.ctx, id, {
        rule: 'os_compute_api:servers:create_image',
        action: 'createImage',
        word: 'createImage',
        purpose: 'image',
        taskState: 'image_snapshot',
        imageName: () => name.trim(),
        properties: metadata,
        isLockable: false,
      });
      return replyWith(deps, request, imageId);
    },
  },
  {
    name: 'createBackup',
    input: BackupInput,
    async run(request, id, { name, backup_type: type, rotation, metadata = {} }: BackupInput) {
      await requireMetadataFit(deps, request, metadata);
      const imageId = await requestSnapshot(deps, request.ctx, id, {
        rule: 'os_compute_api:os-create-backup',
        action: 'createImage',
        word: 'createBackup',
        purpose: 'backup',
        taskState: 'image_backup',
        imageName: () => name.trim(),
        properties: { ...metadata, backup_type: type },
        backup: { type, rotation: Number(rotation) },
        isLockable: false,
      });
      // A backup that rotates away at once has no place.
      const hasPlace = Number(rotation) > 0 || request.has(compute.imageIdInBody);
      return hasPlace ? replyWith(deps, request, imageId) : undefined;
    },
  },
];

/** The place of the image until 2.45, its id in the body since. */
function replyWith({ settings }: ComputeDeps, request: ApiRequest, imageId: string): Reply {
  if (request.has(compute.imageIdInBody)) return new Reply({ status: 202, body: { image_id: imageId } });
  const root = request.has(compute.noProxies) ? `${settings.publicUrls['image'] ?? ''}/v2` : rootOf(request);
  return new Reply({ status: 202, headers: { location: `${root}/images/${imageId}` } });
}

/**
 * Until 2.39 an image's metadata had compute's quota.
 * @throws {Forbidden} `compute.image.too_many`.
 */
async function requireMetadataFit(
  deps: ComputeDeps,
  { ctx, has }: ApiRequest,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  if (has(compute.noImageMetadata)) return;
  const { metadata_items: limit } = await limitsOf(deps.db, ctx.projectId ?? '');
  if (limit !== UNLIMITED && Object.keys(metadata).length > limit)
    throw new Forbidden('compute.image.too_many', `Maximum number of metadata items exceeds ${limit}`);
}
