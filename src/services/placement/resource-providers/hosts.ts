import type { Db } from '#kernel/db/database.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { type InventoryInput, isSame, setInventoriesOf, withDefaults } from '../inventories/logic.ts';
import { listInventories } from '../inventories/store.ts';
import { STANDARD_TRAITS } from '../standard-names.ts';
import type { PlacementTables } from '../tables.ts';
import { ensureCustomTraits, listProviderTraits, replaceProviderTraits } from '../traits/store.ts';
import { bumpGeneration, findProvider, getProvider, insertProvider, updateProvider } from './store.ts';

/** Makes sure that a host has its provider, under its present name. */
export async function ensureProvider(
  db: Db<PlacementTables>,
  host: { readonly id: string; readonly name: string },
  nowMs: number,
): Promise<void> {
  await inTransaction(db, async (tx) => {
    const found = await findProvider(tx, host.id);
    if (found?.name === host.name) return;
    if (found === undefined) {
      await insertProvider(tx, {
        id: host.id,
        name: host.name,
        generation: 0,
        parent_id: null,
        root_id: host.id,
        created_at: nowMs,
        updated_at: nowMs,
      });
      return;
    }
    const { parent_id, root_id } = found;
    await updateProvider(tx, host.id, { name: host.name, parent_id, root_id, updated_at: nowMs });
  });
}

/** Makes a host's inventories these; writes nothing when they already are. Classes in use stay until they are free. */
export async function setInventories(
  db: Db<PlacementTables>,
  providerId: string,
  wanted: Readonly<Record<string, InventoryInput>>,
  nowMs: number,
): Promise<void> {
  const full = Object.fromEntries(Object.entries(wanted).map(([name, input]) => [name, withDefaults(input)]));
  if (isSame(await listInventories(db, providerId), full)) return;
  await inTransaction(db, async (tx) => {
    await setInventoriesOf(tx, await getProvider(tx, providerId), full, nowMs);
  });
}

/** Makes a host's traits these, among those it reports itself; traits that an operator added (`CUSTOM_…`) stay. */
export async function setTraits(
  db: Db<PlacementTables>,
  providerId: string,
  names: readonly string[],
  nowMs: number,
): Promise<void> {
  const before = await listProviderTraits(db, providerId);
  const kept = before.filter((name) => name.startsWith('CUSTOM_'));
  const standard = new Set(STANDARD_TRAITS);
  const known = names.filter((name) => standard.has(name) || /^CUSTOM_[A-Z0-9_]{1,248}$/.test(name));
  const wanted = [...new Set([...known, ...kept])].toSorted();
  if (wanted.join() === before.toSorted().join()) return;
  await inTransaction(db, async (tx) => {
    await ensureCustomTraits(
      tx,
      wanted.filter((name) => name.startsWith('CUSTOM_')),
      nowMs,
    );
    await replaceProviderTraits(tx, providerId, wanted);
    await bumpGeneration(tx, [providerId], nowMs);
  });
}
