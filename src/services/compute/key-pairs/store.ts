import type { Insertable, Selectable } from 'kysely';
import type { Db } from '#kernel/db/database.ts';
import { unlessTaken } from '#kernel/db/transaction.ts';
import { Conflict, NotFound } from '#kernel/errors.ts';
import type { KeyPairRow, KeyPairTables } from './tables.ts';

export type KeyPair = Selectable<KeyPairRow>;

export function findKeyPair(db: Db<KeyPairTables>, userId: string, name: string): Promise<KeyPair | undefined> {
  return db
    .selectFrom('key_pairs')
    .selectAll()
    .where('user_id', '=', userId)
    .where('name', '=', name)
    .executeTakeFirst();
}

/** @throws {NotFound} `compute.key_pair.absent` */
export async function getKeyPair(db: Db<KeyPairTables>, userId: string, name: string): Promise<KeyPair> {
  const pair = await findKeyPair(db, userId, name);
  if (pair === undefined) throw absent(userId, name);
  return pair;
}

/** A user's key pairs by name, after the one named `marker`. */
export function listKeyPairs(
  db: Db<KeyPairTables>,
  userId: string,
  { marker, limit }: { readonly marker?: string | undefined; readonly limit: number },
): Promise<KeyPair[]> {
  return db
    .selectFrom('key_pairs')
    .selectAll()
    .where('user_id', '=', userId)
    .$if(marker !== undefined, (q) => q.where('name', '>', marker ?? ''))
    .orderBy('name')
    .limit(limit)
    .execute();
}

export async function countKeyPairs(db: Db<KeyPairTables>, userId: string): Promise<number> {
  const row = await db
    .selectFrom('key_pairs')
    .select((eb) => eb.fn.countAll<number | string>().as('count'))
    .where('user_id', '=', userId)
    .executeTakeFirstOrThrow();
  return Number(row.count);
}

/** @throws {Conflict} `compute.key_pair.exists` */
export async function insertKeyPair(db: Db<KeyPairTables>, row: Insertable<KeyPairRow>): Promise<void> {
  if (await unlessTaken(db.insertInto('key_pairs').values(row).execute())) return;
  throw new Conflict('compute.key_pair.exists', `Key pair '${row.name}' already exists.`);
}

/** @throws {NotFound} `compute.key_pair.absent` */
export async function deleteKeyPair(db: Db<KeyPairTables>, userId: string, name: string): Promise<void> {
  const gone = await db
    .deleteFrom('key_pairs')
    .where('user_id', '=', userId)
    .where('name', '=', name)
    .executeTakeFirst();
  if (gone.numDeletedRows === 0n) throw absent(userId, name);
}

function absent(userId: string, name: string): NotFound {
  return new NotFound('compute.key_pair.absent', `Keypair ${name.slice(0, 255)} not found for user ${userId}`);
}
