import { Readable } from 'node:stream';
import type { RequestContext } from '#kernel/auth/context.ts';
import type { Clock } from '#kernel/clock.ts';
import type { Db } from '#kernel/db/database.ts';
import { BadRequest, Forbidden, RangeNotSatisfiable } from '#kernel/errors.ts';
import type { ImageId } from '#kernel/ids.ts';
import { countHit } from '../cache/store.ts';
import type { Stores } from '../data/stores.ts';
import type { DownloadRules } from '../imports/addresses.ts';
import { openDownload, type Resolve } from '../imports/download.ts';
import { listRemoteLocations } from '../locations/store.ts';
import { type AccessDeps, enforceOnImage, getVisibleImage, viewerOf } from './access.ts';
import { CACHE_STORE, CONVERTED_STORE, type Image, listLocations, STAGING_STORE } from './store.ts';
import type { ImageTables } from './tables.ts';

/** What is needed to get at an image's bytes. */
export interface StreamDeps {
  readonly db: Db<ImageTables>;
  readonly stores: Stores;
  readonly clock: Clock;
  readonly downloadRules: DownloadRules;
  readonly resolve: Resolve | undefined;
}

export interface DownloadDeps extends AccessDeps, StreamDeps {}

/** Both ends included. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

export interface Download {
  readonly image: Image;
  /** The part that is sent; undefined for all of it. */
  readonly range: ByteRange | undefined;
  readonly stream: Readable;
}

export interface RangeHeaders {
  readonly range?: string | undefined;
  readonly contentRange?: string | undefined;
}

/**
 * Opens an image's data for a client; undefined when there is none yet.
 * @throws {Forbidden} `image.deactivated` or by policy; {RangeNotSatisfiable} `image.range`; {BadRequest} `image.range.many`.
 * @see https://docs.openstack.org/api-ref/image/v2/#download-binary-image-data
 */
export async function downloadImage(
  deps: DownloadDeps,
  ctx: RequestContext,
  id: ImageId,
  headers: RangeHeaders,
): Promise<Download | undefined> {
  const image = await getVisibleImage(deps, ctx, id);
  if (image.row.status === 'deactivated' && !viewerOf(deps, ctx).isAdmin) {
    throw new Forbidden(
      'image.deactivated',
      'The requested image has been deactivated. Image data download is forbidden.',
    );
  }
  enforceOnImage(deps, ctx, 'download_image', image);
  const { size } = image.row;
  if (size === null) return undefined;
  const range = parseRange(headers, size);
  const stream = await openStream(deps, id, range);
  return stream === undefined ? undefined : { image, range, stream };
}

/** Opens the first copy of an image's data that is there. */
export async function openStream(deps: StreamDeps, id: ImageId, range?: ByteRange): Promise<Readable | undefined> {
  const locations = (await listLocations(deps.db, id)).filter(
    ({ store }) => store !== STAGING_STORE && store !== CONVERTED_STORE,
  );
  const cached = locations.find(({ store }) => store === CACHE_STORE);
  for (const location of [...(cached === undefined ? [] : [cached]), ...locations]) {
    const stream = await deps.stores.holding(location.store)?.openData(location.data_id, range);
    if (stream === undefined) continue;
    if (location === cached) await countHit(deps.db, id, deps.clock.now().getTime());
    return stream;
  }
  return openRemote(deps, id, range);
}

/** Opens the first place on the web that answers; a part is cut out of the whole. */
async function openRemote(
  { db, downloadRules, resolve }: StreamDeps,
  id: ImageId,
  range: ByteRange | undefined,
): Promise<Readable | undefined> {
  for (const { url } of await listRemoteLocations(db, id)) {
    const opened = await openDownload(url, {
      rules: downloadRules,
      resolve,
      signal: new AbortController().signal,
    }).catch(() => undefined);
    if (opened !== undefined) return range === undefined ? opened.stream : Readable.from(cut(opened.stream, range));
  }
  return undefined;
}

async function* cut(source: Readable, { first, last }: ByteRange): AsyncIterable<Buffer> {
  let position = 0;
  for await (const chunk of source) {
    const bytes = chunk as Buffer;
    const part = bytes.subarray(Math.max(first - position, 0), Math.max(last + 1 - position, 0));
    if (part.length > 0) yield part;
    position += bytes.length;
    if (position > last) return;
  }
}

/**
 * One range of `Range: bytes=…`, or of the `Content-Range` that old clients send instead.
 * @see glance/common/wsgi.py Request.get_range_from_request
 */
function parseRange({ range, contentRange }: RangeHeaders, size: number): ByteRange | undefined {
  if (range !== undefined) {
    if (range.includes(',')) {
      throw new BadRequest(
        'image.range.many',
        'Requests with multiple ranges are not supported in Glance. You may make multiple single-range requests instead.',
      );
    }
    const parts = /^bytes\s*=\s*(\d{0,15})\s*-\s*(\d{0,15})\s*$/i.exec(range);
    if (parts === null || (parts[1] === '' && parts[2] === '')) throw unsatisfiable('Invalid Range header.');
    if (parts[1] === '')
      return { first: Math.max(size - Number(parts[2]), 0), last: checkStart(size - 1, size, 'Range') };
    const first = Number(parts[1]);
    const last = parts[2] === '' ? size - 1 : Number(parts[2]);
    if (last < first && parts[2] !== '') throw unsatisfiable('Invalid Range header.');
    checkStart(first, size, 'Range');
    return { first, last: Math.min(last, size - 1) };
  }
  if (contentRange === undefined) return undefined;
  const parts = /^bytes\s+(\d{1,15})-(\d{1,15})\/(\*|\d{1,15})$/i.exec(contentRange.trim());
  const [first, last] = [Number(parts?.[1]), Number(parts?.[2])];
  if (parts === null || last < first || (parts[3] !== '*' && Number(parts[3]) <= last))
    throw unsatisfiable('Invalid Content-Range header.');
  if (last >= size) {
    throw unsatisfiable(
      `Invalid stop position in Content-Range header. The stop position MUST be in the inclusive range [0, ${size - 1}].`,
    );
  }
  checkStart(first, size, 'Content-Range');
  return { first, last };
}

function checkStart(first: number, size: number, header: string): number {
  if (first >= size || first < 0) {
    throw unsatisfiable(
      `Invalid start position in ${header} header. Start position MUST be in the inclusive range [0, ${size - 1}].`,
    );
  }
  return first;
}

function unsatisfiable(message: string): RangeNotSatisfiable {
  return new RangeNotSatisfiable('image.range', message);
}
