/**
 * Hosts as they were a moment ago: the everyday server, which asks for room and nothing else, gets its host without every
 * host being read for it.
 *
 * Theory of operation. What all hosts have free is read at most once in {@link FRESH_MS} for each size of servers, and what is
 * claimed here is taken off it at once, so that servers spread as if each had read it anew. Nobody relies on it: the
 * host that comes out is looked at itself before it is used, its room is taken by the claim, which the database decides,
 * and where nothing comes of it all hosts are read.
 */
import type { Clock } from '#kernel/clock.ts';
import type { Db } from '#kernel/db/database.ts';
import type { Liveness } from '../../hosts/liveness.ts';
import { findHost } from '../../hosts/store.ts';
import type { ComputePeers } from '../../peers.ts';
import type { ComputeTables } from '../../tables.ts';

/** Longer lets other controllers' claims and new hosts go unseen, shorter reads all hosts more often. */
const FRESH_MS = 1_000;
/** Sizes of servers kept at once: as many flavors as are asked for in one moment. */
const MAX_SIZES = 16;

interface Place {
  readonly hostId: string;
  readonly free: Record<string, number>;
  readonly capacity: Readonly<Record<string, number>>;
  /** The larger, the better. */
  spread: number;
}

interface Snapshot {
  readonly readMs: number;
  readonly places: readonly Place[];
}

export interface RecentHosts {
  /**
   * The host with the largest share of everything free, among those that had room a moment ago and are neither down nor disabled
   * now; undefined when the hosts must be read.
   */
  suggest(resources: Readonly<Record<string, number>>): Promise<string | undefined>;
  /** A host turned out to be of no use: it is not suggested again. */
  drop(hostId: string): void;
  /** Resources have been claimed of a host. */
  took(hostId: string, resources: Readonly<Record<string, number>>): void;
}

interface Deps {
  readonly db: Db<ComputeTables>;
  readonly clock: Clock;
  readonly liveness: Liveness;
  readonly placement: Pick<ComputePeers['placement'], 'listCandidates'>;
}

/** Builds it; nothing has been read yet. */
export function createRecentHosts(deps: Deps): RecentHosts {
  const snapshots = new Map<string, Snapshot>();

  async function snapshotOf(resources: Readonly<Record<string, number>>): Promise<Snapshot> {
    const key = JSON.stringify(resources);
    const known = snapshots.get(key);
    const nowMs = deps.clock.monotonicMs();
    if (known !== undefined && nowMs - known.readMs < FRESH_MS) return known;
    const candidates = await deps.placement.listCandidates(deps.db as Db, { resources });
    const places = candidates
      .filter(({ lacking }) => lacking.length === 0)
      .map(({ providerId, free, capacity }) => ({
        hostId: providerId,
        free: { ...free },
        capacity,
        spread: spreadOf(free, capacity),
      }));
    const snapshot = { readMs: nowMs, places };
    snapshots.delete(key);
    snapshots.set(key, snapshot);
    const [oldest] = snapshots.keys();
    if (snapshots.size > MAX_SIZES && oldest !== undefined) snapshots.delete(oldest);
    return snapshot;
  }

  async function isUsable(hostId: string): Promise<boolean> {
    const host = await findHost(deps.db, hostId);
    return host !== undefined && host.is_disabled === 0 && deps.liveness.isUp(host);
  }

  const self: RecentHosts = {
    async suggest(resources) {
      const { places } = await snapshotOf(resources);
      const best = bestOf(places, resources);
      if (best === undefined) return undefined;
      if (await isUsable(best.hostId)) return best.hostId;
      self.drop(best.hostId);
      return undefined;
    },
    drop(hostId) {
      for (const place of placesOf(hostId)) place.spread = Number.NEGATIVE_INFINITY;
    },
    took(hostId, resources) {
      for (const place of placesOf(hostId)) {
        for (const [name, amount] of Object.entries(resources)) place.free[name] = (place.free[name] ?? 0) - amount;
        if (place.spread !== Number.NEGATIVE_INFINITY) place.spread = spreadOf(place.free, place.capacity);
      }
    },
  };

  function placesOf(hostId: string): Place[] {
    return [...snapshots.values()].flatMap(({ places }) => places.find((place) => place.hostId === hostId) ?? []);
  }

  return self;
}

function bestOf(places: readonly Place[], resources: Readonly<Record<string, number>>): Place | undefined {
  const asked = Object.entries(resources);
  let best: Place | undefined;
  for (const place of places) {
    if (place.spread === Number.NEGATIVE_INFINITY || (best !== undefined && place.spread <= best.spread)) continue;
    if (asked.every(([name, amount]) => (place.free[name] ?? 0) >= amount)) best = place;
  }
  return best;
}

/** The order in which all hosts would be tried. @see choose.ts */
function spreadOf(free: Readonly<Record<string, number>>, capacity: Readonly<Record<string, number>>): number {
  const share = (name: string): number => ((capacity[name] ?? 0) === 0 ? 0 : (free[name] ?? 0) / (capacity[name] ?? 1));
  return share('MEMORY_MB') + share('VCPU') + share('DISK_GB');
}
