/**
 * Placement: who has how much of what, who holds how much of it, and the atomic claim that decides between two who want
 * the same.
 *
 * Theory of operation. An inventory's `used` is the sum of its allocations and changes in their transaction, so that a
 * claim is one conditional update per resource class: the database decides races, without retries.
 */

import { createPolicy } from '#kernel/auth/policy.ts';
import type { Db } from '#kernel/db/database.ts';
import { createServiceApp } from '#kernel/http/service-app.ts';
import type { Service, ServiceDeps } from '#kernel/service.ts';
import { aggregateRoutes } from './aggregates/routes.ts';
import { type Candidate, type CandidateRequest, listCandidates } from './allocation-candidates/candidates.ts';
import { allocationCandidateRoutes } from './allocation-candidates/routes.ts';
import { type Claim, claim, release } from './allocations/claim.ts';
import { allocationRoutes } from './allocations/routes.ts';
import type { PlacementDeps } from './deps.ts';
import { microversionRange, placementStyle } from './errors.ts';
import type { InventoryInput } from './inventories/logic.ts';
import { inventoryRoutes } from './inventories/routes.ts';
import { placementOrphans } from './operations/orphans.ts';
import { placementPolicy } from './policy.ts';
import { reshaperRoutes } from './reshaper/routes.ts';
import { resourceClassRoutes } from './resource-classes/routes.ts';
import { ensureProvider, setInventories, setTraits } from './resource-providers/hosts.ts';
import { resourceProviderRoutes } from './resource-providers/routes.ts';
import { rootRoutes } from './root.ts';
import type { PlacementTables } from './tables.ts';
import { traitRoutes } from './traits/routes.ts';
import { usageRoutes } from './usages/routes.ts';
import { usageOf } from './usages/store.ts';

export type { Candidate, CandidateRequest } from './allocation-candidates/candidates.ts';
export { placementMigrations } from './tables.ts';

/** What the controller's other services may ask of placement; all but `claim` may be called inside a transaction. */
export interface PlacementService extends Service {
  /** Makes sure that a host has its provider, under its present name. */
  ensureProvider(db: Db, host: { readonly id: string; readonly name: string }): Promise<void>;
  /** Makes a host's inventories these; writes only what changed. @throws {Conflict} when a class that must go is in use. */
  setInventories(db: Db, providerId: string, inventories: Readonly<Record<string, InventoryInput>>): Promise<void>;
  /** Makes a host's traits these; an operator's own custom traits stay. */
  setTraits(db: Db, providerId: string, names: readonly string[]): Promise<void>;
  /** The scheduler's view: every provider with what it has free and, when it does not fit, what it lacks. */
  listCandidates(db: Db, request: CandidateRequest): Promise<Candidate[]>;
  /** Claims resources of one provider, all or nothing; repeating the same claim changes nothing. False: no room. */
  claim(db: Db, wanted: Claim): Promise<boolean>;
  /** Gives back all that a consumer holds; nothing when it holds nothing. */
  release(db: Db, consumerId: string): Promise<void>;
  /** How much of each of a provider's inventories is taken. */
  usageOf(db: Db, providerId: string): Promise<Record<string, number>>;
}

/**
 * Builds placement; it does not listen yet.
 * @param deps.listLivingServers Which of these servers are there: who has claimed and is not is an orphan. Without it none is looked for.
 */
export function createPlacementService(
  deps: ServiceDeps & { readonly listLivingServers?: (ids: readonly string[]) => Promise<ReadonlySet<string>> },
): PlacementService {
  const policy = createPolicy({
    rules: placementPolicy,
    file: `${deps.settings.configDir}/placement/policy.yaml`,
    log: deps.log,
    monotonicMs: () => deps.clock.monotonicMs(),
    refusal: (rule) => `Policy does not allow ${rule} to be performed.`,
  });
  const own: PlacementDeps = { db: deps.db as Db<PlacementTables>, clock: deps.clock, policy };
  const app = createServiceApp({
    type: 'placement',
    routes: [
      ...rootRoutes(),
      ...resourceProviderRoutes(own),
      ...inventoryRoutes(own),
      ...traitRoutes(own),
      ...resourceClassRoutes(own),
      ...aggregateRoutes(own),
      ...usageRoutes(own),
      ...allocationRoutes(own),
      ...allocationCandidateRoutes(own),
      ...reshaperRoutes(own),
    ],
    style: placementStyle,
    policy,
    microversions: microversionRange,
    authenticator: deps.authenticator,
    publicUrl: deps.settings.publicUrls['placement'] ?? '',
    identityUrl: deps.settings.publicUrls['identity'] ?? '',
    clock: deps.clock,
    log: deps.log,
    metrics: deps.metrics,
  });
  const nowMs = (): number => deps.clock.now().getTime();
  const typed = (db: Db): Db<PlacementTables> => db as Db<PlacementTables>;
  return {
    type: 'placement',
    app,
    operations: {
      explain: async () => undefined,
      orphans: deps.listLivingServers === undefined ? [] : placementOrphans(own, deps.listLivingServers),
    },
    ensureProvider: (db, host) => ensureProvider(typed(db), host, nowMs()),
    setInventories: (db, id, inventories) => setInventories(typed(db), id, inventories, nowMs()),
    setTraits: (db, id, names) => setTraits(typed(db), id, names, nowMs()),
    listCandidates: (db, request) => listCandidates(typed(db), request),
    claim: (db, wanted) => claim(typed(db), wanted, nowMs()),
    release: (db, consumerId) => release(typed(db), consumerId, nowMs()),
    usageOf: (db, providerId) => usageOf(typed(db), providerId),
  };
}
