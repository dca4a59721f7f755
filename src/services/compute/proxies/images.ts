/** Images as compute showed them until 2.35, and their metadata until 2.38. @see nova/api/openstack/compute/images.py */
import { type Static, Type } from 'typebox';
import { type ApiRequest, type Route, route } from '#kernel/api/route.ts';
import type { RequestContext } from '#kernel/auth/context.ts';
import { BadRequest, Forbidden, NotFound } from '#kernel/errors.ts';
import { isUuidLike } from '#kernel/ids.ts';
import type { ComputeDeps } from '../deps.ts';
import { Metadata } from '../fields.ts';
import { compute } from '../microversions.ts';
import { limitOf, nextLinks, pagingFields } from '../paging.ts';
import { limitsOf } from '../quotas/check.ts';
import { UNLIMITED } from '../quotas/resources.ts';
import { linksOf } from '../roots.ts';
import { ask, isStatus } from './ask.ts';

type Image = Readonly<Record<string, unknown>> & { readonly id: string };
type Deps = Pick<ComputeDeps, 'image' | 'settings' | 'db'>;

/** Members of an image that are its own; all others are properties. */
const OWN = new Set(
  [
    'id name status visibility protected owner disk_format container_format size virtual_size checksum min_ram min_disk',
    'created_at updated_at tags self file schema stores os_hidden os_hash_algo os_hash_value locations direct_url',
  ]
    .join(' ')
    .split(' '),
);

const ImageQuery = Type.Object(
  {
    ...pagingFields,
    name: Type.Optional(Type.String()),
    status: Type.Optional(Type.String()),
    server: Type.Optional(Type.String()),
    type: Type.Optional(Type.String()),
    minRam: Type.Optional(Type.String()),
    minDisk: Type.Optional(Type.String()),
    'changes-since': Type.Optional(Type.String()),
  },
  { additionalProperties: true },
);
type ImageQuery = Static<typeof ImageQuery>;

const MetadataBody = Type.Object({ metadata: Metadata }, { additionalProperties: false });
const MetaBody = Type.Object({ meta: Metadata }, { additionalProperties: false });

export const imageProxyRoutes = (deps: ComputeDeps): Route[] => {
  const list = async (request: ApiRequest, collection: string, view: typeof brief): Promise<unknown> => {
    const query = request.query as ImageQuery;
    const images = await findImages(deps, request.ctx, query);
    const links =
      query.limit === undefined
        ? []
        : nextLinks(request, collection, { ids: images.map(({ id }) => id), limit: limitOf(query) });
    return {
      images: images.map((image) => view(deps, request, image)),
      ...(links.length === 0 ? {} : { images_links: links }),
    };
  };
  const before = compute.noProxies;
  return [
    route({
      method: 'GET',
      path: '/images',
      name: 'listImages',
      before,
      query: ImageQuery,
      handler: (request) => list(request, 'images', brief),
    }),
    route({
      method: 'GET',
      path: '/images/detail',
      name: 'listImagesDetailed',
      before,
      query: ImageQuery,
      handler: (request) => list(request, 'images/detail', whole),
    }),
    route({
      method: 'GET',
      path: '/images/:imageId',
      name: 'showImage',
      before,
      handler: async (request) => ({
        image: whole(deps, request, await getImage(deps, request.ctx, request.params['imageId'])),
      }),
    }),
    route({
      method: 'DELETE',
      path: '/images/:imageId',
      name: 'deleteImage',
      before,
      status: 204,
      handler: async ({ ctx, params }) => {
        const { id } = await getImage(deps, ctx, params['imageId']);
        await ask(deps.image, ctx, { method: 'DELETE', path: `/v2/images/${id}` }).catch((error: unknown) => {
          if (!isStatus(error, 403)) throw error;
          throw new Forbidden('compute.image.forbidden', 'You are not allowed to delete the image.');
        });
      },
    }),
    ...metadataRoutes(deps),
  ];
};

const metadataRoutes = (deps: ComputeDeps): Route[] => {
  const before = compute.noImageMetadata;
  const path = '/images/:imageId/metadata';
  return [
    route({
      method: 'GET',
      path,
      name: 'listImageMetadata',
      before,
      handler: async ({ ctx, params }) => ({ metadata: propertiesOf(await getImage(deps, ctx, params['imageId'])) }),
    }),
    route({
      method: 'POST',
      path,
      name: 'createImageMetadata',
      before,
      body: MetadataBody,
      handler: async ({ ctx, params, body }) => ({
        metadata: await changeProperties(deps, ctx, params['imageId'], (old) => ({ ...old, ...body.metadata })),
      }),
    }),
    route({
      method: 'PUT',
      path,
      name: 'updateImageMetadata',
      before,
      body: MetadataBody,
      handler: async ({ ctx, params, body }) => ({
        metadata: await changeProperties(deps, ctx, params['imageId'], () => body.metadata),
      }),
    }),
    route({
      method: 'GET',
      path: `${path}/:key`,
      name: 'showImageMetadataItem',
      before,
      handler: async ({ ctx, params }) => {
        const { key = '' } = params;
        const properties = propertiesOf(await getImage(deps, ctx, params['imageId']));
        if (!Object.hasOwn(properties, key))
          throw new NotFound('compute.image.no_property', 'The resource could not be found.');
        return { meta: { [key]: properties[key] } };
      },
    }),
    route({
      method: 'PUT',
      path: `${path}/:key`,
      name: 'updateImageMetadataItem',
      before,
      body: MetaBody,
      handler: async ({ ctx, params, body }) => {
        const { key = '' } = params;
        const value = Object.hasOwn(body.meta, key) ? body.meta[key] : undefined;
        if (value === undefined) throw new BadRequest('compute.image.mismatch', 'Request body and URI mismatch');
        await changeProperties(deps, ctx, params['imageId'], (old) => ({ ...old, [key]: value }));
        return { meta: body.meta };
      },
    }),
    route({
      method: 'DELETE',
      path: `${path}/:key`,
      name: 'deleteImageMetadataItem',
      before,
      status: 204,
      handler: async ({ ctx, params }) => {
        const { key = '' } = params;
        await changeProperties(deps, ctx, params['imageId'], (old) => {
          if (!Object.hasOwn(old, key)) throw new NotFound('compute.image.no_property', 'Invalid metadata key');
          return Object.fromEntries(Object.entries(old).filter(([name]) => name !== key));
        });
      },
    }),
  ];
};

async function findImages({ image }: Deps, ctx: RequestContext, query: ImageQuery): Promise<Image[]> {
  const asked = new URLSearchParams({ limit: String(limitOf(query)) });
  const filters: Readonly<Record<string, string | undefined>> = {
    name: query.name,
    status: query.status?.toLowerCase(),
    min_ram: query.minRam,
    min_disk: query.minDisk,
    image_type: query.type,
    // A server may be given by its whole address.
    instance_uuid: query.server?.slice(query.server.lastIndexOf('/') + 1),
    updated_at: query['changes-since'] === undefined ? undefined : `gte:${query['changes-since']}`,
    marker: query.marker,
  };
  for (const [name, value] of Object.entries(filters)) if (value !== undefined) asked.set(name, value);
  for (const [name, value] of Object.entries(query as Record<string, unknown>))
    if (name.startsWith('property-') && typeof value === 'string') asked.set(name.slice('property-'.length), value);
  try {
    const path = `/v2/images?${asked.toString()}`;
    return (await ask<{ images: Image[] }>(image, ctx, { method: 'GET', path })).images;
  } catch (error) {
    throw isStatus(error, 404) ? new BadRequest('compute.proxy', error.message) : error;
  }
}

async function getImage({ image }: Deps, ctx: RequestContext, id = ''): Promise<Image> {
  const absent = new NotFound('compute.image.absent', 'Image not found.');
  if (!isUuidLike(id)) throw absent;
  try {
    return await ask<Image>(image, ctx, { method: 'GET', path: `/v2/images/${id}` });
  } catch (error) {
    throw isStatus(error, 404) ? absent : error;
  }
}

function propertiesOf(image: Image): Record<string, string> {
  const entries = Object.entries(image).filter(([name, value]) => !OWN.has(name) && value !== null);
  return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]));
}

/** @throws {Forbidden} `compute.image.too_many` beyond the quota of metadata items. */
async function changeProperties(
  deps: Deps,
  ctx: RequestContext,
  id: string | undefined,
  change: (old: Readonly<Record<string, string>>) => Readonly<Record<string, string>>,
): Promise<Record<string, string>> {
  const found = await getImage(deps, ctx, id);
  const old = propertiesOf(found);
  const wanted = change(old);
  const { metadata_items: limit } = await limitsOf(deps.db, ctx.projectId ?? '');
  if (limit !== UNLIMITED && Object.keys(wanted).length > limit)
    throw new Forbidden('compute.image.too_many', `Maximum number of metadata items exceeds ${limit}`);
  const pointer = (name: string): string => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  const patch = [
    ...Object.keys(old)
      .filter((name) => !Object.hasOwn(wanted, name))
      .map((name) => ({ op: 'remove', path: pointer(name) })),
    ...Object.entries(wanted)
      .filter(([name, value]) => old[name] !== value)
      .map(([name, value]) => ({ op: Object.hasOwn(old, name) ? 'replace' : 'add', path: pointer(name), value })),
  ];
  if (patch.length === 0) return old;
  const updated = await ask<Image>(deps.image, ctx, {
    method: 'PATCH',
    path: `/v2/images/${found.id}`,
    body: patch,
    contentType: 'application/openstack-images-v2.1-json-patch',
  });
  return propertiesOf(updated);
}

function brief({ settings }: Deps, request: ApiRequest, image: Image): Record<string, unknown> {
  return {
    id: image.id,
    name: image['name'] ?? null,
    links: [
      ...linksOf(request, 'images', image.id),
      {
        rel: 'alternate',
        type: 'application/vnd.openstack.image',
        href: `${settings.publicUrls['image'] ?? ''}/images/${image.id}`,
      },
    ],
  };
}

const STATUSES: Readonly<Record<string, string>> = {
  active: 'ACTIVE',
  queued: 'SAVING',
  saving: 'SAVING',
  deleted: 'DELETED',
  pending_delete: 'DELETED',
  killed: 'ERROR',
};
const PROGRESS: Readonly<Record<string, number>> = { queued: 25, saving: 50, active: 100 };

function whole(deps: Deps, request: ApiRequest, image: Image): Record<string, unknown> {
  const metadata = propertiesOf(image);
  const { instance_uuid: serverId, auto_disk_config: diskConfig } = metadata;
  const status = String(image['status']);
  return {
    ...brief(deps, request, image),
    minRam: Number(image['min_ram'] ?? 0),
    minDisk: Number(image['min_disk'] ?? 0),
    metadata,
    created: image['created_at'],
    updated: image['updated_at'],
    status: STATUSES[status] ?? 'UNKNOWN',
    progress: PROGRESS[status] ?? 0,
    'OS-EXT-IMG-SIZE:size': image['size'] ?? null,
    ...(serverId === undefined ? {} : { server: { id: serverId, links: linksOf(request, 'servers', serverId) } }),
    ...(diskConfig === undefined ? {} : { 'OS-DCF:diskConfig': /^true$/i.test(diskConfig) ? 'AUTO' : 'MANUAL' }),
  };
}
