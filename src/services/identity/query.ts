import { markerNotFound } from './errors.ts';

/** Reading query strings as keystone does: what is not known is left alone. */
export type Query = Readonly<Record<string, string>>;

/** Each variable's last value, as text. */
export function readQuery(query: unknown): Query {
  if (typeof query !== 'object' || query === null) return {};
  return Object.fromEntries(
    Object.entries(query).map(([key, value]) => [
      key,
      Array.isArray(value) ? String(value.at(-1)) : String(value ?? ''),
    ]),
  );
}

const FALSE_WORDS: ReadonlySet<string> = new Set(['0', 'false', 'f', 'off', 'n', 'no']);

/** Whether a flag is set: `?effective`, `?effective=true`; not `?effective=0`. */
export function isFlagSet(query: Query, name: string): boolean {
  const value = query[name];
  return value !== undefined && !FALSE_WORDS.has(value.trim().toLowerCase());
}

/**
 * The entry after which a page goes on.
 * @param find looks for it.
 * @throws {NotFound} `identity.marker.not_found`.
 */
export async function markerOf(query: Query, find: (id: string) => Promise<unknown>): Promise<string | undefined> {
  const { marker } = query;
  if (marker === undefined) return undefined;
  if ((await find(marker)) === undefined) throw markerNotFound(marker.slice(0, 255));
  return marker;
}

/** A page of a list that was read with one entry more than the limit. */
export function cut<T>(
  rows: readonly T[],
  limit: number,
): { readonly rows: readonly T[]; readonly isTruncated: boolean } {
  return { rows: rows.slice(0, limit), isTruncated: rows.length > limit };
}

/** The list's limit: the cloud's, or a smaller one that the caller asks for. */
export function limitOf(query: Query, max: number): number {
  const asked = Number(query['limit']);
  return Number.isSafeInteger(asked) && asked > 0 ? Math.min(asked, max) : max;
}
