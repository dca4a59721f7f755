import type { Db } from '#kernel/db/database.ts';
import { unlessTaken } from '#kernel/db/transaction.ts';
import { Conflict } from '#kernel/errors.ts';
import type { ImageId, ProjectId } from '#kernel/ids.ts';
import type { ImageMemberRow, ImageTables } from '../images/tables.ts';

/** The members of an image: all of them, or one project's own membership. */
export async function listMembers(
  db: Db<ImageTables>,
  imageId: ImageId,
  only: ProjectId | undefined,
): Promise<ImageMemberRow[]> {
  return db
    .selectFrom('image_members')
    .selectAll()
    .where('image_id', '=', imageId)
    .$if(only !== undefined, (members) => members.where('member', '=', only ?? ''))
    .orderBy('created_at')
    .orderBy('member')
    .execute();
}

export async function countMembers(db: Db<ImageTables>, imageId: ImageId): Promise<number> {
  const row = await db
    .selectFrom('image_members')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('image_id', '=', imageId)
    .executeTakeFirstOrThrow();
  return Number(row.count);
}

/** @throws {Conflict} `image.member.taken`. */
export async function insertMember(db: Db<ImageTables>, row: ImageMemberRow): Promise<void> {
  if (await unlessTaken(db.insertInto('image_members').values(row).execute())) return;
  throw new Conflict('image.member.taken', `Member ${row.member} is duplicated for image ${row.image_id}`);
}

export async function updateMember(db: Db<ImageTables>, row: ImageMemberRow): Promise<void> {
  await db
    .updateTable('image_members')
    .set({ status: row.status, updated_at: row.updated_at })
    .where('image_id', '=', row.image_id)
    .where('member', '=', row.member)
    .execute();
}

export async function deleteMember(db: Db<ImageTables>, imageId: ImageId, member: ProjectId): Promise<void> {
  await db.deleteFrom('image_members').where('image_id', '=', imageId).where('member', '=', member).execute();
}
