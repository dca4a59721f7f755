import type { Db } from '#kernel/db/database.ts';
import { badRequest } from '../errors.ts';
import {
  deleteFederatedUsers,
  findProtocol,
  findProvider,
  insertFederatedUser,
  listFederatedUsers,
} from '../federation/store.ts';
import type { FederatedUserRow, FederationTables } from '../federation/tables.ts';
import type { Query } from '../query.ts';
import type { FederatedLinks } from './schema.ts';

/** Identities of one user elsewhere. */
const MAX_LINKS = 256;

/**
 * Says who a user is elsewhere, in place of what was said before.
 * @throws {BadRequest} for a provider or protocol that is not there; {Conflict} when another user is that one.
 */
export async function replaceLinks(tx: Db<FederationTables>, userId: string, links: FederatedLinks): Promise<void> {
  await deleteFederatedUsers(tx, userId);
  for (const { idp_id, protocols } of links) {
    if ((await findProvider(tx, idp_id)) === undefined)
      throw badRequest('user.federated', `Could not find Identity Provider: ${idp_id}`);
    for (const { protocol_id, unique_id } of protocols) {
      if ((await findProtocol(tx, idp_id, protocol_id)) === undefined)
        throw badRequest(
          'user.federated',
          `Could not find federated protocol ${protocol_id} for Identity Provider: ${idp_id}.`,
        );
      await insertFederatedUser(tx, { idp_id, protocol_id, unique_id, user_id: userId });
    }
  }
}

/** `federated` as a user's body shows it; nothing for a user who is nobody elsewhere. */
export async function readLinks(db: Db<FederationTables>, userId: string): Promise<{ federated?: FederatedLinks }> {
  const rows = await listFederatedUsers(db, { user_id: userId }, MAX_LINKS);
  if (rows.length === 0) return {};
  const federated = [...Map.groupBy(rows, (row) => row.idp_id)].map(([idp_id, list]) => ({
    idp_id,
    protocols: list.map(({ protocol_id, unique_id }) => ({ protocol_id, unique_id })),
  }));
  return { federated };
}

/** The users that a list's filters on who they are elsewhere leave; undefined without such filters. */
export async function idsByLinks(
  db: Db<FederationTables>,
  query: Query,
  limit: number,
): Promise<readonly string[] | undefined> {
  const of: Partial<FederatedUserRow> = {
    ...(query['idp_id'] === undefined ? {} : { idp_id: query['idp_id'] }),
    ...(query['protocol_id'] === undefined ? {} : { protocol_id: query['protocol_id'] }),
    ...(query['unique_id'] === undefined ? {} : { unique_id: query['unique_id'] }),
  };
  if (Object.keys(of).length === 0) return undefined;
  return (await listFederatedUsers(db, of, limit)).map((row) => row.user_id);
}
