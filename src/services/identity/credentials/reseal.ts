import type { Db } from '#kernel/db/database.ts';
import { type FernetKey, openFernet } from '../tokens/fernet.ts';
import { listSealed, replaceSealed } from './store.ts';
import type { CredentialTables } from './tables.ts';
import { createVault } from './vault.ts';

/** Credentials read at once; more would keep other requests waiting for longer. */
const PAGE = 200;

/**
 * Seals with the first key what only the others open. One that somebody changes meanwhile is left: whoever changed it
 * sealed it too.
 * @returns how many were sealed anew.
 * @throws {Error} when no key opens one.
 */
export async function resealCredentials(db: Db<CredentialTables>, keys: readonly FernetKey[]): Promise<number> {
  const vault = createVault({ keys: () => keys, reload: () => undefined });
  let after = '';
  let count = 0;
  for (;;) {
    const page = await listSealed(db, after, PAGE);
    for (const { id, sealed_blob } of page) {
      after = id;
      if (openFernet(keys.slice(0, 1), sealed_blob) !== undefined) continue;
      if (await replaceSealed(db, id, sealed_blob, vault.seal(vault.open(sealed_blob)))) count++;
    }
    if (page.length < PAGE) return count;
  }
}
