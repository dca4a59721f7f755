import { Type } from 'typebox';
import { type ApiRequest, Reply, type Route, route } from '#kernel/api/route.ts';
import { UnsupportedMediaType } from '#kernel/errors.ts';
import { enforceOnImage, getVisibleImage } from './access.ts';
import { type ActivationDeps, setActivation } from './activation.ts';
import { createImage } from './create.ts';
import { type DeleteDeps, deleteImage } from './delete.ts';
import { type ByteRange, type DownloadDeps, downloadImage } from './download.ts';
import { listImages } from './list.ts';
import { PATCH_TYPES, parsePatch } from './patch.ts';
import type { Image } from './store.ts';
import { type UpdateDeps, updateImage } from './update.ts';
import { type Incoming, stageImage, type UploadDeps, uploadImage } from './upload.ts';
import { viewImage, viewPage } from './view.ts';

export interface ImageRouteDeps extends UpdateDeps, UploadDeps, DownloadDeps, DeleteDeps, ActivationDeps {
  /** What `import` offers. */
  readonly importMethods: readonly string[];
}

const IMAGE = '/v2/images/:imageId';
/** A patch of all properties and tags at their longest fits. */
const MAX_PATCH_BYTES = 512 * 1024;
/**
 * An upload from which nothing comes for this long is broken off. Shorter hurts slow lines; as long as `WRITER_MS`, and a
 * writer that waits would be taken for dead.
 */
const STALL_MS = 45_000;

export const imageRoutes = (deps: ImageRouteDeps): Route[] => [
  route({
    method: 'GET',
    path: '/v2/images',
    name: 'listImages',
    documents: () => ({ policies: ['get_images'] }),
    handler: async ({ ctx, url }) => {
      const params = paramsOf(url);
      const { images, nextMarker } = await listImages(deps, ctx, params);
      return viewPage(images, params, nextMarker, deps.showLocations);
    },
  }),
  route({
    method: 'POST',
    path: '/v2/images',
    name: 'createImage',
    documents: () => ({ policies: ['add_image'] }),
    body: Type.Any(),
    handler: async ({ ctx, body }) => {
      const image = await createImage(deps, ctx, body);
      return new Reply({
        status: 201,
        headers: createdHeaders(deps, image),
        body: viewImage(image, deps.showLocations),
      });
    },
  }),
  route({
    method: 'GET',
    path: IMAGE,
    name: 'showImage',
    documents: () => ({ policies: ['get_image'] }),
    handler: async ({ ctx, params }) => {
      const image = await getVisibleImage(deps, ctx, idOf(params));
      enforceOnImage(deps, ctx, 'get_image', image);
      return viewImage(image, deps.showLocations);
    },
  }),
  route({
    method: 'PATCH',
    path: IMAGE,
    name: 'updateImage',
    documents: () => ({ policies: ['modify_image'] }),
    body: Type.Any(),
    consumes: Object.keys(PATCH_TYPES),
    maxBodyBytes: MAX_PATCH_BYTES,
    handler: async ({ ctx, params, body, headers }) =>
      viewImage(
        await updateImage(deps, ctx, idOf(params), parsePatch(headers['content-type'], body)),
        deps.showLocations,
      ),
  }),
  route({
    method: 'DELETE',
    path: IMAGE,
    name: 'deleteImage',
    documents: () => ({ policies: ['delete_image'] }),
    handler: async ({ ctx, params }) => {
      await deleteImage(deps, ctx, idOf(params));
      return new Reply({ status: 204 });
    },
  }),
  route({
    method: 'PUT',
    path: `${IMAGE}/file`,
    name: 'uploadImage',
    documents: () => ({ policies: ['upload_image'] }),
    bodyKind: 'stream',
    handler: async (request) => {
      requireOctetStream(request);
      const store = request.headers['x-image-meta-store'];
      await uploadImage(
        deps,
        request.ctx,
        idOf(request.params),
        incomingOf(request),
        typeof store === 'string' ? store : undefined,
      );
      return new Reply({ status: 204 });
    },
  }),
  route({
    method: 'PUT',
    path: `${IMAGE}/stage`,
    name: 'stageImage',
    bodyKind: 'stream',
    handler: async (request) => {
      requireOctetStream(request);
      await stageImage(deps, request.ctx, idOf(request.params), incomingOf(request));
      return new Reply({ status: 204 });
    },
  }),
  route({
    method: 'GET',
    path: `${IMAGE}/file`,
    name: 'downloadImage',
    documents: () => ({ policies: ['download_image'] }),
    handler: async ({ ctx, params, headers }) => {
      const contentRange = headers['content-range'];
      const download = await downloadImage(deps, ctx, idOf(params), { range: headers.range, contentRange });
      if (download === undefined) return new Reply({ status: 204 });
      const { image, range, stream } = download;
      return new Reply({ status: range === undefined ? 200 : 206, headers: dataHeaders(image, range), body: stream });
    },
  }),
  ...(['deactivate', 'reactivate'] as const).map((action) =>
    route({
      method: 'POST',
      path: `${IMAGE}/actions/${action}`,
      name: `${action}Image`,
      handler: async ({ ctx, params }) => {
        await setActivation(deps, ctx, idOf(params), action);
        return new Reply({ status: 204 });
      },
    }),
  ),
];

function idOf(params: Record<string, string>): string {
  return params['imageId'] ?? '';
}

function paramsOf(url: string): URLSearchParams {
  const mark = url.indexOf('?');
  return new URLSearchParams(mark === -1 ? '' : url.slice(mark + 1));
}

function createdHeaders({ importMethods, stores }: ImageRouteDeps, image: Image): Record<string, string> {
  return {
    Location: `/v2/images/${image.row.id}`,
    'OpenStack-image-import-methods': importMethods.join(','),
    'OpenStack-image-store-ids': stores.all.map((store) => store.id).join(','),
  };
}

function dataHeaders({ row }: Image, range: ByteRange | undefined): Record<string, string> {
  const size = row.size ?? 0;
  return {
    'Content-Type': 'application/octet-stream',
    'Content-Length': String(range === undefined ? size : range.last - range.first + 1),
    ...(range === undefined ? {} : { 'Content-Range': `bytes ${range.first}-${range.last}/${size}` }),
    ...(row.checksum === null ? {} : { 'Content-MD5': row.checksum }),
  };
}

/** @throws {UnsupportedMediaType} `image.data.type`. */
function requireOctetStream({ headers }: ApiRequest): void {
  const type = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/octet-stream')
    throw new UnsupportedMediaType('image.data.type', `Invalid content type ${type ?? 'None'}`);
}

function incomingOf({ raw, headers }: ApiRequest): Incoming {
  const source = raw.raw;
  // Requests made in process have no socket that could stall.
  if ('setTimeout' in source) source.setTimeout(STALL_MS, () => source.destroy(new Error('nothing came for too long')));
  const length = headers['content-length'];
  return { stream: source, sizeBytes: length === undefined ? undefined : Number(length) };
}
