/** What all of identity's answers look alike in. */

import type { Query } from './query.ts';

/** Where clients find identity's v3 API, without a slash at the end. */
export type V3Url = string;

/**
 * `GET` of a collection; most lists are whole, so there is neither next nor previous.
 * @param query what was asked of a list that goes on after a marker.
 */
export function collection(
  v3Url: V3Url,
  path: string,
  name: string,
  items: readonly unknown[],
  isTruncated = false,
  query?: Query,
): Record<string, unknown> {
  const body: Record<string, unknown> = {
    [name]: items,
    links: {
      next: isTruncated && query !== undefined ? nextPage(`${v3Url}/${path}`, query, items) : null,
      self: `${v3Url}/${path}`,
      previous: null,
    },
  };
  if (isTruncated) body['truncated'] = true;
  return body;
}

function nextPage(url: string, query: Query, items: readonly unknown[]): string {
  const { id } = items.at(-1) as { readonly id: string };
  const next = new URLSearchParams({ ...query, limit: String(items.length), marker: id });
  return `${url}?${next.toString()}`;
}

/** The member's own link. */
export function selfLink(v3Url: V3Url, collectionName: string, id: string): { self: string } {
  return { self: `${v3Url}/${collectionName}/${encodeURIComponent(id)}` };
}
