import type { Db } from '#kernel/db/database.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { BadRequest } from '#kernel/errors.ts';
import type { Heartbeat, HypervisorFacts } from '#protocol/hosts.ts';
import type { ComputeDeps } from '../deps.ts';
import { findHost, insertHost, updateHostBeat } from './store.ts';

/**
 * How many times a processor, and how much of the memory and disk, may be given to guests: nova's initial ratios for
 * processors and memory; a disk that is promised twice fails guests, so it is not.
 */
const ALLOCATION_RATIOS = { VCPU: 4, MEMORY_MB: 1, DISK_GB: 1 } as const;

/**
 * Takes a host's heartbeat: registers the host at the first one, keeps placement's provider equal to what it has.
 * @throws {BadRequest} `compute.host.id_mismatch` when the facts are another host's.
 */
export async function takeHeartbeat(deps: ComputeDeps, hostId: string, beat: Heartbeat): Promise<void> {
  if (beat.facts.id !== hostId)
    throw new BadRequest('compute.host.id_mismatch', `A heartbeat of host ${hostId} came with the facts of another.`);
  const nowMs = deps.clock.now().getTime();
  const hostname = await inTransaction(deps.db, async (tx) => {
    const known = await findHost(tx, hostId);
    if (known === undefined) return insertHost(tx, hostId, beat, nowMs);
    await updateHostBeat(tx, hostId, beat, nowMs);
    return known.hostname;
  });
  deps.liveness.heard(hostId);
  const db = deps.db as Db;
  await deps.placement.ensureProvider(db, { id: hostId, name: hostname });
  await deps.placement.setInventories(db, hostId, inventoriesOf(beat.facts.hypervisor));
  await deps.placement.setTraits(db, hostId, beat.facts.hypervisor.traits);
}

type Inventories = Readonly<
  Record<string, { total: number; reserved: number; max_unit: number; allocation_ratio: number }>
>;

/** @see nova/virt/libvirt/driver.py, update_provider_tree */
function inventoriesOf(facts: HypervisorFacts): Inventories {
  const one = (total: number, reserved: number, ratio: number) => ({
    total,
    reserved: Math.min(reserved, total),
    max_unit: total,
    allocation_ratio: ratio,
  });
  const all = {
    VCPU: one(facts.vcpus, 0, ALLOCATION_RATIOS.VCPU),
    MEMORY_MB: one(facts.memoryMib, facts.reservedMemoryMib, ALLOCATION_RATIOS.MEMORY_MB),
    DISK_GB: one(facts.diskGib, 0, ALLOCATION_RATIOS.DISK_GB),
  };
  // An inventory of nothing is none.
  return Object.fromEntries(Object.entries(all).filter(([, inventory]) => inventory.total > 0));
}
