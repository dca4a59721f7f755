import type { Db } from '#kernel/db/database.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { Forbidden, Unauthorized } from '#kernel/errors.ts';
import { newUuid } from '#kernel/ids.ts';
import { type IdentityDeps, nowMs } from '../deps.ts';
import { badRequest, unauthorized } from '../errors.ts';
import { revokeTokens } from '../revocations/revoke.ts';
import { checkPassword, optionsOf } from './authenticate.ts';
import { findPassword, findUser, insertPassword, listPasswords } from './store.ts';
import type { PasswordRow, UserOptions, UserTables } from './tables.ts';

const DAY_MS = 86_400_000;

/**
 * Holds a new password against the cloud's rules.
 * @throws {Forbidden} when it is longer than any may be; {BadRequest} `identity.password.requirements`.
 */
export function checkRequirements(deps: IdentityDeps, password: string): void {
  const { maxPasswordLength, passwordRegex, passwordRegexDescription } = deps.config;
  if (password.length > maxPasswordLength)
    throw new Forbidden(
      'identity.password.length',
      `The password length must be less than or equal to ${maxPasswordLength}. The server could not comply with the request because the password is invalid.`,
    );
  if (passwordRegex !== null && !new RegExp(passwordRegex).test(password))
    throw badRequest(
      'password.requirements',
      `The password does not match the requirements: ${passwordRegexDescription ?? passwordRegex}.`,
    );
}

/** The row of a new password; who gives another one a password can have it changed at once. */
export function newPassword(
  deps: IdentityDeps,
  given: { userId: string; hash: string; isSelfService: boolean; options: UserOptions },
): PasswordRow {
  const now = nowMs(deps);
  const { passwordExpiresDays, changePasswordUponFirstUse } = deps.config;
  const mustChange =
    !given.isSelfService && changePasswordUponFirstUse && given.options.ignore_change_password_upon_first_use !== true;
  const expires = passwordExpiresDays !== null && given.options.ignore_password_expiry !== true;
  return {
    id: newUuid(),
    user_id: given.userId,
    password_hash: given.hash,
    self_service: given.isSelfService ? 1 : 0,
    created_at: now,
    expires_at: mustChange ? now : expires ? now + passwordExpiresDays * DAY_MS : null,
  };
}

export async function storePassword(deps: IdentityDeps, tx: Db<UserTables>, row: PasswordRow): Promise<void> {
  await insertPassword(tx, row, deps.config.uniqueLastPasswordCount);
}

/**
 * A user changes the own password, with the old one as the proof; no token is needed, so that an expired password can be
 * replaced. All tokens of the user end.
 * @throws {Unauthorized} for a wrong old password; {BadRequest} for a new one that the cloud's rules refuse.
 * @see https://docs.openstack.org/api-ref/identity/v3/#change-password-for-user
 */
export async function changeOwnPassword(
  deps: IdentityDeps,
  userId: string,
  given: { original_password: string; password: string },
): Promise<void> {
  const user = await findUser(deps.db, userId);
  await checkPassword(deps, user?.enabled === 1 ? user : undefined, given.original_password).catch(unlessExpired);
  if (user === undefined) throw unauthorized('password');
  checkRequirements(deps, given.password);
  if (optionsOf(user).lock_password === true)
    throw badRequest(
      'password.locked',
      'You cannot change your password at this time due to password policy disallowing password changes. Please contact your administrator to reset your password.',
    );
  await checkAge(deps, userId);
  await checkHistory(deps, userId, given.password);
  const hash = await deps.passwords.hash(given.password);
  const row = newPassword(deps, { userId, hash, isSelfService: true, options: optionsOf(user) });
  await inTransaction(deps.db, async (tx) => {
    await storePassword(deps, tx, row);
    await revokeTokens(deps, tx, { user_id: userId });
  });
}

function unlessExpired(error: unknown): void {
  if (error instanceof Unauthorized && error.code === 'identity.auth.password_expired') return;
  throw error;
}

async function checkAge(deps: IdentityDeps, userId: string): Promise<void> {
  const days = deps.config.minimumPasswordAgeDays;
  const current = await findPassword(deps.db, userId);
  if (days === 0 || current === undefined || current.self_service === 0) return;
  const leftMs = current.created_at + days * DAY_MS - nowMs(deps);
  if (leftMs > 0)
    throw badRequest(
      'password.age',
      `You cannot change your password at this time due to the minimum password age. Once you change your password, it must be used for ${days} day(s) before it can be changed. Please try again in ${Math.floor(leftMs / DAY_MS)} day(s) or contact your administrator to reset your password.`,
    );
}

async function checkHistory(deps: IdentityDeps, userId: string, password: string): Promise<void> {
  const count = deps.config.uniqueLastPasswordCount;
  if (count === 0) return;
  for (const old of await listPasswords(deps.db, userId, count)) {
    if (await deps.passwords.verify(password, old.password_hash))
      throw badRequest(
        'password.history',
        `The new password cannot be identical to a previous password. The total number which includes the new password must be unique is ${count}.`,
      );
  }
}
