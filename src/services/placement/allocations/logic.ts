import type { Db } from '#kernel/db/database.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { BadRequest, Conflict, NotFound } from '#kernel/errors.ts';
import { isUuidLike } from '#kernel/ids.ts';
import type { PlacementDeps } from '../deps.ts';
import { lackOf } from '../inventories/capacity.ts';
import { listInventories } from '../inventories/store.ts';
import { findUnknownClass } from '../resource-classes/logic.ts';
import { canonicalUuid } from '../resource-providers/logic.ts';
import { getProvider, listProvidersById } from '../resource-providers/store.ts';
import type { AllocationRow, ConsumerRow, PlacementTables, ProviderRow } from '../tables.ts';
import { type ConsumerAllocations, type Refused, release, replaceAllocations } from './claim.ts';
import { findConsumer, listAllocationsAt, listAllocationsOf } from './store.ts';

/** Whose allocations they are when an old client does not say: the real service's configured default. */
const INCOMPLETE_OWNER = '00000000-0000-0000-0000-000000000000';

/** What one consumer asks for, in any microversion's form. */
export interface Wanted {
  readonly consumerId: string;
  readonly projectId: string | undefined;
  readonly userId: string | undefined;
  /** Null: it must be new; undefined: before 1.28, not looked at. */
  readonly generation: number | null | undefined;
  readonly consumerType: string | undefined;
  readonly resources: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/**
 * Replaces consumers' allocations, all or nothing.
 * @throws {BadRequest} for unknown providers and classes; {Conflict} for lack of room, and
 *   `placement.concurrent_update` when a consumer's generation is not the one given.
 */
export async function setAllocations(
  deps: PlacementDeps,
  wanted: readonly Wanted[],
  who: string | undefined,
): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    await requireConsumers(tx, wanted);
    await takeOrRefuse(tx, wanted, { who, nowMs: deps.clock.now().getTime() });
  });
}

/** @throws {Conflict} `placement.concurrent_update` when a consumer's generation is not the one given. */
export async function requireConsumers(tx: Db<PlacementTables>, wanted: readonly Wanted[]): Promise<void> {
  for (const one of wanted) await requireConsumerGeneration(tx, one);
}

/** The taking itself, in the caller's transaction. @throws {BadRequest}, {Conflict} as {@link setAllocations}. */
export async function takeOrRefuse(
  tx: Db<PlacementTables>,
  wanted: readonly Wanted[],
  { who, nowMs }: { readonly who: string | undefined; readonly nowMs: number },
): Promise<void> {
  await requireProviders(tx, wanted);
  const classes = wanted.flatMap((one) => Object.values(one.resources).flatMap(Object.keys));
  const unknown = await findUnknownClass(tx, classes);
  if (unknown !== undefined)
    throw new BadRequest(
      'placement.undefined_code',
      `Unable to allocate inventory${who === undefined ? '' : ` for consumer ${who}:`} No such resource class ${unknown}.`,
    );
  const refusal = await replaceAllocations(tx, wanted.map(complete), nowMs);
  if (refusal !== undefined) throw await refusalOf(tx, refusal, wanted);
}

async function requireConsumerGeneration(tx: Db<PlacementTables>, wanted: Wanted): Promise<void> {
  if (wanted.generation === undefined) return;
  const found = await findConsumer(tx, wanted.consumerId);
  if ((found?.generation ?? null) === wanted.generation) return;
  const message =
    found === undefined
      ? `consumer generation conflict - expected null but got ${wanted.generation}`
      : `consumer generation conflict - expected ${found.generation} but got ${wanted.generation ?? 'None'}`;
  throw new Conflict('placement.concurrent_update', message);
}

async function requireProviders(tx: Db<PlacementTables>, wanted: readonly Wanted[]): Promise<void> {
  const ids = [...new Set(wanted.flatMap((one) => Object.keys(one.resources)))];
  const found = new Set((await listProvidersById(tx, ids)).map((row) => row.id));
  const missing = ids.find((id) => !found.has(id));
  if (missing !== undefined)
    throw new BadRequest(
      'placement.undefined_code',
      `Allocation for resource provider '${missing}' that does not exist.`,
    );
}

function complete(wanted: Wanted): ConsumerAllocations {
  return {
    consumerId: wanted.consumerId,
    projectId: wanted.projectId ?? INCOMPLETE_OWNER,
    userId: wanted.userId ?? INCOMPLETE_OWNER,
    consumerType: wanted.consumerType,
    resources: wanted.resources,
  };
}

async function refusalOf(tx: Db<PlacementTables>, refused: Refused, wanted: readonly Wanted[]): Promise<Conflict> {
  const { providerId, resourceClass } = refused;
  const row = (await listInventories(tx, providerId)).find((one) => one.resource_class === resourceClass);
  const amount = Math.max(...wanted.map((one) => one.resources[providerId]?.[resourceClass] ?? 0));
  const prefix = 'Unable to allocate inventory: ';
  if (row === undefined)
    return new Conflict(
      'placement.undefined_code',
      `${prefix}Inventory for '${resourceClass}' on resource provider '${providerId}' invalid.`,
    );
  const why =
    lackOf({ ...row, used: 0 }, amount) === 'constraints' ? 'violate inventory constraints' : 'exceed the capacity';
  return new Conflict(
    'placement.undefined_code',
    `${prefix}Unable to create allocation for '${resourceClass}' on resource provider '${providerId}'. The requested amount would ${why}.`,
  );
}

/** @throws {BadRequest} unless it is a UUID. */
export function consumerIdOf(text: string): string {
  if (!isUuidLike(text)) throw new BadRequest('placement.undefined_code', `Malformed consumer_uuid: ${text}`);
  return canonicalUuid(text);
}

export interface ConsumerHoldings {
  readonly consumer: ConsumerRow | undefined;
  readonly allocations: readonly AllocationRow[];
  readonly providers: readonly ProviderRow[];
}

export async function showAllocations(deps: PlacementDeps, consumerId: string): Promise<ConsumerHoldings> {
  const allocations = await listAllocationsOf(deps.db, consumerId);
  const providers = await listProvidersById(deps.db, [...new Set(allocations.map((row) => row.provider_id))]);
  return { consumer: await findConsumer(deps.db, consumerId), allocations, providers };
}

export async function showProviderAllocations(
  deps: PlacementDeps,
  providerId: string,
): Promise<{ provider: ProviderRow; allocations: (AllocationRow & { generation: number | null })[] }> {
  return {
    provider: await getProvider(deps.db, providerId),
    allocations: await listAllocationsAt(deps.db, providerId),
  };
}

/** @throws {NotFound} when the consumer holds nothing. */
export async function deleteAllocations(deps: PlacementDeps, consumerId: string): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    if ((await listAllocationsOf(tx, consumerId)).length === 0)
      throw new NotFound('placement.undefined_code', `No allocations for consumer '${consumerId}'`);
    await release(tx, consumerId, deps.clock.now().getTime());
  });
}
