import type { ImageMemberRow } from '../images/tables.ts';
import { viewTime } from '../images/view.ts';

/** A membership as clients see it. */
export function viewMember(row: ImageMemberRow): Record<string, unknown> {
  return {
    member_id: row.member,
    image_id: row.image_id,
    status: row.status,
    created_at: viewTime(row.created_at),
    updated_at: viewTime(row.updated_at),
    schema: '/v2/schemas/member',
  };
}
