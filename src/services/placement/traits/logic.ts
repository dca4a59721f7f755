import type { Db } from '#kernel/db/database.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { BadRequest, Conflict, NotFound } from '#kernel/errors.ts';
import type { PlacementDeps } from '../deps.ts';
import { raiseOrConflict } from '../inventories/logic.ts';
import { getProvider } from '../resource-providers/store.ts';
import { STANDARD_TRAITS } from '../standard-names.ts';
import type { PlacementTables, ProviderRow } from '../tables.ts';
import {
  deleteCustomTrait,
  ensureCustomTraits,
  isTraitInUse,
  listCustomTraits,
  listProviderTraits,
  listUsedTraits,
  replaceProviderTraits,
} from './store.ts';

const STANDARD = new Set(STANDARD_TRAITS);

async function findUnknownTraits(db: Db<PlacementTables>, names: readonly string[]): Promise<string[]> {
  const unusual = names.filter((name) => !STANDARD.has(name));
  if (unusual.length === 0) return [];
  const custom = new Set(await listCustomTraits(db));
  return unusual.filter((name) => !custom.has(name));
}

/** @throws {BadRequest} naming the traits that nobody knows, after the given words. */
export async function requireKnownTraits(
  db: Db<PlacementTables>,
  names: readonly string[],
  words: string,
): Promise<void> {
  const unknown = await findUnknownTraits(db, names);
  if (unknown.length > 0)
    throw new BadRequest('placement.undefined_code', `${words}No such trait(s): ${unknown.join(', ')}.`);
}

/** @throws {NotFound}. */
export async function requireTrait(db: Db<PlacementTables>, name: string): Promise<void> {
  if ((await findUnknownTraits(db, [name])).length > 0)
    throw new NotFound('placement.undefined_code', `No such trait(s): ${name}.`);
}

/**
 * Lists traits: `name` is `startswith:PREFIX` or `in:A,B`.
 * @throws {BadRequest} for any other form.
 */
export async function listTraits(
  db: Db<PlacementTables>,
  query: { readonly name?: string; readonly associated?: string },
): Promise<string[]> {
  const all = [...STANDARD_TRAITS, ...(await listCustomTraits(db))];
  const named = query.name === undefined ? all : all.filter(nameFilter(query.name));
  if (query.associated === undefined) return named;
  const wanted = query.associated.toLowerCase();
  if (wanted !== 'true' && wanted !== 'false')
    throw new BadRequest('placement.undefined_code', 'The query parameter "associated" only accepts "true" or "false"');
  const used = new Set(await listUsedTraits(db));
  return named.filter((trait) => used.has(trait) === (wanted === 'true'));
}

function nameFilter(text: string): (trait: string) => boolean {
  const split = text.indexOf(':');
  const [operator, value] = [text.slice(0, split), text.slice(split + 1)];
  if (operator === 'startswith') return (trait) => trait.startsWith(value);
  if (operator === 'in') {
    const names = new Set(value.split(','));
    return (trait) => names.has(trait);
  }
  throw new BadRequest(
    'placement.undefined_code',
    `Badly formatted name parameter. Expected name query string parameter in form: ?name=[in|startswith]:[name1,name2|prefix]. Got: "${text}"`,
  );
}

/** Returns whether it is new. @throws {BadRequest} unless it is a custom one. */
export async function ensureTrait(deps: PlacementDeps, name: string): Promise<boolean> {
  if (!/^CUSTOM_[A-Z0-9_]+$/.test(name) || name.length > 255)
    throw new BadRequest(
      'placement.undefined_code',
      'The trait is invalid. A valid trait must be no longer than 255 characters, start with the prefix "CUSTOM_" and use following characters: "A"-"Z", "0"-"9" and "_"',
    );
  return (await ensureCustomTraits(deps.db, [name], deps.clock.now().getTime())) === 1;
}

export async function removeTrait(deps: PlacementDeps, name: string): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    await requireTrait(tx, name);
    if (STANDARD.has(name)) throw new BadRequest('placement.undefined_code', `Cannot delete standard trait ${name}.`);
    if (await isTraitInUse(tx, name))
      throw new Conflict('placement.undefined_code', `The trait ${name} is in use by a resource provider.`);
    await deleteCustomTrait(tx, name);
  });
}

export interface ProviderTraits {
  readonly provider: ProviderRow;
  readonly traits: readonly string[];
}

export async function showProviderTraits(deps: PlacementDeps, providerId: string): Promise<ProviderTraits> {
  return { provider: await getProvider(deps.db, providerId), traits: await listProviderTraits(deps.db, providerId) };
}

/** @throws {Conflict} `placement.concurrent_update`; {BadRequest} for unknown traits. */
export async function changeProviderTraits(
  deps: PlacementDeps,
  providerId: string,
  wanted: { readonly traits: readonly string[]; readonly generation: number | undefined },
): Promise<ProviderTraits> {
  const traits = [...new Set(wanted.traits)].toSorted();
  return inTransaction(deps.db, async (tx) => {
    const provider = await getProvider(tx, providerId);
    if (wanted.generation !== undefined && wanted.generation !== provider.generation)
      throw new Conflict(
        'placement.concurrent_update',
        "Resource provider's generation already changed. Please update the generation and try again.",
      );
    const unknown = await findUnknownTraits(tx, traits);
    if (unknown.length > 0) throw new BadRequest('placement.undefined_code', `No such trait ${unknown.join(', ')}`);
    await replaceProviderTraits(tx, providerId, traits);
    return { provider: await raiseOrConflict(tx, provider, deps.clock.now().getTime()), traits };
  });
}
