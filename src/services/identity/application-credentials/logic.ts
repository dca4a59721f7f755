import { randomBytes } from 'node:crypto';
import type { RequestContext } from '#kernel/auth/context.ts';
import type { Db } from '#kernel/db/database.ts';
import { toBit } from '#kernel/db/json.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { Forbidden } from '#kernel/errors.ts';
import { newHexId } from '#kernel/ids.ts';
import { checkNotEntrusted, checkUnrestricted, tokenOf } from '../delegation.ts';
import { type IdentityDeps, nowMs } from '../deps.ts';
import { badRequest, forbidden, forbiddenAction, notFound } from '../errors.ts';
import { readExpiry } from '../expiry.ts';
import { cut, limitOf, type Query } from '../query.ts';
import { namedRoles } from '../roles/named.ts';
import { listRoles } from '../roles/store.ts';
import type { RoleRow } from '../roles/tables.ts';
import { readFilters } from '../store/filters.ts';
import { collection, type V3Url } from '../views.ts';
import type { NewAccessRule, NewApplicationCredential } from './schema.ts';
import {
  deleteAccessRule,
  deleteApplicationCredential,
  findAccessRule,
  findApplicationCredential,
  findSameAccessRule,
  insertAccessRule,
  insertApplicationCredential,
  isAccessRuleInUse,
  listAccessRules,
  listApplicationCredentials,
  listRoleIdsOf,
  listRulesOf,
} from './store.ts';
import type { AccessRuleRow, ApplicationCredentialRow, ApplicationCredentialTables } from './tables.ts';
import { showAccessRule, showApplicationCredential } from './view.ts';

/** Bytes of a secret that we make. */
const SECRET_BYTES = 64;
const MANAGING = 'managing additional application credentials';

/**
 * The secret is in the answer, and never again.
 * @throws {Forbidden} for another user, or with a restricted credential's token; {BadRequest} for a role that the token
 *   has not, or without a project; {Conflict} when the name is taken.
 * @see https://docs.openstack.org/api-ref/identity/v3/#create-application-credential
 */
export async function createApplicationCredential(
  deps: IdentityDeps,
  ctx: RequestContext,
  userId: string,
  given: NewApplicationCredential,
  v3Url: V3Url,
): Promise<Record<string, unknown>> {
  checkUnrestricted(ctx, MANAGING);
  checkNotEntrusted(ctx, 'an application credential');
  if (ctx.userId !== userId) throw forbiddenAction('Cannot create an application credential for another user.');
  if (ctx.projectId === null) throw forbidden('application_credential.no_project');
  const secret = given.secret ? given.secret : randomBytes(SECRET_BYTES).toString('base64url');
  const secretHash = await deps.passwords.hash(secret);
  const roles = await rolesFor(deps, ctx, given.roles);
  const row: ApplicationCredentialRow = {
    id: newHexId(),
    name: given.name.trim(),
    user_id: userId,
    project_id: ctx.projectId,
    description: given.description ?? null,
    secret_hash: secretHash,
    expires_at: readExpiry(given.expires_at, nowMs(deps)),
    unrestricted: toBit(given.unrestricted ?? false),
    has_access_rules: toBit(given.access_rules !== undefined && given.access_rules.length > 0),
  };
  return inTransaction(deps.db, async (tx) => {
    await checkCount(deps, tx, userId);
    const rules: AccessRuleRow[] = [];
    for (const rule of given.access_rules ?? []) rules.push(await ensureRule(tx, userId, rule));
    const roleIds = roles.map(({ id }) => id);
    await insertApplicationCredential(
      tx,
      row,
      roleIds,
      rules.map(({ id }) => id),
    );
    return { ...showApplicationCredential(row, roles, rules, v3Url), secret };
  });
}

/** @throws {NotFound} `identity.application_credential.not_found`. */
export async function readApplicationCredential(
  deps: IdentityDeps,
  id: string,
  v3Url: V3Url,
): Promise<Record<string, unknown>> {
  return show(deps, await getCredential(deps, id), v3Url);
}

export async function readApplicationCredentials(
  deps: IdentityDeps,
  userId: string,
  query: Query,
  v3Url: V3Url,
): Promise<Record<string, unknown>> {
  const limit = limitOf(query, deps.config.listLimit);
  const found = await listApplicationCredentials(deps.db, userId, readFilters(query, ['name']), limit);
  const { rows, isTruncated } = cut(found, limit);
  const shown = await Promise.all(rows.map((row) => show(deps, row, v3Url)));
  const path = `users/${userId}/application_credentials`;
  return collection(v3Url, path, 'application_credentials', shown, isTruncated);
}

/** @throws {NotFound} `identity.application_credential.not_found`; {Forbidden} with a restricted credential's token. */
export async function removeApplicationCredential(deps: IdentityDeps, ctx: RequestContext, id: string): Promise<void> {
  checkUnrestricted(ctx, MANAGING);
  await getCredential(deps, id);
  await inTransaction(deps.db, async (tx) => {
    await deleteApplicationCredential(tx, id);
    await deps.forgetTokens(tx);
  });
}

/**
 * Whose credential it is counts, not whose path it was asked for under.
 * @returns the owner's id; the path's user where there is no such credential.
 */
export async function ownerOf(deps: IdentityDeps, id: string, pathUserId: string): Promise<string> {
  return (await findApplicationCredential(deps.db, id))?.user_id ?? pathUserId;
}

export async function readAccessRules(
  deps: IdentityDeps,
  userId: string,
  query: Query,
  v3Url: V3Url,
): Promise<Record<string, unknown>> {
  const limit = limitOf(query, deps.config.listLimit);
  const filters = readFilters(query, ['service', 'path', 'method']);
  const { rows, isTruncated } = cut(await listAccessRules(deps.db, userId, filters, limit), limit);
  const shown = rows.map((row) => showAccessRule(row, v3Url));
  return collection(v3Url, `users/${userId}/access_rules`, 'access_rules', shown, isTruncated);
}

/** @throws {NotFound} `identity.access_rule.not_found`, also for another user's. */
export async function readAccessRule(deps: IdentityDeps, userId: string, id: string): Promise<AccessRuleRow> {
  const row = await findAccessRule(deps.db, id);
  if (row?.user_id !== userId) throw notFound('Access Rule', id);
  return row;
}

/** @throws {NotFound} `identity.access_rule.not_found`; {Forbidden} while a credential has it. */
export async function removeAccessRule(deps: IdentityDeps, userId: string, id: string): Promise<void> {
  await readAccessRule(deps, userId, id);
  await inTransaction(deps.db, async (tx) => {
    if (await isAccessRuleInUse(tx, id))
      throw new Forbidden('identity.access_rule.in_use', 'May not delete access rule in use');
    await deleteAccessRule(tx, id);
  });
}

async function getCredential(deps: IdentityDeps, id: string): Promise<ApplicationCredentialRow> {
  const row = await findApplicationCredential(deps.db, id);
  if (row === undefined) throw notFound('Application Credential', id);
  return row;
}

async function show(deps: IdentityDeps, row: ApplicationCredentialRow, v3Url: V3Url): Promise<Record<string, unknown>> {
  const ids = await listRoleIdsOf(deps.db, row.id);
  const roles = await listRoles(deps.db, { filters: [], ids, limit: deps.config.listLimit });
  return showApplicationCredential(row, roles, await listRulesOf(deps.db, row.id), v3Url);
}

/** The roles asked for, which the token must have, or all that it has. */
async function rolesFor(
  deps: IdentityDeps,
  ctx: RequestContext,
  asked: NewApplicationCredential['roles'],
): Promise<readonly RoleRow[]> {
  const { roles } = tokenOf(ctx);
  if (asked === undefined || asked.length === 0) return roles;
  const named = await namedRoles(deps.db, asked);
  if (named.some((role) => !roles.some(({ id }) => id === role.id)))
    throw badRequest(
      'application_credential.role',
      'Invalid application credential: Cannot create an application credential with unassigned role',
    );
  return named;
}

async function ensureRule(
  tx: Db<ApplicationCredentialTables>,
  userId: string,
  given: NewAccessRule,
): Promise<AccessRuleRow> {
  const { id, service, method, path } = given;
  if (id !== undefined && service === undefined && method === undefined && path === undefined) {
    const known = await findAccessRule(tx, id);
    if (known?.user_id !== userId) throw notFound('Access Rule', id);
    return known;
  }
  if (service === undefined || method === undefined || path === undefined)
    throw badRequest('access_rule.incomplete', 'An access rule needs a service, a method and a path, or an id alone.');
  const content = { user_id: userId, service, method, path };
  const same = await findSameAccessRule(tx, content);
  if (same !== undefined) return same;
  const row = { ...content, id: newHexId() };
  await insertAccessRule(tx, row);
  return row;
}

async function checkCount(deps: IdentityDeps, tx: Db<ApplicationCredentialTables>, userId: string): Promise<void> {
  const max = deps.config.maxApplicationCredentialsPerUser;
  if ((await listApplicationCredentials(tx, userId, [], max)).length >= max)
    throw new Forbidden(
      'identity.application_credential.limit',
      `Unable to create additional application credentials, maximum of ${max} already exceeded for user.`,
    );
}
