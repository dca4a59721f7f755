import type { Db } from '#kernel/db/database.ts';
import { createVault } from './credentials/vault.ts';
import { type SealedPlace, sealedPlaces } from './store/sealed.ts';
import type { IdentityTables } from './tables.ts';
import { type FernetKey, openFernet } from './tokens/fernet.ts';

/** Secrets read at once; more would keep other requests waiting for longer. */
const PAGE = 200;

/**
 * Seals with the first key what only the others open. A secret that somebody changes meanwhile is left: whoever changed it
 * sealed it too.
 * @returns how many were sealed anew.
 * @throws {Error} when no key opens one.
 */
export async function resealSecrets(db: Db<IdentityTables>, keys: readonly FernetKey[]): Promise<number> {
  let count = 0;
  for (const place of sealedPlaces(db)) count += await resealPlace(place, keys);
  return count;
}

async function resealPlace(place: SealedPlace, keys: readonly FernetKey[]): Promise<number> {
  const vault = createVault({ keys: () => keys, reload: () => undefined });
  let after = '';
  let count = 0;
  for (;;) {
    const page = await place.list(after, PAGE);
    for (const text of page) {
      after = text.id;
      if (openFernet(keys.slice(0, 1), text.sealed) !== undefined) continue;
      if (await place.replace(text, vault.seal(vault.open(text.sealed)))) count++;
    }
    if (page.length < PAGE) return count;
  }
}
