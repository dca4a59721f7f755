import { badBody, invalidInput, notFound } from '../errors.ts';
import type { WireObject, Write } from '../resources/resource.ts';
import { tagsOf, touchRow } from '../resources/store.ts';
import { shown } from '../resources/types.ts';
import type { NetworkTables } from '../tables.ts';
import { setTags } from './store.ts';

/** Longest tag. */
const MAX_TAG = 60;
/** Tags of one resource. */
const MAX_TAGS = 100;

/** @throws {BadRequest} unless the body is a list of tags that may be. */
export function readTags(given: unknown): string[] {
  if (!Array.isArray(given)) throw badBody('Invalid tags body');
  if (given.length > MAX_TAGS) throw invalidInput(`A resource may have no more than ${MAX_TAGS} tags`);
  return [...new Set(given.map(checkTag))];
}

export function checkTag(tag: unknown): string {
  if (typeof tag !== 'string' || tag === '' || tag.includes('\0'))
    throw invalidInput(`'${shown(tag)}' is not a valid tag`);
  if (tag.length > MAX_TAG) throw invalidInput(`'${tag.slice(0, 100)}' exceeds maximum length of ${MAX_TAG}`);
  return tag;
}

/** Replaces, adds or takes away tags. @returns the tags then. */
export async function changeTags(
  write: Write,
  table: keyof NetworkTables,
  item: WireObject,
  change: { readonly set: readonly string[] } | { readonly add: string } | { readonly remove: string },
): Promise<readonly string[]> {
  const current = (await tagsOf(write.tx, [item.id])).get(item.id) ?? [];
  const next =
    'set' in change
      ? change.set
      : 'add' in change
        ? [...new Set([...current, change.add])]
        : without(current, change.remove);
  if (next.length > MAX_TAGS) throw invalidInput(`A resource may have no more than ${MAX_TAGS} tags`);
  await setTags(write.tx, item.id, next);
  await touchRow(write.tx, table, item.id, write.deps.clock.now().getTime());
  return next.toSorted();
}

function without(current: readonly string[], tag: string): readonly string[] {
  if (!current.includes(tag)) throw tagNotFound(tag);
  return current.filter((other) => other !== tag);
}

export function tagNotFound(tag: string) {
  return notFound('TagNotFound', `Tag ${tag} could not be found.`);
}
