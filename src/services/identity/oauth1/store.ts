import type { Db } from '#kernel/db/database.ts';
import { notFound } from '../errors.ts';
import type { AccessTokenRow, ConsumerRow, Oauth1Tables, RequestTokenRow } from './tables.ts';

type OauthDb = Db<Oauth1Tables>;

export function findConsumer(db: OauthDb, id: string): Promise<ConsumerRow | undefined> {
  return db.selectFrom('consumers').selectAll().where('id', '=', id).executeTakeFirst();
}

/** @throws {NotFound} `identity.consumer.not_found`. */
export async function getConsumer(db: OauthDb, id: string): Promise<ConsumerRow> {
  const row = await findConsumer(db, id);
  if (row === undefined) throw notFound('Consumer', id);
  return row;
}

export function listConsumers(db: OauthDb, limit: number): Promise<ConsumerRow[]> {
  return db
    .selectFrom('consumers')
    .selectAll()
    .orderBy('id')
    .limit(limit + 1)
    .execute();
}

export async function insertConsumer(db: OauthDb, row: ConsumerRow): Promise<void> {
  await db.insertInto('consumers').values(row).execute();
}

export async function updateConsumer(db: OauthDb, id: string, change: Partial<ConsumerRow>): Promise<void> {
  await db.updateTable('consumers').set(change).where('id', '=', id).execute();
}

/** What it was given goes with it. */
export async function deleteConsumer(db: OauthDb, id: string): Promise<void> {
  await db.deleteFrom('consumers').where('id', '=', id).execute();
}

export function findRequestToken(db: OauthDb, id: string): Promise<RequestTokenRow | undefined> {
  return db.selectFrom('request_tokens').selectAll().where('id', '=', id).executeTakeFirst();
}

export async function insertRequestToken(db: OauthDb, row: RequestTokenRow): Promise<void> {
  await db.insertInto('request_tokens').values(row).execute();
}

/** Gives a request token its user, once. @returns false when it has one. */
export async function authorizeRequestToken(
  db: OauthDb,
  id: string,
  by: Pick<RequestTokenRow, 'verifier' | 'user_id' | 'role_ids'>,
): Promise<boolean> {
  const done = await db
    .updateTable('request_tokens')
    .set(by)
    .where('id', '=', id)
    .where('user_id', 'is', null)
    .executeTakeFirst();
  return done.numUpdatedRows > 0n;
}

/** @returns false when another took it. */
export async function deleteRequestToken(db: OauthDb, id: string): Promise<boolean> {
  const gone = await db.deleteFrom('request_tokens').where('id', '=', id).executeTakeFirst();
  return gone.numDeletedRows > 0n;
}

export function findAccessToken(db: OauthDb, id: string): Promise<AccessTokenRow | undefined> {
  return db.selectFrom('access_tokens').selectAll().where('id', '=', id).executeTakeFirst();
}

export function listAccessTokens(db: OauthDb, userId: string, limit: number): Promise<AccessTokenRow[]> {
  return db
    .selectFrom('access_tokens')
    .selectAll()
    .where('user_id', '=', userId)
    .orderBy('id')
    .limit(limit + 1)
    .execute();
}

export async function insertAccessToken(db: OauthDb, row: AccessTokenRow): Promise<void> {
  await db.insertInto('access_tokens').values(row).execute();
}

export async function deleteAccessToken(db: OauthDb, id: string): Promise<void> {
  await db.deleteFrom('access_tokens').where('id', '=', id).execute();
}
