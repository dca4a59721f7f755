/** Finding all ways to serve request groups from trees of providers: a pure function. */
import { lackOf } from '../inventories/capacity.ts';
import type { InventoryRow, ProviderRow } from '../tables.ts';
import type { CandidatesQuery, RequestGroup } from './request.ts';

/** A provider with all that decides. */
export interface ProviderState {
  readonly row: ProviderRow;
  readonly inventories: ReadonlyMap<string, InventoryRow>;
  readonly traits: ReadonlySet<string>;
  readonly aggregates: ReadonlySet<string>;
}

export interface Solution {
  /** Amounts by provider and resource class. */
  readonly resources: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Providers by the suffix of the group that they serve. */
  readonly mappings: Readonly<Record<string, readonly string[]>>;
}

/** Ways tried in one tree before giving up on it: bounds what a wide tree with many groups may cost. */
const MAX_TRIED = 20_000;
const SHARING = 'MISC_SHARES_VIA_AGGREGATE';

/** One provider's part in serving a group. */
interface Part {
  readonly group: RequestGroup;
  readonly resources: readonly {
    readonly providerId: string;
    readonly resourceClass: string;
    readonly amount: number;
  }[];
  readonly providerIds: readonly string[];
}

/** Every solution, at most `query.limit` of them. */
export function solve(states: readonly ProviderState[], query: CandidatesQuery): Solution[] {
  const found: Solution[] = [];
  const sharing = states.filter((state) => state.traits.has(SHARING));
  for (const tree of Map.groupBy(states, (state) => state.row.root_id).values()) {
    if (found.length >= query.limit) break;
    const root = tree.find((state) => state.row.id === state.row.root_id);
    if (root === undefined || !hasTraits(root, query.rootTraits)) continue;
    for (const solution of solveTree(tree, withSharing(tree, sharing), query)) {
      if (found.length >= query.limit) break;
      found.push(solution);
    }
  }
  return found;
}

/** The tree's own providers and those that share into one of its aggregates. */
function withSharing(tree: readonly ProviderState[], sharing: readonly ProviderState[]): ProviderState[] {
  const aggregates = new Set(tree.flatMap((state) => [...state.aggregates]));
  const outside = sharing.filter(
    (state) => !tree.includes(state) && [...state.aggregates].some((id) => aggregates.has(id)),
  );
  return [...tree, ...outside];
}

function* solveTree(
  tree: readonly ProviderState[],
  reachable: readonly ProviderState[],
  query: CandidatesQuery,
): Generator<Solution> {
  const [only] = query.groups;
  if (query.groups.length === 1 && only?.suffix === '' && reachable.length === 1 && query.sameSubtrees.length === 0) {
    // The everyday request to an everyday host: there is one way or none.
    for (const part of single(only, tree)) yield combine([part]);
    return;
  }
  const options: Part[][] = query.groups.map((group) =>
    group.suffix === '' ? [...spread(group, tree, reachable)] : single(group, tree),
  );
  if (options.some((parts) => parts.length === 0)) return;
  const seen = new Set<string>();
  let tried = 0;
  for (const parts of product(options)) {
    tried += 1;
    if (tried > MAX_TRIED) return;
    if (!isAllowed(parts, reachable, query)) continue;
    const solution = combine(parts);
    // What a sharing provider serves alone belongs to the tree of its own.
    if (!tree.some((state) => solution.resources[state.row.id] !== undefined)) continue;
    const key = JSON.stringify(solution.resources);
    if (seen.has(key)) continue;
    seen.add(key);
    yield solution;
  }
}

/** One provider serves the whole group. */
function single(group: RequestGroup, tree: readonly ProviderState[]): Part[] {
  const isFit = (state: ProviderState): boolean =>
    hasTraits(state, group.traits) &&
    isMember(state, group) &&
    (group.inTree === undefined || tree.some(({ row }) => row.id === group.inTree)) &&
    Object.entries(group.resources).every(([name, amount]) => hasRoom(state, name, amount));
  return tree.filter(isFit).map((state) => ({
    group,
    providerIds: [state.row.id],
    resources: Object.entries(group.resources).map(([resourceClass, amount]) => ({
      providerId: state.row.id,
      resourceClass,
      amount,
    })),
  }));
}

/** Each resource class from whichever provider of the tree has it; the traits from any of them. */
function* spread(
  group: RequestGroup,
  tree: readonly ProviderState[],
  reachable: readonly ProviderState[],
): Generator<Part> {
  if (group.inTree !== undefined && !tree.some(({ row }) => row.id === group.inTree)) return;
  const root = tree.find(({ row }) => row.id === row.root_id);
  if (root === undefined || !tree.some((state) => isMember(state, group) || isMember(root, group))) return;
  const perClass = Object.entries(group.resources).map(([resourceClass, amount]) =>
    reachable
      .filter((state) => hasRoom(state, resourceClass, amount))
      .map((state) => ({ providerId: state.row.id, resourceClass, amount })),
  );
  if (perClass.some((choices) => choices.length === 0)) return;
  let tried = 0;
  for (const resources of product(perClass)) {
    tried += 1;
    if (tried > MAX_TRIED) return;
    const providerIds = [...new Set(resources.map(({ providerId }) => providerId))];
    const serving = reachable.filter((state) => providerIds.includes(state.row.id));
    const all = new Set(serving.flatMap((state) => [...state.traits]));
    const isFit =
      group.traits.required.every((any) => any.some((trait) => all.has(trait))) &&
      !group.traits.forbidden.some((trait) => all.has(trait)) &&
      serving.every((state) => isMember(state, group) || isMember(root, group));
    if (isFit) yield { group, resources, providerIds };
  }
}

function isAllowed(parts: readonly Part[], states: readonly ProviderState[], query: CandidatesQuery): boolean {
  const named = parts.filter(({ group }) => group.suffix !== '');
  const ids = named.filter(({ resources }) => resources.length > 0).flatMap(({ providerIds }) => providerIds);
  if (query.isolates && new Set(ids).size !== ids.length) return false;
  for (const suffixes of query.sameSubtrees) {
    const members = named.filter(({ group }) => suffixes.includes(group.suffix)).flatMap((part) => part.providerIds);
    if (!members.some((top) => members.every((id) => isBelow(id, top, states)))) return false;
  }
  return isRoomForAll(parts, states);
}

function isRoomForAll(parts: readonly Part[], states: readonly ProviderState[]): boolean {
  const sums = combine(parts).resources;
  return Object.entries(sums).every(([id, resources]) => {
    const state = states.find(({ row }) => row.id === id);
    return state !== undefined && Object.entries(resources).every(([name, amount]) => hasRoom(state, name, amount));
  });
}

function isBelow(id: string, top: string, states: readonly ProviderState[]): boolean {
  let at: string | null | undefined = id;
  for (let depth = 0; depth < 64 && at !== null && at !== undefined; depth++) {
    if (at === top) return true;
    const parentOf: string = at;
    at = states.find(({ row }) => row.id === parentOf)?.row.parent_id;
  }
  return false;
}

function combine(parts: readonly Part[]): Solution {
  const resources: Record<string, Record<string, number>> = {};
  for (const { providerId, resourceClass, amount } of parts.flatMap((part) => part.resources)) {
    const amounts = (resources[providerId] ??= {});
    amounts[resourceClass] = (amounts[resourceClass] ?? 0) + amount;
  }
  return { resources, mappings: Object.fromEntries(parts.map((part) => [part.group.suffix, part.providerIds])) };
}

function hasRoom(state: ProviderState, resourceClass: string, amount: number): boolean {
  const inventory = state.inventories.get(resourceClass);
  return inventory !== undefined && lackOf(inventory, amount) === undefined;
}

function hasTraits(state: ProviderState, traits: RequestGroup['traits']): boolean {
  return (
    traits.required.every((any) => any.some((trait) => state.traits.has(trait))) &&
    !traits.forbidden.some((trait) => state.traits.has(trait))
  );
}

function isMember(state: ProviderState, group: RequestGroup): boolean {
  return (
    group.aggregates.required.every((any) => any.some((id) => state.aggregates.has(id))) &&
    !group.aggregates.forbidden.some((id) => state.aggregates.has(id))
  );
}

function* product<T>(lists: readonly (readonly T[])[]): Generator<T[]> {
  const [first, ...rest] = lists;
  if (first === undefined) {
    yield [];
    return;
  }
  for (const item of first) for (const tail of product(rest)) yield [item, ...tail];
}
