/** The keys of identity: three folders below its data, which every controller over one database has alike. */
import { join } from 'node:path';
import type { Db } from '#kernel/db/database.ts';
import { resealSecrets } from './reseal.ts';
import type { IdentityTables } from './tables.ts';
import { FERNET_KEYS, type FernetKey } from './tokens/fernet.ts';
import { JWS_KEY_KIND, type JwsKey } from './tokens/jws.ts';
import { type KeyRepository, openKeyRepository } from './tokens/key-repository.ts';

/**
 * Keys kept that open credentials. All are sealed anew at each rotation, so older ones are for controllers that have not seen
 * it yet and still seal with the one before, and for what other services keep sealed for a while, which no rotation touches.
 * Fewer than rotations in that while would lose it.
 */
const MAX_CREDENTIAL_KEYS = 10;

export interface IdentityKeys {
  /** For sealed tokens. */
  readonly fernet: KeyRepository<FernetKey>;
  /** For signed tokens. */
  readonly jws: KeyRepository<JwsKey>;
  /** For secrets in the database. */
  readonly credentials: KeyRepository<FernetKey>;
  /** Reads all folders again. */
  reload(): void;
}

/**
 * Opens the folders below `<dataDir>/identity`, making what is missing. Both kinds of keys for tokens are always there, so
 * that a cloud can go from one to the other while its controllers start anew one by one.
 * @throws {Error} when a folder cannot be read or holds something else.
 */
export async function openIdentityKeys(dataDir: string, maxActiveKeys: number): Promise<IdentityKeys> {
  const folder = (name: string): string => join(dataDir, 'identity', name);
  const fernet = await openKeyRepository(folder('fernet-keys'), maxActiveKeys, FERNET_KEYS);
  const jws = await openKeyRepository(folder('jws-keys'), maxActiveKeys, JWS_KEY_KIND);
  const credentials = await openKeyRepository(folder('credential-keys'), MAX_CREDENTIAL_KEYS, FERNET_KEYS);
  return {
    fernet,
    jws,
    credentials,
    reload() {
      for (const repository of [fernet, jws, credentials]) repository.reload();
    },
  };
}

/** Seals new tokens with the staged keys and stages others; tokens made with the oldest end. */
export async function rotateTokenKeys(keys: IdentityKeys): Promise<void> {
  await keys.fernet.rotate();
  await keys.jws.rotate();
}

/**
 * Seals all secrets in the database with a new key: credentials, OAuth1's, and domains' options.
 *
 * Theory of operation. Before the rotation all are sealed with the newest key, so that the one that is dropped opens nothing
 * any more; after it once more, with the new one. Controllers have known that key since it was staged. A crash in between
 * leaves secrets under two keys that both are there; the next rotation begins with them.
 * @returns how many were sealed anew.
 */
export async function rotateCredentialKeys(db: Db<IdentityTables>, keys: IdentityKeys): Promise<number> {
  keys.credentials.reload();
  await resealSecrets(db, keys.credentials.keys());
  await keys.credentials.rotate();
  return resealSecrets(db, keys.credentials.keys());
}
