import { inTransaction } from '#kernel/db/transaction.ts';
import { BadRequest, Conflict, NotFound } from '#kernel/errors.ts';
import { newUuid } from '#kernel/ids.ts';
import { hasAllocations } from '../allocations/store.ts';
import type { PlacementDeps } from '../deps.ts';
import { features } from '../microversions.ts';
import { readMemberOf, readResources, readTraits } from '../queries.ts';
import { requireKnownClasses } from '../resource-classes/logic.ts';
import type { ProviderRow } from '../tables.ts';
import { requireKnownTraits } from '../traits/logic.ts';
import {
  deleteProvider,
  findProvider,
  getProvider,
  hasChildren,
  insertProvider,
  listProviders,
  listTree,
  setRoot,
  updateProvider,
} from './store.ts';

type Has = (feature: string) => boolean;

/** A UUID with its dashes, in lower case. */
export function canonicalUuid(text: string): string {
  const hex = text.replaceAll('-', '').toLowerCase();
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** @throws {Conflict} `placement.duplicate_name`; {BadRequest} for a parent that is not there. */
export async function createProvider(
  deps: PlacementDeps,
  body: { readonly name: string; readonly uuid?: string; readonly parent_provider_uuid?: string | null },
): Promise<ProviderRow> {
  const id = canonicalUuid(body.uuid ?? newUuid());
  const now = deps.clock.now().getTime();
  return inTransaction(deps.db, async (tx) => {
    const parentId = body.parent_provider_uuid ?? null;
    const failed = (reason: string): BadRequest =>
      new BadRequest(
        'placement.undefined_code',
        `Unable to create resource provider "${body.name}", ${id}: Object action create failed because: ${reason}`,
      );
    if (parentId === id)
      throw failed(
        'parent provider UUID cannot be same as UUID. Please set parent provider UUID to None if there is no parent.',
      );
    const parent = parentId === null ? undefined : await findProvider(tx, canonicalUuid(parentId));
    if (parentId !== null && parent === undefined) throw failed('parent provider UUID does not exist.');
    const row: ProviderRow = {
      id,
      name: body.name,
      generation: 0,
      parent_id: parent?.id ?? null,
      root_id: parent?.root_id ?? id,
      created_at: now,
      updated_at: now,
    };
    await insertProvider(tx, row);
    return row;
  });
}

export async function showProvider(deps: PlacementDeps, id: string): Promise<ProviderRow> {
  return getProvider(deps.db, id);
}

/** Renames or moves a provider. Moving away from a parent needs the microversion that allows it. */
export async function changeProvider(
  deps: PlacementDeps,
  id: string,
  change: { readonly name: string; readonly parentId: string | null | undefined; readonly allowsMoving: boolean },
): Promise<ProviderRow> {
  const now = deps.clock.now().getTime();
  return inTransaction(deps.db, async (tx) => {
    const row = await getProvider(tx, id);
    const tree = await listTree(tx, row.root_id);
    const below = descendants(tree, id);
    const failed = (action: string, reason: string): BadRequest =>
      new BadRequest(
        'placement.undefined_code',
        `Unable to save resource provider ${id}: Object action ${action} failed because: ${reason}`,
      );
    const parentId = change.parentId === undefined ? row.parent_id : change.parentId;
    if (parentId !== row.parent_id && row.parent_id !== null && !change.allowsMoving) {
      throw failed(
        'update',
        parentId === null
          ? 'un-parenting a provider is not currently allowed.'
          : 're-parenting a provider is not currently allowed.',
      );
    }
    const parent = parentId === null ? undefined : await findProvider(tx, canonicalUuid(parentId));
    if (parentId !== null && parent === undefined) throw failed('create', 'parent provider UUID does not exist.');
    if (parent !== undefined && (parent.id === id || below.includes(parent.id)))
      throw failed('update', 'creating loop in the provider tree is not allowed.');
    const rootId = parent?.root_id ?? id;
    const patch = { name: change.name, parent_id: parent?.id ?? null, root_id: rootId, updated_at: now };
    await updateProvider(tx, id, patch);
    await setRoot(tx, below, rootId);
    return { ...row, ...patch };
  });
}

function descendants(tree: readonly ProviderRow[], id: string): string[] {
  const found: string[] = [];
  const visit = (parentId: string): void => {
    for (const row of tree) {
      if (row.parent_id !== parentId || found.includes(row.id)) continue;
      found.push(row.id);
      visit(row.id);
    }
  };
  visit(id);
  return found;
}

/** @throws {Conflict} while it has allocations or children; {NotFound}. */
export async function removeProvider(deps: PlacementDeps, id: string): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    if ((await findProvider(tx, id)) === undefined)
      throw new NotFound('placement.undefined_code', `No resource provider with uuid ${id} found for delete`);
    if (await hasChildren(tx, id))
      throw new Conflict(
        'placement.resource_provider.cannot_delete_parent',
        `Unable to delete parent resource provider ${id}: It has child resource providers.`,
      );
    if (await hasAllocations(tx, id))
      throw new Conflict(
        'placement.resource_provider.inuse',
        `Unable to delete resource provider ${id}: Resource provider has allocations.`,
      );
    await deleteProvider(tx, id);
  });
}

export interface ListProvidersInput {
  readonly name?: string;
  readonly uuid?: string;
  readonly member_of?: string[];
  readonly resources?: string;
  readonly in_tree?: string;
  readonly required?: string[];
}

export async function findProviders(deps: PlacementDeps, query: ListProvidersInput, has: Has): Promise<ProviderRow[]> {
  const aggregates = readMemberOf(query.member_of ?? [], {
    many: has(features.manyMemberOf),
    forbidden: has(features.forbiddenAggregates),
  });
  const traits = readTraits(query.required ?? [], {
    forbidden: has(features.forbiddenTraits),
    any: has(features.anyTraits),
  });
  const resources = query.resources === undefined ? {} : readResources(query.resources);
  await requireKnownClasses(deps.db, Object.keys(resources), 'Invalid resource class in resources parameter: ');
  await requireKnownTraits(
    deps.db,
    [...traits.required.flat(), ...traits.forbidden],
    'Invalid trait(s) in "required" parameter: ',
  );
  const inTree = query.in_tree === undefined ? undefined : await findProvider(deps.db, canonicalUuid(query.in_tree));
  if (query.in_tree !== undefined && inTree === undefined) return [];
  return listProviders(deps.db, {
    id: query.uuid === undefined ? undefined : canonicalUuid(query.uuid),
    name: query.name,
    rootId: inTree?.root_id,
    anyTraits: traits.required,
    forbiddenTraits: traits.forbidden,
    anyAggregates: aggregates.required,
    forbiddenAggregates: aggregates.forbidden,
    resources,
  });
}
