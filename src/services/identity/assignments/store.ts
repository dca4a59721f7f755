import type { Db } from '#kernel/db/database.ts';
import { unlessTaken } from '#kernel/db/transaction.ts';
import type { RoleId } from '../roles/tables.ts';
import type { AssignmentRow, AssignmentTables } from './tables.ts';

/** Who has roles: a user and its groups, in one look. */
export interface Actors {
  readonly userId: string | null;
  readonly groupIds: readonly string[];
}

/** Everything that these actors were given, anywhere. */
export function listAssignmentsOfActors(db: Db<AssignmentTables>, actors: Actors): Promise<AssignmentRow[]> {
  return db
    .selectFrom('role_assignments')
    .selectAll()
    .where((eb) =>
      eb.or([
        eb.and([eb('actor_kind', '=', 'user'), eb('actor_id', '=', actors.userId ?? '')]),
        eb.and([eb('actor_kind', '=', 'group'), eb('actor_id', 'in', [...actors.groupIds, ''])]),
      ]),
    )
    .execute();
}

export interface AssignmentQuery {
  readonly actorKind?: AssignmentRow['actor_kind'] | undefined;
  readonly actorId?: string | undefined;
  readonly targetKind?: AssignmentRow['target_kind'] | undefined;
  readonly targetId?: string | undefined;
  readonly targetIds?: readonly string[] | undefined;
  readonly roleId?: RoleId | undefined;
  readonly isInherited?: boolean | undefined;
}

export function listAssignments(db: Db<AssignmentTables>, query: AssignmentQuery): Promise<AssignmentRow[]> {
  let select = db
    .selectFrom('role_assignments')
    .selectAll()
    .orderBy('actor_id')
    .orderBy('target_id')
    .orderBy('role_id')
    .orderBy('inherited');
  if (query.actorKind !== undefined) select = select.where('actor_kind', '=', query.actorKind);
  if (query.actorId !== undefined) select = select.where('actor_id', '=', query.actorId);
  if (query.targetKind !== undefined) select = select.where('target_kind', '=', query.targetKind);
  if (query.targetId !== undefined) select = select.where('target_id', '=', query.targetId);
  if (query.targetIds !== undefined) select = select.where('target_id', 'in', [...query.targetIds, '']);
  if (query.roleId !== undefined) select = select.where('role_id', '=', query.roleId);
  if (query.isInherited !== undefined) select = select.where('inherited', '=', query.isInherited ? 1 : 0);
  return select.execute();
}

/** Once is as good as twice. */
export async function insertAssignment(db: Db<AssignmentTables>, row: AssignmentRow): Promise<void> {
  await unlessTaken(db.insertInto('role_assignments').values(row).execute());
}

/** @returns whether there was one. */
export async function deleteAssignment(db: Db<AssignmentTables>, row: AssignmentRow): Promise<boolean> {
  const gone = await db
    .deleteFrom('role_assignments')
    .where('actor_kind', '=', row.actor_kind)
    .where('actor_id', '=', row.actor_id)
    .where('target_kind', '=', row.target_kind)
    .where('target_id', '=', row.target_id)
    .where('role_id', '=', row.role_id)
    .where('inherited', '=', row.inherited)
    .executeTakeFirst();
  return gone.numDeletedRows > 0n;
}

/** For an actor that is gone. */
export async function deleteAssignmentsOfActor(
  db: Db<AssignmentTables>,
  kind: AssignmentRow['actor_kind'],
  id: string,
): Promise<void> {
  await db.deleteFrom('role_assignments').where('actor_kind', '=', kind).where('actor_id', '=', id).execute();
}

/** For targets that are gone, as projects and as domains. */
export async function deleteAssignmentsOnTargets(db: Db<AssignmentTables>, ids: readonly string[]): Promise<void> {
  if (ids.length > 0) await db.deleteFrom('role_assignments').where('target_id', 'in', ids).execute();
}
