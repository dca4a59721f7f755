import type { Db } from '#kernel/db/database.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { bumpGeneration } from '../resource-providers/store.ts';
import type { ConsumerRow, PlacementTables } from '../tables.ts';
import {
  deleteConsumer,
  findConsumer,
  insertAllocations,
  insertConsumer,
  listAllocationsOf,
  returnAllocations,
  takeFromInventory,
  updateConsumer,
} from './store.ts';

/** What one consumer is to hold: the whole of it, replacing what it held. */
export interface ConsumerAllocations {
  readonly consumerId: string;
  readonly projectId: string;
  readonly userId: string;
  /** Absent leaves what is there. */
  readonly consumerType?: string | undefined;
  /** Amounts by provider and resource class; none gives everything back. */
  readonly resources: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** The inventory that had not enough. */
export interface Refused {
  readonly providerId: string;
  readonly resourceClass: string;
}

class RefusedError extends Error {
  readonly refused: Refused;
  constructor(refused: Refused) {
    super(`no room for ${refused.resourceClass} at ${refused.providerId}`);
    this.refused = refused;
  }
}

/**
 * Replaces what consumers hold, all or nothing, in one transaction (the caller's, who must then roll it back when
 * refused). Races are decided by the inventories:
 * each amount is taken by one conditional update.
 * @returns undefined when done, or the first inventory without room.
 */
export async function replaceAllocations(
  db: Db<PlacementTables>,
  all: readonly ConsumerAllocations[],
  nowMs: number,
): Promise<Refused | undefined> {
  try {
    await inTransaction(db, (tx) => replaceInside(tx, all, nowMs));
    return undefined;
  } catch (error) {
    if (error instanceof RefusedError) return error.refused;
    throw error;
  }
}

async function replaceInside(
  tx: Db<PlacementTables>,
  all: readonly ConsumerAllocations[],
  nowMs: number,
): Promise<void> {
  const touched = new Set<string>();
  // What is given back first may be what another one of the same request needs.
  for (const { consumerId } of all)
    for (const row of await returnAllocations(tx, consumerId)) touched.add(row.provider_id);
  for (const wanted of all) for (const id of await takeAll(tx, wanted, nowMs)) touched.add(id);
  await bumpGeneration(tx, [...touched], nowMs);
}

async function takeAll(tx: Db<PlacementTables>, wanted: ConsumerAllocations, nowMs: number): Promise<string[]> {
  const providers = Object.entries(wanted.resources);
  await saveConsumer(tx, wanted, nowMs);
  for (const [providerId, resources] of providers) {
    for (const [resourceClass, amount] of Object.entries(resources)) {
      if (!(await takeFromInventory(tx, { providerId, resourceClass, amount })))
        throw new RefusedError({ providerId, resourceClass });
    }
  }
  const rows = providers.flatMap(([providerId, resources]) =>
    Object.entries(resources).map(([resourceClass, used]) => ({
      consumer_id: wanted.consumerId,
      provider_id: providerId,
      resource_class: resourceClass,
      used,
      created_at: nowMs,
    })),
  );
  await insertAllocations(tx, rows);
  return providers.map(([providerId]) => providerId);
}

async function saveConsumer(tx: Db<PlacementTables>, wanted: ConsumerAllocations, nowMs: number): Promise<void> {
  const before = await findConsumer(tx, wanted.consumerId);
  const isEmpty = Object.keys(wanted.resources).length === 0;
  if (isEmpty) return deleteConsumer(tx, wanted.consumerId);
  const row: ConsumerRow = {
    id: wanted.consumerId,
    project_id: wanted.projectId,
    user_id: wanted.userId,
    consumer_type: wanted.consumerType ?? before?.consumer_type ?? null,
    generation: (before?.generation ?? 0) + 1,
    created_at: before?.created_at ?? nowMs,
    updated_at: nowMs,
  };
  if (before === undefined) return insertConsumer(tx, row);
  await updateConsumer(tx, row, before.generation);
}

/** One server's resources on one host. */
export interface Claim {
  readonly consumerId: string;
  readonly projectId: string;
  readonly userId: string;
  readonly providerId: string;
  readonly resources: Readonly<Record<string, number>>;
}

/**
 * Claims resources of one provider for a consumer. Claiming the same again changes nothing; claiming elsewhere or other
 * amounts moves the claim.
 * Not to be called inside a transaction, which a refusal could not take back.
 * @returns false when there is no room; nothing has then changed.
 */
export async function claim(db: Db<PlacementTables>, wanted: Claim, nowMs: number): Promise<boolean> {
  if (db.isTransaction) throw new Error('a claim needs a transaction of its own');
  const held = await listAllocationsOf(db, wanted.consumerId);
  const wants = Object.entries(wanted.resources).filter(([, amount]) => amount > 0);
  const isHeld =
    held.length === wants.length &&
    held.every((row) => row.provider_id === wanted.providerId && wanted.resources[row.resource_class] === row.used);
  if (isHeld) return true;
  const refused = await replaceAllocations(
    db,
    [
      {
        consumerId: wanted.consumerId,
        projectId: wanted.projectId,
        userId: wanted.userId,
        consumerType: 'INSTANCE',
        resources: { [wanted.providerId]: Object.fromEntries(wants) },
      },
    ],
    nowMs,
  );
  return refused === undefined;
}

/** Gives back all that a consumer holds; nothing when it holds nothing. Joins the caller's transaction. */
export async function release(db: Db<PlacementTables>, consumerId: string, nowMs: number): Promise<void> {
  await inTransaction(db, async (tx) => {
    const held = await returnAllocations(tx, consumerId);
    await deleteConsumer(tx, consumerId);
    await bumpGeneration(tx, [...new Set(held.map((row) => row.provider_id))], nowMs);
  });
}
