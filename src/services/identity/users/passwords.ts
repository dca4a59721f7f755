import { createHash, randomBytes } from 'node:crypto';
import bcrypt from 'bcrypt';

/** Hashing of secrets. bcrypt works on the thread pool, never on the event loop. */
export interface Passwords {
  hash(secret: string): Promise<string>;
  /** Whether a secret belongs to a hash; takes the same time without a hash, and is then false. */
  verify(secret: string, hash: string | undefined): Promise<boolean>;
}

/** bcrypt looks at no more bytes than this. */
const BCRYPT_BYTES = 72;

/**
 * @param rounds bcrypt's cost; 12 for people, 4 for tests.
 */
export function createPasswords(rounds: number): Passwords {
  // A hash that nothing matches, so that an unknown user costs as much as a wrong password.
  const nobody = bcrypt.hash(randomBytes(24).toString('base64'), rounds);
  return {
    hash: (secret) => bcrypt.hash(bounded(secret), rounds),
    async verify(secret, hash) {
      if (hash !== undefined) return bcrypt.compare(bounded(secret), hash);
      await bcrypt.compare(bounded(secret), await nobody);
      return false;
    },
  };
}

/** Longer secrets are digested first, so that all of their bytes count; so are those with a NUL, where bcrypt would stop. */
function bounded(secret: string): string {
  if (Buffer.byteLength(secret) <= BCRYPT_BYTES && !secret.includes('\0')) return secret;
  return createHash('sha512').update(secret).digest('base64').slice(0, BCRYPT_BYTES);
}
