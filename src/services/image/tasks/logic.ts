import type { RequestContext } from '#kernel/auth/context.ts';
import { BadRequest, MethodNotAllowed, NotFound } from '#kernel/errors.ts';
import { isUuidLike } from '#kernel/ids.ts';
import { enforceOnImage, getVisibleImage, HIDDEN, viewerOf } from '../images/access.ts';
import { createImage } from '../images/create.ts';
import { parseDownloadUri } from '../imports/addresses.ts';
import { filtered } from '../imports/download.ts';
import { type ImportDeps, startImport } from '../imports/start.ts';
import { findImageTask, listImageTasks, listTasksOfImage, type TaskQuery } from './store.ts';
import type { ImageTaskRow } from './tables.ts';

const bad = (code: string, message: string): BadRequest => new BadRequest(`image.task.${code}`, message);

const DEFAULT_LIMIT = 25;
const MAX_LIMIT = 1_000;
const SORT_KEYS = ['created_at', 'updated_at', 'id', 'type', 'status', 'owner', 'expires_at'] as const;
const FILTERS = ['status', 'type', 'owner', 'id', 'image_id', 'user_id'] as const;
const STATUSES = ['pending', 'processing', 'success', 'failure'];

/**
 * Lists tasks, one page of them.
 * @throws {BadRequest} `image.task.…`.
 * @see https://docs.openstack.org/api-ref/image/v2/#list-tasks
 */
export async function listTasks(
  deps: ImportDeps,
  ctx: RequestContext,
  params: URLSearchParams,
): Promise<{ readonly tasks: ImageTaskRow[]; readonly nextMarker: string | undefined }> {
  const query = parseQuery(params);
  const owner = viewerOf(deps, ctx).isAdmin ? undefined : (ctx.projectId ?? '');
  const marker = params.get('marker') ?? undefined;
  if (marker !== undefined && !isUuidLike(marker)) throw bad('marker', 'Invalid marker format');
  const markerRow = marker === undefined ? undefined : await findImageTask(deps.db, marker);
  if (marker !== undefined && markerRow === undefined) throw bad('marker', `No task found with ID ${marker}`);
  const tasks = query.limit === 0 ? [] : await listImageTasks(deps.db, query, owner, markerRow);
  return { tasks, nextMarker: tasks.length > 0 && tasks.length === query.limit ? tasks.at(-1)?.id : undefined };
}

/** @throws {NotFound} `image.task.not_found`. */
export async function showTask(deps: ImportDeps, ctx: RequestContext, id: string): Promise<ImageTaskRow> {
  const row = await findImageTask(deps.db, id);
  const isVisible = row !== undefined && (viewerOf(deps, ctx).isAdmin || row.owner === ctx.projectId);
  if (!isVisible) throw new NotFound('image.task.not_found', `No task found with ID ${id}`);
  return row;
}

/** The imports into one image. @throws {NotFound} `image.not_found`. */
export async function listImageTaskRows(
  deps: ImportDeps,
  ctx: RequestContext,
  imageId: string,
): Promise<ImageTaskRow[]> {
  const image = await getVisibleImage(deps, ctx, imageId, HIDDEN);
  enforceOnImage(deps, ctx, 'get_image', image);
  return listTasksOfImage(deps.db, imageId);
}

/**
 * The old way to import: makes an image and downloads its data, through the same filter and the same inspection as the new.
 * @returns the task, which has begun.
 * @throws {BadRequest} `image.task.…`, `image.import.filtered`.
 */
export async function createTask(deps: ImportDeps, ctx: RequestContext, body: unknown): Promise<ImageTaskRow> {
  const { uri, properties } = readTask(body);
  if (parseDownloadUri(uri, deps.downloadRules) === undefined) throw filtered(uri);
  const image = await createImage(deps, ctx, properties);
  const method = { name: 'web-download', uri };
  await startImport(deps, ctx, image.row.id, {
    method: 'web-download',
    uri,
    source: undefined,
    stores: undefined,
    allStores: false,
    mustAllSucceed: true,
    body: { method },
  });
  const [task] = await listTasksOfImage(deps.db, image.row.id);
  if (task === undefined)
    throw new NotFound('image.task.not_found', `Image ${image.row.id} has been deleted meanwhile.`);
  return task;
}

/** Tasks go away by themselves. @throws {MethodNotAllowed} always. */
export function deleteTask(): never {
  throw new MethodNotAllowed(
    'image.task.permanent',
    'This operation is currently not permitted on Glance Tasks. They are auto deleted after reaching the time based on their expires_at property.',
    { headers: { Allow: 'GET' } },
  );
}

function readTask(body: unknown): { uri: string; properties: Record<string, unknown> } {
  if (!isObject(body)) throw bad('body', 'Body expected in request.');
  for (const name of ['type', 'input']) if (!(name in body)) throw bad('body', `Task '${name}' is required`);
  const { type, input } = body;
  if (type !== 'import') throw bad('type', `Provided type of task is unsupported: ${String(type).slice(0, 100)}`);
  if (!isObject(input))
    throw bad('input', "Provided object does not match schema 'task': input is not of type 'object'");
  const { import_from: uri, import_from_format: format, image_properties: properties = {} } = input;
  if (typeof uri !== 'string' || typeof format !== 'string' || !isObject(properties)) {
    throw bad('input', "Input does not contain 'import_from', 'import_from_format' and 'image_properties' fields");
  }
  return { uri, properties: { disk_format: format, container_format: 'bare', ...properties } };
}

function parseQuery(params: URLSearchParams): TaskQuery {
  const limitText = params.get('limit') ?? String(DEFAULT_LIMIT);
  if (!/^[+-]?\d{1,15}$/.test(limitText)) throw bad('limit', 'limit param must be an integer');
  if (Number(limitText) < 0) throw bad('limit', 'limit param must be positive');
  const direction = params.get('sort_dir') ?? 'desc';
  if (direction !== 'asc' && direction !== 'desc') throw bad('sort', `Invalid sort direction: ${direction}`);
  const sortKey = SORT_KEYS.find((key) => key === (params.get('sort_key') ?? 'created_at'));
  if (sortKey === undefined) throw bad('sort', 'Sort key supplied was not valid.');
  const filters = FILTERS.flatMap((column) => {
    const value = params.get(column);
    return value === null || value === '' ? [] : [{ column, value }];
  });
  for (const { column, value } of filters) {
    if (column === 'status' && !STATUSES.includes(value)) throw bad('status', `Invalid status value: ${value}`);
    if (column === 'type' && value !== 'import' && value !== 'api_image_import')
      throw bad('type', `Invalid type value: ${value}`);
  }
  return { limit: Math.min(Number(limitText), MAX_LIMIT), direction, sortKey, filters };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
