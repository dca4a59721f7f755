import { inTransaction } from '#kernel/db/transaction.ts';
import type { ComputeDeps } from '../deps.ts';
import { findFlavor, insertFlavor, setExtraSpecs } from './store.ts';

/** Flavors that every installation has by custom: id, name, memory (MiB), disk (GiB), virtual processors. */
const DEFAULT_FLAVORS = [
  ['1', 'm1.tiny', 512, 1, 1],
  ['2', 'm1.small', 2048, 20, 1],
  ['3', 'm1.medium', 4096, 40, 2],
  ['4', 'm1.large', 8192, 80, 4],
  ['5', 'm1.xlarge', 16_384, 160, 8],
  ['42', 'm1.nano', 128, 1, 1],
  ['84', 'm1.micro', 192, 1, 1],
  ['c1', 'cirros256', 256, 1, 1],
  ['d1', 'ds512M', 512, 5, 1],
  ['d2', 'ds1G', 1024, 10, 1],
  ['d3', 'ds2G', 2048, 10, 2],
  ['d4', 'ds4G', 4096, 20, 4],
] as const;

/** Makes the customary flavors, leaving alone any that is there already. Safe to repeat. */
export async function ensureDefaultFlavors({ db, clock }: Pick<ComputeDeps, 'db' | 'clock'>): Promise<void> {
  const createdAt = clock.now().getTime();
  await inTransaction(db, async (tx) => {
    for (const [id, name, memoryMib, rootGib, vcpus] of DEFAULT_FLAVORS) {
      if ((await findFlavor(tx, id, null)) !== undefined) continue;
      await insertFlavor(tx, {
        id,
        name,
        memory_mib: memoryMib,
        vcpus,
        root_gib: rootGib,
        ephemeral_gib: 0,
        swap_mib: 0,
        rxtx_factor: 1,
        is_public: 1,
        is_disabled: 0,
        description: null,
        created_at: createdAt,
      });
      await setExtraSpecs(tx, id, { 'hw_rng:allowed': 'True' });
    }
  });
}
