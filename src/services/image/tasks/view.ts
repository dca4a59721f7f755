import { fromJson } from '#kernel/db/json.ts';
import { isoMicros, isoSeconds } from '#kernel/wire-times.ts';
import type { ImageTaskRow } from './tables.ts';

/** A task in a list: without its input and what came of it. */
export function viewTaskStub(row: ImageTaskRow): Record<string, unknown> {
  return {
    id: row.id,
    type: row.type,
    status: row.status,
    owner: row.owner,
    created_at: isoSeconds(row.created_at),
    updated_at: isoSeconds(row.updated_at),
    ...(row.expires_at === null ? {} : { expires_at: isoSeconds(row.expires_at) }),
    self: `/v2/tasks/${row.id}`,
    schema: '/v2/schemas/task',
  };
}

export function viewTask(row: ImageTaskRow): Record<string, unknown> {
  return {
    ...viewTaskStub(row),
    input: fromJson(row.input),
    result: row.result === null ? null : fromJson(row.result),
    message: row.message,
    request_id: row.request_id,
    user_id: row.user_id,
    ...(row.image_id === null ? {} : { image_id: row.image_id }),
  };
}

/** A task as `GET /v2/images/{id}/tasks` shows it: as it is in the database. */
export function viewTaskOfImage(row: ImageTaskRow): Record<string, unknown> {
  return {
    id: row.id,
    type: row.type,
    status: row.status,
    owner: row.owner,
    expires_at: row.expires_at === null ? null : isoMicros(row.expires_at),
    created_at: isoMicros(row.created_at),
    updated_at: isoMicros(row.updated_at),
    deleted_at: null,
    deleted: false,
    image_id: row.image_id,
    request_id: row.request_id,
    user_id: row.user_id,
    input: fromJson(row.input),
    result: row.result === null ? null : fromJson(row.result),
    message: row.message,
  };
}
