import { createHash } from 'node:crypto';
import secureJson from 'secure-json-parse';
import type { RequestContext } from '#kernel/auth/context.ts';
import { fromJson, toJson } from '#kernel/db/json.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { Forbidden } from '#kernel/errors.ts';
import { newHexId } from '#kernel/ids.ts';
import { checkNotEntrusted, checkUnrestricted, isDelegated, tokenOf } from '../delegation.ts';
import type { IdentityDeps } from '../deps.ts';
import { badRequest, forbiddenAction, missing, notFound } from '../errors.ts';
import { checkUnmoved, extraOf, mergeExtra } from '../extra.ts';
import { getProject } from '../projects/store.ts';
import { cut, limitOf, type Query } from '../query.ts';
import { readFilters } from '../store/filters.ts';
import { getUser } from '../users/store.ts';
import { collection, selfLink, type V3Url } from '../views.ts';
import type { CredentialChange, NewCredential } from './schema.ts';
import { deleteCredential, findCredential, insertCredential, listCredentials, updateCredential } from './store.ts';
import type { CredentialRow } from './tables.ts';

export const EC2 = 'ec2';

const COLUMNS = ['user_id', 'project_id', 'type', 'blob'];
const MANAGING = 'managing credentials';
/** What binds a credential to the token that it was made with; nobody may change it. */
const BINDINGS = ['trust_id', 'app_cred_id', 'access_token_id'] as const;

/** The blob of an EC2 credential. */
export interface Ec2Blob {
  readonly access: string;
  readonly secret: string;
  readonly trust_id?: string | null;
  readonly app_cred_id?: string;
  readonly access_token_id?: string;
}

/** An EC2 credential is found by its access key, which is not its id. */
export function idOfAccessKey(access: string): string {
  return createHash('sha256').update(access).digest('hex');
}

/** The target of rules about one credential; without one where there is none. */
export async function credentialTarget(deps: IdentityDeps, id: string): Promise<Record<string, unknown>> {
  const row = await findCredential(deps.db, id);
  return { target: row === undefined ? {} : { credential: { id, user_id: row.user_id } } };
}

/** @throws {NotFound} `identity.credential.not_found`. */
export async function getCredential(deps: IdentityDeps, id: string): Promise<CredentialRow> {
  const row = await findCredential(deps.db, id);
  if (row === undefined) throw notFound('credential', id);
  return row;
}

/**
 * What is made with a delegated token lets in no further than that token.
 * @throws {Forbidden} with a restricted application credential's token, or for one too many; {BadRequest} for a blob that
 *   is no EC2 credential's; {Conflict} when the access key is taken.
 */
export async function createCredential(
  deps: IdentityDeps,
  ctx: RequestContext,
  given: NewCredential,
): Promise<CredentialRow> {
  checkUnrestricted(ctx, MANAGING);
  const isEc2 = given.type.toLowerCase() === EC2;
  // An EC2 credential is bound to the trust; a secret for one-time codes would open the trustor's account for good.
  if (!isEc2) checkNotEntrusted(ctx, 'a credential');
  if (isEc2 && !given.project_id) throw badRequest('input.invalid', "'project_id' is a required property");
  const blob = isEc2 ? bind(ctx, readBlob(given.blob)) : given.blob;
  const row: CredentialRow = {
    id: typeof blob === 'string' ? newHexId() : idOfAccessKey(blob.access),
    user_id: given.user_id,
    project_id: given.project_id ?? null,
    type: given.type,
    sealed_blob: deps.vault.seal(typeof blob === 'string' ? blob : toJson(blob)),
    extra: toJson(extraOf(given, COLUMNS)),
  };
  await checkCount(deps, row.user_id);
  await insertCredential(deps.db, row);
  return row;
}

/**
 * @throws {Forbidden} for a change with a delegated token, or to another owner; {BadRequest} for a change of what binds it.
 */
export async function changeCredential(
  deps: IdentityDeps,
  ctx: RequestContext,
  id: string,
  given: CredentialChange,
): Promise<CredentialRow> {
  if (isDelegated(ctx)) throw forbiddenAction('Changing a credential with a delegated token is not allowed.');
  return inTransaction(deps.db, async (tx) => {
    const row = await getCredential({ ...deps, db: tx }, id);
    checkUnmoved('credential', { id }, given);
    const changed: CredentialRow = {
      ...row,
      ...(given.user_id === undefined ? {} : { user_id: given.user_id }),
      ...(given.project_id === undefined ? {} : { project_id: given.project_id }),
      ...(given.type === undefined ? {} : { type: given.type }),
      ...(given.blob === undefined ? {} : { sealed_blob: deps.vault.seal(given.blob) }),
      extra: mergeExtra(row.extra, extraOf(given, COLUMNS)),
    };
    // Who may change this one may still not give it away, nor take another's name.
    deps.policy.enforce(ctx, 'identity:update_credential', {
      target: { credential: { id, user_id: changed.user_id } },
    });
    checkBindings(deps, row, changed);
    await updateCredential(tx, id, changed);
    return changed;
  });
}

/** @throws {NotFound} `identity.credential.not_found`; {Forbidden} with a restricted application credential's token. */
export async function removeCredential(deps: IdentityDeps, ctx: RequestContext, id: string): Promise<void> {
  checkUnrestricted(ctx, MANAGING);
  await getCredential(deps, id);
  await deleteCredential(deps.db, id);
}

export function showCredential(deps: IdentityDeps, row: CredentialRow, v3Url: V3Url): Record<string, unknown> {
  return {
    ...fromJson(row.extra),
    id: row.id,
    user_id: row.user_id,
    project_id: row.project_id,
    type: row.type,
    blob: deps.vault.open(row.sealed_blob),
    links: selfLink(v3Url, 'credentials', row.id),
  };
}

/** Of all credentials, those that the caller may see one by one. */
export async function readCredentials(
  deps: IdentityDeps,
  ctx: RequestContext,
  query: Query,
  v3Url: V3Url,
): Promise<Record<string, unknown>> {
  const limit = limitOf(query, deps.config.listLimit);
  const seesAll = deps.policy.allows(ctx, 'identity:get_credential', { target: { credential: { user_id: '' } } });
  const found = await listCredentials(deps.db, {
    filters: readFilters(query, ['user_id', 'type']),
    ...(seesAll ? {} : { userId: ctx.userId }),
    limit,
  });
  const { rows, isTruncated } = cut(found, limit);
  const visible = rows.filter((row) =>
    deps.policy.allows(ctx, 'identity:get_credential', {
      target: { credential: { id: row.id, user_id: row.user_id } },
    }),
  );
  const shown = visible.map((row) => showCredential(deps, row, v3Url));
  return collection(v3Url, 'credentials', 'credentials', shown, isTruncated);
}

/** @throws {NotFound} when the user or project is not there; {Forbidden} with a restricted application credential's token. */
export async function createEc2Credential(
  deps: IdentityDeps,
  ctx: RequestContext,
  userId: string,
  projectId: string,
  v3Url: V3Url,
): Promise<Record<string, unknown>> {
  checkUnrestricted(ctx, MANAGING);
  await getUser(deps.db, userId);
  await getProject(deps.db, projectId);
  const blob = bind(ctx, { access: newHexId(), secret: newHexId() });
  const row: CredentialRow = {
    id: idOfAccessKey(blob.access),
    user_id: userId,
    project_id: projectId,
    type: EC2,
    sealed_blob: deps.vault.seal(toJson(blob)),
    extra: '{}',
  };
  await checkCount(deps, userId);
  await insertCredential(deps.db, row);
  return showEc2(deps, row, v3Url);
}

/** @throws {NotFound} `identity.user.not_found`. */
export async function readEc2Credentials(
  deps: IdentityDeps,
  userId: string,
  v3Url: V3Url,
): Promise<Record<string, unknown>> {
  await getUser(deps.db, userId);
  const limit = deps.config.listLimit;
  const rows = await listCredentials(deps.db, { filters: [], userId, type: EC2, limit });
  const shown = rows.map((row) => showEc2(deps, row, v3Url));
  return collection(v3Url, `users/${userId}/credentials/OS-EC2`, 'credentials', shown);
}

/** A user's EC2 credential by its access key. @throws {NotFound} `identity.credential.not_found`. */
export async function getEc2Credential(deps: IdentityDeps, userId: string, access: string): Promise<CredentialRow> {
  const row = await findCredential(deps.db, idOfAccessKey(access));
  if (row === undefined || row.type !== EC2 || row.user_id !== userId) throw notFound('credential', access);
  return row;
}

export function showEc2(deps: IdentityDeps, row: CredentialRow, v3Url: V3Url): Record<string, unknown> {
  const blob = openEc2(deps, row);
  return {
    user_id: row.user_id,
    tenant_id: row.project_id,
    access: blob.access,
    secret: blob.secret,
    trust_id: blob.trust_id ?? null,
    links: { self: `${v3Url}/users/${row.user_id}/credentials/OS-EC2/${encodeURIComponent(blob.access)}` },
  };
}

/** @throws {BadRequest} when the credential was changed into something that is none of EC2's. */
export function openEc2(deps: IdentityDeps, row: CredentialRow): Ec2Blob {
  return readBlob(deps.vault.open(row.sealed_blob));
}

function readBlob(text: string): Ec2Blob {
  let blob: unknown;
  try {
    blob = secureJson.parse(text);
  } catch {
    throw badRequest('credential.blob', 'Invalid blob in credential');
  }
  if (typeof blob !== 'object' || blob === null || Array.isArray(blob)) throw missing('blob', 'credential');
  const { access } = blob as { access?: unknown };
  if (typeof access !== 'string' || access === '') throw missing('access', 'credential');
  return blob as Ec2Blob;
}

function bind(ctx: RequestContext, blob: Ec2Blob): Ec2Blob {
  const { claims } = tokenOf(ctx);
  return {
    ...blob,
    ...(claims.trustId === null ? {} : { trust_id: claims.trustId }),
    ...(claims.applicationCredentialId === null ? {} : { app_cred_id: claims.applicationCredentialId }),
    ...(claims.accessTokenId === null ? {} : { access_token_id: claims.accessTokenId }),
  };
}

function checkBindings(deps: IdentityDeps, before: CredentialRow, after: CredentialRow): void {
  if (before.type.toLowerCase() !== EC2) {
    if (after.type.toLowerCase() === EC2) readBlob(deps.vault.open(after.sealed_blob));
    return;
  }
  const [old, fresh] = [openEc2(deps, before), readBlob(deps.vault.open(after.sealed_blob))];
  for (const key of BINDINGS) {
    if ((old[key] ?? null) !== (fresh[key] ?? null))
      throw badRequest('credential.binding', `${key} can not be updated for credential`);
  }
}

async function checkCount(deps: IdentityDeps, userId: string): Promise<void> {
  const max = deps.config.maxCredentialsPerUser;
  if ((await listCredentials(deps.db, { filters: [], userId, limit: max })).length >= max)
    throw new Forbidden(
      'identity.credential.limit',
      `Unable to create additional credentials, maximum of ${max} already exceeded for user.`,
    );
}
