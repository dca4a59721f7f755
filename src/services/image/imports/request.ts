import { python } from '#kernel/api/validate.ts';
import { BadRequest, Conflict } from '#kernel/errors.ts';
import { isUuidLike } from '#kernel/ids.ts';
import type { Stores } from '../data/stores.ts';
import type { Image } from '../images/store.ts';
import { type DownloadRules, parseDownloadUri } from './addresses.ts';
import { filtered } from './download.ts';
import type { SourceRequest } from './source.ts';

export const IMPORT_METHODS = ['glance-direct', 'web-download', 'copy-image', 'glance-download'] as const;
export type ImportMethod = (typeof IMPORT_METHODS)[number];

/** An import as it was asked for, checked. */
export interface ImportRequest {
  readonly method: ImportMethod;
  readonly uri: string | undefined;
  /** The image to copy, for `glance-download`. */
  readonly source: SourceRequest | undefined;
  /** Stores asked for by name; undefined for all, or for the default one. */
  readonly stores: readonly string[] | undefined;
  readonly allStores: boolean;
  readonly mustAllSucceed: boolean;
  /** The request's body, for those who look at the task. */
  readonly body: Readonly<Record<string, unknown>>;
}

const bad = (code: string, message: string): BadRequest => new BadRequest(`image.import.${code}`, message);
const conflict = (message: string): Conflict => new Conflict('image.import.status', message);
/** More stores than any cloud has. */
const MAX_STORES = 64;

/**
 * Reads the body of an import.
 * @throws {BadRequest} `image.import.…`.
 * @see glance/api/v2/images.py RequestDeserializer._validate_import_body
 */
export function parseImport(body: unknown, storeHeader: string | undefined, rules: DownloadRules): ImportRequest {
  if (body === undefined) throw bad('body', 'Body expected in request.');
  if (!isObject(body)) throw bad('body', 'Import requests are JSON objects.');
  const method = body['method'];
  if (method === undefined) throw bad('body', "Import request requires a 'method' field.");
  if (!isObject(method) || method['name'] === undefined) throw bad('body', "Import request requires a 'name' field.");
  const name = IMPORT_METHODS.find((known) => known === method['name']);
  if (name === undefined) throw bad('method', `Unknown import method name ${python(method['name'])}.`);
  const mustAllSucceed = readFlag(body, 'all_stores_must_succeed', true);
  const allStores = readFlag(body, 'all_stores', false);
  if (name === 'web-download' && parseDownloadUri(method['uri'], rules) === undefined) throw filtered(method['uri']);
  const uri = name === 'web-download' ? String(method['uri']) : undefined;
  return {
    method: name,
    uri,
    source: name === 'glance-download' ? readSource(method) : undefined,
    stores: readStores(body, storeHeader, allStores),
    allStores,
    mustAllSucceed,
    body,
  };
}

function readSource(method: Readonly<Record<string, unknown>>): SourceRequest {
  for (const name of ['glance_region', 'glance_image_id']) {
    if (method[name] === undefined) throw bad('source', `'${name}' needs to be set for glance-download import method`);
  }
  const {
    glance_region: region,
    glance_image_id: imageId,
    glance_service_interface: serviceInterface = 'public',
  } = method;
  if (typeof imageId !== 'string' || !isUuidLike(imageId))
    throw bad('source', `Remote image id does not look like a UUID: ${python(imageId)}`);
  if (typeof region !== 'string' || typeof serviceInterface !== 'string')
    throw bad('source', 'A region and an interface are texts.');
  return { imageId, region, serviceInterface };
}

function readFlag(body: Readonly<Record<string, unknown>>, name: string, otherwise: boolean): boolean {
  const value = body[name] ?? otherwise;
  if (typeof value !== 'boolean') throw bad('body', `'${name}' must be boolean value only`);
  return value;
}

function readStores(
  body: Readonly<Record<string, unknown>>,
  header: string | undefined,
  allStores: boolean,
): string[] | undefined {
  const given = body['stores'];
  if (allStores) {
    if (given === undefined && header === undefined) return undefined;
    throw bad('stores', "All_stores parameter can't be used with x-image-meta-store header or stores parameter");
  }
  if (given === undefined) return header === undefined ? undefined : [header];
  if (header !== undefined)
    throw bad('stores', "Stores parameter and x-image-meta-store header can't be both specified");
  if (
    !Array.isArray(given) ||
    given.length === 0 ||
    given.length > MAX_STORES ||
    !given.every((store) => typeof store === 'string')
  ) {
    throw bad('stores', 'Stores must be a list of names of stores.');
  }
  return [...new Set(given as string[])];
}

/**
 * Whether the image is in a state for this import.
 * @throws {Conflict} `image.import.status`, `image.import.busy`.
 * @see glance/api/v2/images.py ImagesController.import_image
 */
export function checkImportable({ row, properties }: Image, { method }: ImportRequest): void {
  const { status } = row;
  if (status === 'active' && method !== 'copy-image')
    throw conflict('Image with status active cannot be target for import');
  if (status !== 'active' && method === 'copy-image')
    throw conflict('Only images with status active can be targeted for copying');
  if (status !== 'queued' && (method === 'web-download' || method === 'glance-download'))
    throw conflict(`Image needs to be in 'queued' state to use '${method}' method`);
  if (status !== 'uploading' && method === 'glance-direct')
    throw conflict("Image needs to be staged before 'glance-direct' method can be used");
  if (row.container_format === null) throw conflict("'container_format' needs to be set before import");
  if (row.disk_format === null) throw conflict("'disk_format' needs to be set before import");
  if (properties['os_glance_import_task'] !== undefined)
    throw new Conflict('image.import.busy', 'Image has active task');
  if (row.writer !== null)
    throw new Conflict('image.import.busy', 'Image data is still being staged; try again when it is complete.');
}

/**
 * The stores that an import brings the image to, in order. None: it is everywhere already.
 * @throws {Conflict} `image.import.store` for an unknown one; {BadRequest} for one that has the image.
 */
export function chooseStores(stores: Stores, image: Image, request: ImportRequest): readonly string[] {
  const writable = stores.all.filter(({ isReadOnly }) => !isReadOnly);
  const wanted = request.allStores ? writable.map(({ id }) => id) : (request.stores ?? [stores.default.id]);
  const unknown = wanted.find((id) => stores.find(id) === undefined);
  if (unknown !== undefined) throw new Conflict('image.import.store', `Unknown scheme '${unknown}' found in URI`);
  if (wanted.some((id) => stores.get(id).isReadOnly))
    throw conflict('Error in store configuration. Adding images to store is disabled.');
  if (request.method !== 'copy-image') return wanted;
  if (request.allStores) return wanted.filter((id) => !image.stores.includes(id));
  const present = wanted.find((id) => image.stores.includes(id));
  if (present !== undefined) throw bad('store', `Image is already present at store '${present}'`);
  return wanted;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
