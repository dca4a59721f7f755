import { isoSeconds } from '#kernel/wire-times.ts';
import type { ImageMemberRow } from '../images/tables.ts';

/** A membership as clients see it. */
export function viewMember(row: ImageMemberRow): Record<string, unknown> {
  return {
    member_id: row.member,
    image_id: row.image_id,
    status: row.status,
    created_at: isoSeconds(row.created_at),
    updated_at: isoSeconds(row.updated_at),
    schema: '/v2/schemas/member',
  };
}
