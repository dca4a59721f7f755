import type { RequestContext } from '#kernel/auth/context.ts';
import type { Db } from '#kernel/db/database.ts';
import { fromJson, toBit, toJson } from '#kernel/db/json.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { newHexId } from '#kernel/ids.ts';
import { deleteApplicationCredentialsOf } from '../application-credentials/store.ts';
import { deleteAssignmentsOfActor } from '../assignments/store.ts';
import { deleteCredentialsOf } from '../credentials/store.ts';
import { type IdentityDeps, nowMs } from '../deps.ts';
import { domainForNew } from '../domain-of.ts';
import { badRequest } from '../errors.ts';
import { checkUnmoved, extraOf, mergeExtra, mergeOptions } from '../extra.ts';
import { findProject, getDomain } from '../projects/store.ts';
import { revokeTokens } from '../revocations/revoke.ts';
import type { IdentityTables } from '../tables.ts';
import { replaceLinks } from './federated.ts';
import type { NewUser, UserChange } from './schema.ts';
import { checkRequirements, newPassword, storePassword } from './set-password.ts';
import { deletePasswords, deleteUser, findUser, getUser, insertUser, updateUser } from './store.ts';
import type { UserOptions, UserRow } from './tables.ts';

const COLUMNS = ['name', 'domain_id', 'enabled', 'default_project_id', 'options', 'password', 'federated'];

/** The target of rules about one user; without a user where there is none. */
export async function userTarget(deps: IdentityDeps, id: string): Promise<Record<string, unknown>> {
  const row = await findUser(deps.db, id);
  if (row === undefined) return { user_id: id, target: {} };
  return { user_id: id, target: { user: { id, domain_id: row.domain_id } } };
}

/**
 * @throws {NotFound} when the domain is not there; {Conflict} when the name is taken; {BadRequest} for a bad password.
 * @see https://docs.openstack.org/api-ref/identity/v3/#create-user
 */
export async function createUser(deps: IdentityDeps, ctx: RequestContext, given: NewUser): Promise<UserRow> {
  const hash = await hashOf(deps, given.password);
  const row: UserRow = {
    id: newHexId(),
    domain_id: domainForNew(ctx, given.domain_id),
    name: given.name.trim(),
    enabled: toBit(given.enabled ?? true),
    default_project_id: given.default_project_id ?? null,
    options: mergeOptions('{}', given.options),
    extra: toJson(extraOf(given, COLUMNS)),
    failed_auth_count: 0,
    failed_auth_at: null,
    created_at: nowMs(deps),
    last_active_at: null,
  };
  await inTransaction(deps.db, async (tx) => {
    await getDomain(tx, row.domain_id);
    await checkDefaultProject(tx, row.default_project_id);
    await insertUser(tx, row);
    if (hash !== null) await givePassword(deps, tx, row, hash);
    if (given.federated !== undefined) await replaceLinks(tx, row.id, given.federated);
  });
  return row;
}

/**
 * A new password or a disabling ends all tokens of the user.
 * @throws {NotFound} `identity.user.not_found`; {Conflict} when the name is taken; {BadRequest} for a bad password.
 */
export async function changeUser(deps: IdentityDeps, id: string, given: UserChange): Promise<UserRow> {
  const hash = await hashOf(deps, given.password);
  return inTransaction(deps.db, async (tx) => {
    const row = await getUser(tx, id);
    checkUnmoved('user', row, given);
    await checkDefaultProject(tx, given.default_project_id ?? null);
    const changed: UserRow = {
      ...row,
      ...(given.name === undefined ? {} : { name: given.name.trim() }),
      ...(given.enabled === undefined ? {} : { enabled: toBit(given.enabled) }),
      ...(given.default_project_id === undefined ? {} : { default_project_id: given.default_project_id }),
      // An administrator who sets a password or enables an account opens its lock, too.
      ...(hash !== null || given.enabled === true ? { failed_auth_count: 0, failed_auth_at: null } : {}),
      options: mergeOptions(row.options, given.options),
      extra: mergeExtra(row.extra, extraOf(given, COLUMNS)),
    };
    await updateUser(tx, id, changed);
    if (given.federated !== undefined) await replaceLinks(tx, id, given.federated);
    if (hash !== null) await givePassword(deps, tx, changed, hash);
    else if (given.password === null) await deletePasswords(tx, id);
    const isDisabling = row.enabled === 1 && changed.enabled === 0;
    if (isDisabling) await deleteApplicationCredentialsOf(tx, id);
    if (isDisabling || given.password !== undefined) await revokeTokens(deps, tx, { user_id: id });
    else await deps.forgetTokens(tx);
    return changed;
  });
}

/** @throws {NotFound} `identity.user.not_found`. */
export async function removeUser(deps: IdentityDeps, id: string): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    await getUser(tx, id);
    await deleteAssignmentsOfActor(tx, 'user', id);
    await deleteCredentialsOf(tx, { userId: id });
    await deleteUser(tx, id);
    await revokeTokens(deps, tx, { user_id: id });
  });
}

/** Hashing takes long, so it is done before the transaction. */
async function hashOf(deps: IdentityDeps, password: string | null | undefined): Promise<string | null> {
  if (password === undefined || password === null) return null;
  checkRequirements(deps, password);
  return deps.passwords.hash(password);
}

async function givePassword(deps: IdentityDeps, tx: Db<IdentityTables>, user: UserRow, hash: string): Promise<void> {
  const options = fromJson<UserOptions>(user.options);
  await storePassword(deps, tx, newPassword(deps, { userId: user.id, hash, isSelfService: false, options }));
}

async function checkDefaultProject(tx: Db<IdentityTables>, id: string | null): Promise<void> {
  const project = id === null ? undefined : await findProject(tx, id);
  if (project?.is_domain === 1)
    throw badRequest('user.default_project', `User's default project ID cannot be a domain ID: ${project.id}`);
}
