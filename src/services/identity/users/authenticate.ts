/**
 * Checking a password, and what a wrong one leads to.
 *
 * Every refusal looks and lasts the same: an unknown, disabled or locked user costs a hash like any other, so that neither
 * words nor time tell who exists. Only who knows the right password is told that it has expired.
 */

import { fromJson } from '#kernel/db/json.ts';
import { Unauthorized } from '#kernel/errors.ts';
import type { UserId } from '#kernel/ids.ts';
import { type IdentityDeps, nowMs } from '../deps.ts';
import { unauthorized } from '../errors.ts';
import { countFailure, findPassword, findUser, updateUser } from './store.ts';
import type { UserOptions, UserRow } from './tables.ts';

const DAY_MS = 86_400_000;
/** Wrong codes in a row until no more are looked at for a while; fewer annoys people, more lets them be guessed. */
const MAX_CODE_GUESSES = 10;
/** How often a user's last activity is written down, where that is asked for. */
const ACTIVITY_EVERY_MS = 3_600_000;

/**
 * @returns the user's id when the password is right and the account usable.
 * @throws {Unauthorized} `identity.auth.password`, or `identity.auth.password_expired` to who knows the password.
 */
export async function checkPassword(
  deps: IdentityDeps,
  user: UserRow | undefined,
  given: string | undefined,
): Promise<UserId> {
  const isPossible =
    user !== undefined &&
    given !== undefined &&
    given.length <= deps.config.maxPasswordLength &&
    !isLocked(deps, user) &&
    !isInactive(deps, user);
  const password = isPossible ? await findPassword(deps.db, user.id) : undefined;
  const isRight = await deps.passwords.verify(
    (given ?? '').slice(0, deps.config.maxPasswordLength),
    password?.password_hash,
  );
  if (!isPossible || password === undefined) throw unauthorized('password');
  if (!isRight) {
    await noteFailure(deps, user);
    throw unauthorized('password');
  }
  // Others may have guessed meanwhile; a guess that is right after the lock closed is one too many.
  const fresh = await findUser(deps.db, user.id);
  if (fresh === undefined || isLocked(deps, fresh)) throw unauthorized('password');
  await noteSuccess(deps, fresh);
  if (password.expires_at !== null && password.expires_at <= nowMs(deps) && !optionsOf(user).ignore_password_expiry) {
    throw new Unauthorized(
      'identity.auth.password_expired',
      `The password is expired and needs to be changed for user: ${user.id}.`,
    );
  }
  return user.id;
}

/**
 * Counts a second factor like a password: a wrong one towards the lock, and a right one only while it is open. Six digits
 * can be guessed, so that without a limit in the configuration there still is one.
 * @throws {Unauthorized} `identity.auth.totp`.
 */
export async function checkSecondFactor(deps: IdentityDeps, user: UserRow, isRight: boolean): Promise<void> {
  const limits = { attempts: deps.config.lockoutFailureAttempts ?? MAX_CODE_GUESSES, ...lockTimes(deps) };
  const isShut = user.failed_auth_count >= limits.attempts && (user.failed_auth_at ?? 0) > limits.staleAt;
  if (!isRight || isShut) {
    await countFailure(deps.db, user.id, { now: limits.now, staleAt: limits.staleAt, maxFailures: limits.attempts });
    throw unauthorized('totp');
  }
  await noteSuccess(deps, user);
}

function lockTimes(deps: IdentityDeps): { readonly now: number; readonly staleAt: number } {
  const now = nowMs(deps);
  return { now, staleAt: now - deps.config.lockoutDurationMs };
}

export function optionsOf(user: UserRow): UserOptions {
  return fromJson(user.options);
}

function isLocked(deps: IdentityDeps, user: UserRow): boolean {
  const { lockoutFailureAttempts, lockoutDurationMs } = deps.config;
  if (lockoutFailureAttempts === null || optionsOf(user).ignore_lockout_failure_attempts === true) return false;
  if (user.failed_auth_count < lockoutFailureAttempts || user.failed_auth_at === null) return false;
  return user.failed_auth_at + lockoutDurationMs > nowMs(deps);
}

function isInactive(deps: IdentityDeps, user: UserRow): boolean {
  const days = deps.config.disableUserAccountDaysInactive;
  if (days === null || optionsOf(user).ignore_user_inactivity === true) return false;
  return (user.last_active_at ?? user.created_at) + days * DAY_MS <= nowMs(deps);
}

async function noteFailure(deps: IdentityDeps, user: UserRow): Promise<void> {
  const { lockoutFailureAttempts: maxFailures, lockoutDurationMs } = deps.config;
  if (maxFailures === null) return;
  const now = nowMs(deps);
  await countFailure(deps.db, user.id, { now, staleAt: now - lockoutDurationMs, maxFailures });
}

async function noteSuccess(deps: IdentityDeps, user: UserRow): Promise<void> {
  const now = nowMs(deps);
  const isActivityDue =
    deps.config.disableUserAccountDaysInactive !== null && (user.last_active_at ?? 0) + ACTIVITY_EVERY_MS <= now;
  await updateUser(deps.db, user.id, {
    ...(user.failed_auth_count > 0 ? { failed_auth_count: 0, failed_auth_at: null } : {}),
    ...(isActivityDue ? { last_active_at: now } : {}),
  });
}
