import type { Db } from '#kernel/db/database.ts';
import type { TrustId, TrustRow, TrustTables } from './tables.ts';

/** No chain of trusts is longer; what is longer is a circle. */
const MAX_CHAIN = 32;

export function findTrust(db: Db<TrustTables>, id: TrustId): Promise<TrustRow | undefined> {
  return db.selectFrom('trusts').selectAll().where('id', '=', id).executeTakeFirst();
}

/** The trust, then the one it passes on, up to the first. */
export async function listPedigree(db: Db<TrustTables>, trust: TrustRow): Promise<TrustRow[]> {
  const chain = [trust];
  for (let id = trust.redelegated_trust_id; id !== null && chain.length < MAX_CHAIN; ) {
    const parent = await findTrust(db, id);
    if (parent === undefined) break;
    chain.push(parent);
    id = parent.redelegated_trust_id;
  }
  return chain;
}

export interface TrustQuery {
  readonly trustorId?: string | undefined;
  readonly trusteeId?: string | undefined;
  readonly limit: number;
}

/** Trusts in the order of their ids; one more than the limit when there are more. */
export function listTrusts(db: Db<TrustTables>, query: TrustQuery): Promise<TrustRow[]> {
  let select = db
    .selectFrom('trusts')
    .selectAll()
    .orderBy('id')
    .limit(query.limit + 1);
  if (query.trustorId !== undefined) select = select.where('trustor_user_id', '=', query.trustorId);
  if (query.trusteeId !== undefined) select = select.where('trustee_user_id', '=', query.trusteeId);
  return select.execute();
}

export async function insertTrust(db: Db<TrustTables>, row: TrustRow, roleIds: readonly string[]): Promise<void> {
  await db.insertInto('trusts').values(row).execute();
  for (const role_id of roleIds) await db.insertInto('trust_roles').values({ trust_id: row.id, role_id }).execute();
}

/** Those that passed it on go with it. */
export async function deleteTrust(db: Db<TrustTables>, id: TrustId): Promise<void> {
  await db.deleteFrom('trusts').where('id', '=', id).execute();
}

export async function listTrustRoleIds(db: Db<TrustTables>, id: TrustId): Promise<string[]> {
  const rows = await db
    .selectFrom('trust_roles')
    .select('role_id')
    .where('trust_id', '=', id)
    .orderBy('role_id')
    .execute();
  return rows.map((row) => row.role_id);
}

/** Takes one use, if there is one left. @returns false when there was none. */
export async function consumeUse(db: Db<TrustTables>, id: TrustId): Promise<boolean> {
  const used = await db
    .updateTable('trusts')
    .set((eb) => ({ remaining_uses: eb('remaining_uses', '-', 1) }))
    .where('id', '=', id)
    .where((eb) => eb.or([eb('remaining_uses', 'is', null), eb('remaining_uses', '>', 0)]))
    .executeTakeFirst();
  return used.numUpdatedRows > 0n;
}
