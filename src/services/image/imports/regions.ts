/**
 * Images of other regions: of clouds that have the same users, and stand in the same catalog.
 *
 * Theory of operation. The other region's image service is asked in the caller's name, with the caller's token, which the task
 * keeps sealed until it has ended. Only addresses of the catalog are asked and redirects are not followed, so that a token
 * goes nowhere else. What comes is held against the size and the sum that the other service has told.
 */
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import type { RequestContext } from '#kernel/auth/context.ts';
import { BadRequest } from '#kernel/errors.ts';
import type { Received } from '../data/receive.ts';
import { DISK_FORMATS } from '../formats/format.ts';
import { CONTAINER_FORMATS } from '../images/states.ts';
import { ask } from './download.ts';
import { type ImportSource, type RemoteSource, type SourceRequest, takenOver } from './source.ts';

/** What identity knows of other regions. */
export interface Regions {
  /** The address of a region's image service in this caller's catalog. */
  findEndpoint(
    viewer: { readonly userId: string; readonly projectId: string | null },
    wanted: { readonly region: string; readonly interface: string },
  ): Promise<string | undefined>;
  readonly vault: { seal(text: string): string; open(sealed: string): string };
}

interface RegionDeps {
  readonly regions: Regions | undefined;
}

/** What a description of an image may have; those of the real service have some kilobytes. */
const MAX_DESCRIPTION_BYTES = 1024 * 1024;

const bad = (message: string): BadRequest => new BadRequest('image.import.source', message);

/** Where another region's image is to be had; undefined for an image of this region, and for a region that is not known. */
export async function findRemoteSource(
  { region, regions }: { readonly region: string; readonly regions: Regions | undefined },
  ctx: RequestContext,
  request: SourceRequest | undefined,
): Promise<RemoteSource | undefined> {
  if (request === undefined || regions === undefined || request.region.toLowerCase() === region.toLowerCase())
    return undefined;
  const wanted = { region: request.region, interface: request.serviceInterface };
  const endpoint = await regions.findEndpoint(ctx, wanted);
  if (endpoint === undefined) return undefined;
  return {
    url: `${endpoint}/v2/images/${request.imageId}`,
    region: request.region,
    token: regions.vault.seal(ctx.token),
  };
}

/**
 * The import's first step, for an image of another region: what it is.
 * @throws {BadRequest} `image.import.source`, `image.import.unreachable`.
 * @see glance/async_/flows/api_image_import.py _ImportMetadata
 */
export async function lookAtRemote(deps: RegionDeps, remote: RemoteSource, signal: AbortSignal): Promise<ImportSource> {
  const response = await askRegion(deps, remote, '', signal);
  let bytes = 0;
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_DESCRIPTION_BYTES) response.destroy(new Error('the description of the image is too long'));
  });
  return readDescription(await text(response).catch(() => ''), remote);
}

/** Opens the data of another region's image. @throws as {@link lookAtRemote}. */
export function openRemoteData(deps: RegionDeps, remote: RemoteSource, signal: AbortSignal): Promise<IncomingMessage> {
  return askRegion(deps, remote, '/file', signal);
}

/** @throws {BadRequest} `image.import.differs` when something else came than the other region has told. */
export function checkAsTold(told: ImportSource | undefined, taskId: string, { sizeBytes, sha512 }: Received): void {
  if (told?.sizeBytes !== undefined && told.sizeBytes !== sizeBytes)
    throw new BadRequest(
      'image.import.differs',
      `Task ${taskId} failed because downloaded data size ${sizeBytes} is different from expected ${told.sizeBytes}`,
    );
  if (told?.sha512 !== undefined && told.sha512 !== sha512)
    throw new BadRequest('image.import.differs', "The data's checksum is not that of the image in the other region.");
}

async function askRegion(
  { regions }: RegionDeps,
  { url, region, token }: RemoteSource,
  path: string,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  if (regions === undefined || !URL.canParse(url)) throw bad(`public glance endpoint not found for region ${region}`);
  const headers = { 'X-Auth-Token': regions.vault.open(token), Accept: path === '' ? 'application/json' : '*/*' };
  const response = await ask(new URL(`${url}${path}`), { headers, signal });
  if (response.statusCode === 200) return response;
  response.destroy();
  throw bad(`The image service of region ${region} answered with status ${response.statusCode} instead of 200.`);
}

function readDescription(said: string, { region }: RemoteSource): ImportSource {
  const image = parseObject(said);
  const { id, status, disk_format: diskFormat, container_format: containerFormat, size } = image;
  if (status !== 'active') throw bad(`Source image status should be active instead of ${String(status)}`);
  const isKnown =
    typeof id === 'string' &&
    DISK_FORMATS.some((known) => known === diskFormat) &&
    CONTAINER_FORMATS.some((known) => known === containerFormat);
  if (!isKnown) throw bad(`The image of region ${region} has a format that is not known here.`);
  if (!Number.isSafeInteger(size)) throw bad(`Size attribute of remote image ${id} could not be determined.`);
  const texts = Object.entries(image).flatMap(([name, value]) =>
    typeof value === 'string' ? [[name, value] as const] : [],
  );
  return {
    imageId: id,
    diskFormat: String(diskFormat),
    containerFormat: String(containerFormat),
    properties: takenOver(Object.fromEntries(texts)),
    sizeBytes: Number(size),
    ...(image['os_hash_algo'] === 'sha512' && typeof image['os_hash_value'] === 'string'
      ? { sha512: image['os_hash_value'] }
      : {}),
  };
}

function parseObject(said: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(said);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return { ...parsed };
  } catch {
    // Told below.
  }
  throw bad('The image service of the other region gave no description of the image.');
}
