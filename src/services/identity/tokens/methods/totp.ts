import { createHmac, timingSafeEqual } from 'node:crypto';
import { listCredentials } from '../../credentials/store.ts';
import { nowMs } from '../../deps.ts';
import { missing, unauthorized } from '../../errors.ts';
import { checkSecondFactor } from '../../users/authenticate.ts';
import type { AuthMethod } from './method.ts';
import { findNamedUser } from './users.ts';

const STEP_MS = 30_000;
const DIGITS = 6;
/** Credentials of one user that are tried. */
const MAX_CREDENTIALS = 16;

/** A code of six digits from a device that shares a secret with one of the user's `totp` credentials. */
export const totpMethod: AuthMethod = async (deps, auth) => {
  const named = auth.identity.totp?.user;
  if (named === undefined) throw missing('user', 'totp');
  const user = await findNamedUser(deps, named);
  const query = { filters: [], userId: user?.id ?? '', type: 'totp', limit: MAX_CREDENTIALS };
  const secrets = (await listCredentials(deps.db, query)).map((row) => deps.vault.open(row.sealed_blob));
  const now = nowMs(deps);
  const windows = Array.from({ length: deps.config.totpIncludedPreviousWindows + 1 }, (_, i) => now - i * STEP_MS);
  const isRight = secrets.some((secret) => windows.some((at) => isSame(totpAt(secret, at), named.passcode ?? '')));
  if (user === undefined) throw unauthorized('totp');
  await checkSecondFactor(deps, user, isRight);
  return { userId: user.id };
};

/** The code of a moment; empty for a secret that is not base32. @see https://www.rfc-editor.org/rfc/rfc6238 */
export function totpAt(secret: string, ms: number): string {
  const key = fromBase32(secret);
  if (key === undefined) return '';
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(ms / STEP_MS)));
  const mac = createHmac('sha1', key).update(counter).digest();
  const at = (mac.at(-1) ?? 0) & 0xf;
  return String((mac.readUInt32BE(at) & 0x7fff_ffff) % 10 ** DIGITS).padStart(DIGITS, '0');
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

function fromBase32(text: string): Buffer | undefined {
  const clean = text.trim().replace(/=+$/, '').toUpperCase();
  if (!/^[A-Z2-7]+$/.test(clean)) return undefined;
  const bits = clean.replace(/./g, (c) => ALPHABET.indexOf(c).toString(2).padStart(5, '0'));
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}

function isSame(expected: string, given: string): boolean {
  const [a, b] = [Buffer.from(expected), Buffer.from(given)];
  return a.length > 0 && a.length === b.length && timingSafeEqual(a, b);
}
