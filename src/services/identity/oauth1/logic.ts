import { randomBytes } from 'node:crypto';
import type { ApiRequest } from '#kernel/api/route.ts';
import type { RequestContext } from '#kernel/auth/context.ts';
import { fromJson, toJson } from '#kernel/db/json.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { newHexId } from '#kernel/ids.ts';
import { givenRoleIds } from '../assignments/effective.ts';
import { isDelegated } from '../delegation.ts';
import { type IdentityDeps, nowMs } from '../deps.ts';
import { badRequest, forbiddenAction, notFound, unauthorized } from '../errors.ts';
import { checkUnmoved, extraOf, mergeExtra } from '../extra.ts';
import { listGroupIdsOfUser } from '../groups/store.ts';
import { getProject } from '../projects/store.ts';
import { cut, readQuery } from '../query.ts';
import { revokeTokens } from '../revocations/revoke.ts';
import { namedRoles } from '../roles/named.ts';
import { listRoles } from '../roles/store.ts';
import type { RoleRow } from '../roles/tables.ts';
import { isoTimeOrNull } from '../time.ts';
import { collection, type V3Url } from '../views.ts';
import { isSigned, readAuthorization } from './signature.ts';
import {
  authorizeRequestToken,
  deleteAccessToken,
  deleteConsumer,
  deleteRequestToken,
  findAccessToken,
  findConsumer,
  findRequestToken,
  getConsumer,
  insertAccessToken,
  insertConsumer,
  insertRequestToken,
  listAccessTokens,
  listConsumers,
  updateConsumer,
} from './store.ts';
import type { AccessTokenRow, ConsumerRow } from './tables.ts';

/** How long a user has to authorize a request. */
const REQUEST_TOKEN_MS = 28_800_000;
const ACCESS_TOKEN_MS = 86_400_000;
/** How far a signed call's time may be off, so that one that was seen cannot be sent again for ever. */
const TIMESTAMP_MS = 600_000;
const VERIFIER_BYTES = 6;

type GivenConsumer = Readonly<Record<string, unknown>> & { readonly description?: string | null };

export function showConsumer(row: ConsumerRow, v3Url: V3Url): Record<string, unknown> {
  return {
    ...fromJson(row.extra),
    id: row.id,
    description: row.description,
    links: { self: `${v3Url}/OS-OAUTH1/consumers/${row.id}` },
  };
}

/** The secret is in the answer, and never again. */
export async function createConsumer(
  deps: IdentityDeps,
  given: GivenConsumer,
  v3Url: V3Url,
): Promise<Record<string, unknown>> {
  const secret = newHexId();
  const row: ConsumerRow = {
    id: newHexId(),
    description: given.description ?? null,
    secret: deps.vault.seal(secret),
    extra: toJson(extraOf(given, ['description', 'secret'])),
  };
  await insertConsumer(deps.db, row);
  return { ...showConsumer(row, v3Url), secret };
}

export async function readConsumers(deps: IdentityDeps, v3Url: V3Url): Promise<Record<string, unknown>> {
  const limit = deps.config.listLimit;
  const { rows, isTruncated } = cut(await listConsumers(deps.db, limit), limit);
  const shown = rows.map((row) => showConsumer(row, v3Url));
  return collection(v3Url, 'OS-OAUTH1/consumers', 'consumers', shown, isTruncated);
}

/** @throws {NotFound} `identity.consumer.not_found`. */
export function readConsumer(deps: IdentityDeps, id: string): Promise<ConsumerRow> {
  return getConsumer(deps.db, id);
}

/** @throws {NotFound} `identity.consumer.not_found`; {BadRequest} for a new secret. */
export async function changeConsumer(deps: IdentityDeps, id: string, given: GivenConsumer): Promise<ConsumerRow> {
  if ('secret' in given) throw badRequest('consumer.secret', "'secret' cannot be changed");
  return inTransaction(deps.db, async (tx) => {
    const row = await getConsumer(tx, id);
    checkUnmoved('consumer', { id }, given);
    const changed: ConsumerRow = {
      ...row,
      ...(given.description === undefined ? {} : { description: given.description }),
      extra: mergeExtra(row.extra, extraOf(given, ['description'])),
    };
    await updateConsumer(tx, id, changed);
    return changed;
  });
}

/** @throws {NotFound} `identity.consumer.not_found`. */
export async function removeConsumer(deps: IdentityDeps, id: string): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    await getConsumer(tx, id);
    await deleteConsumer(tx, id);
    await deps.forgetTokens(tx);
  });
}

/**
 * The first step: a consumer asks for a project.
 * @throws {Unauthorized} for a signature that does not hold; {NotFound} for the project.
 */
export async function createRequestToken(deps: IdentityDeps, request: ApiRequest): Promise<Record<string, string>> {
  const oauth = oauthOf(request);
  const consumer = await findConsumer(deps.db, oauth.get('oauth_consumer_key') ?? '');
  checkSigned(deps, request, oauth, consumer, '');
  const projectId = String(request.headers['requested-project-id'] ?? '');
  await getProject(deps.db, projectId);
  const secret = newHexId();
  const expiresAt = nowMs(deps) + REQUEST_TOKEN_MS;
  const id = newHexId();
  await insertRequestToken(deps.db, {
    id,
    secret: deps.vault.seal(secret),
    consumer_id: consumer?.id ?? '',
    project_id: projectId,
    verifier: null,
    user_id: null,
    role_ids: '[]',
    expires_at: expiresAt,
  });
  return tokenAnswer(id, secret, expiresAt);
}

/**
 * The second step: a user lets the consumer have some of its roles on the project.
 * @throws {Forbidden} with a delegated token; {Unauthorized} for a role that the user has not; {NotFound}.
 */
export async function authorizeRequest(
  deps: IdentityDeps,
  ctx: RequestContext,
  id: string,
  refs: readonly { readonly id?: string; readonly name?: string }[],
): Promise<Record<string, unknown>> {
  if (isDelegated(ctx)) throw forbiddenAction('Cannot authorize a request token with a token issued via delegation.');
  const token = await findRequestToken(deps.db, id);
  if (token === undefined || token.expires_at <= nowMs(deps)) throw notFound('Request Token', id);
  const roles = await namedRoles(deps.db, refs);
  const project = await getProject(deps.db, token.project_id);
  const actors = { userId: ctx.userId, groupIds: await listGroupIdsOfUser(deps.db, ctx.userId) };
  const held = new Set(await givenRoleIds(deps.db, actors, { kind: 'project', project }));
  if (roles.length === 0 || roles.some((role) => !held.has(role.id))) throw unauthorized('oauth1.role');
  const verifier = randomBytes(VERIFIER_BYTES).toString('hex');
  const role_ids = toJson(roles.map((role) => role.id));
  const isFirst = await authorizeRequestToken(deps.db, id, { verifier, user_id: ctx.userId, role_ids });
  if (!isFirst) throw unauthorized('oauth1.authorized');
  return { token: { oauth_verifier: verifier } };
}

/**
 * The third step: the consumer trades the authorized request for an access token, once.
 * @throws {Unauthorized} for a signature or verifier that does not hold.
 */
export async function createAccessToken(deps: IdentityDeps, request: ApiRequest): Promise<Record<string, string>> {
  const oauth = oauthOf(request);
  const consumer = await findConsumer(deps.db, oauth.get('oauth_consumer_key') ?? '');
  const token = await findRequestToken(deps.db, oauth.get('oauth_token') ?? '');
  checkSigned(deps, request, oauth, consumer, token === undefined ? '' : deps.vault.open(token.secret));
  if (token === undefined || token.user_id === null || token.consumer_id !== consumer?.id)
    throw unauthorized('oauth1.request_token');
  if (token.expires_at <= nowMs(deps) || token.verifier !== oauth.get('oauth_verifier'))
    throw unauthorized('oauth1.verifier');
  const { user_id, project_id, consumer_id, role_ids } = token;
  const secret = newHexId();
  const expiresAt = nowMs(deps) + ACCESS_TOKEN_MS;
  const id = newHexId();
  await inTransaction(deps.db, async (tx) => {
    if (!(await deleteRequestToken(tx, token.id))) throw unauthorized('oauth1.request_token');
    const row = { id, secret: deps.vault.seal(secret), consumer_id, project_id, user_id, role_ids };
    await insertAccessToken(tx, { ...row, expires_at: expiresAt });
  });
  return tokenAnswer(id, secret, expiresAt);
}

/**
 * The access token behind a signed call for a token.
 * @throws {Unauthorized} for a signature that does not hold or a token that is over.
 */
export async function checkAccess(deps: IdentityDeps, request: ApiRequest): Promise<AccessTokenRow> {
  const oauth = oauthOf(request);
  const consumer = await findConsumer(deps.db, oauth.get('oauth_consumer_key') ?? '');
  const token = await findAccessToken(deps.db, oauth.get('oauth_token') ?? '');
  checkSigned(deps, request, oauth, consumer, token === undefined ? '' : deps.vault.open(token.secret));
  if (token === undefined || token.consumer_id !== consumer?.id) throw unauthorized('oauth1.access_token');
  if (token.expires_at !== null && token.expires_at <= nowMs(deps)) throw unauthorized('oauth1.access_token');
  return token;
}

export function showAccessToken(row: AccessTokenRow, v3Url: V3Url): Record<string, unknown> {
  const self = `${v3Url}/users/${row.user_id}/OS-OAUTH1/access_tokens/${row.id}`;
  return {
    id: row.id,
    consumer_id: row.consumer_id,
    project_id: row.project_id,
    authorizing_user_id: row.user_id,
    expires_at: isoTimeOrNull(row.expires_at),
    links: { self, roles: `${self}/roles` },
  };
}

export async function readAccessTokens(
  deps: IdentityDeps,
  userId: string,
  v3Url: V3Url,
): Promise<Record<string, unknown>> {
  const limit = deps.config.listLimit;
  const { rows, isTruncated } = cut(await listAccessTokens(deps.db, userId, limit), limit);
  const shown = rows.map((row) => showAccessToken(row, v3Url));
  return collection(v3Url, `users/${userId}/OS-OAUTH1/access_tokens`, 'access_tokens', shown, isTruncated);
}

/** @throws {NotFound} `identity.access_token.not_found`, also for another user's. */
export async function readAccessToken(deps: IdentityDeps, userId: string, id: string): Promise<AccessTokenRow> {
  const row = await findAccessToken(deps.db, id);
  if (row?.user_id !== userId) throw notFound('Access Token', id);
  return row;
}

export async function rolesOfAccessToken(deps: IdentityDeps, row: AccessTokenRow): Promise<RoleRow[]> {
  return listRoles(deps.db, { filters: [], ids: fromJson(row.role_ids), limit: deps.config.listLimit });
}

/** Tokens had by it end with it. @throws {NotFound} `identity.access_token.not_found`. */
export async function removeAccessToken(deps: IdentityDeps, userId: string, id: string): Promise<void> {
  await readAccessToken(deps, userId, id);
  await inTransaction(deps.db, async (tx) => {
    await deleteAccessToken(tx, id);
    await revokeTokens(deps, tx, { access_token_id: id });
  });
}

function oauthOf(request: ApiRequest): Map<string, string> {
  const oauth = readAuthorization(request.headers.authorization);
  if (oauth === undefined) throw unauthorized('oauth1.header');
  return oauth;
}

function checkSigned(
  deps: IdentityDeps,
  request: ApiRequest,
  oauth: Map<string, string>,
  consumer: ConsumerRow | undefined,
  tokenSecret: string,
): void {
  const at = Number(oauth.get('oauth_timestamp')) * 1000;
  const isTimely = Math.abs(nowMs(deps) - at) <= TIMESTAMP_MS;
  const url = `${request.baseUrl}${request.url.split('?', 1)[0] ?? ''}`;
  const call = { method: request.raw.method, url, query: readQuery(request.query), oauth };
  if (consumer === undefined || !isTimely || !isSigned(call, deps.vault.open(consumer.secret), tokenSecret))
    throw unauthorized('oauth1.signature');
}

function tokenAnswer(id: string, secret: string, expiresAt: number): Record<string, string> {
  return {
    oauth_token: id,
    oauth_token_secret: secret,
    oauth_expires_at: isoTimeOrNull(expiresAt) ?? '',
  };
}
