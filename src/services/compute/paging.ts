import { Type } from 'typebox';
import type { ApiRequest } from '#kernel/api/route.ts';
import { rootOf } from './roots.ts';

/** Longest page, and the length of one where none is asked for; longer ones cost memory and time of everybody. */
export const MAX_PAGE = 1_000;

/** Query parameters of a paged list. */
export const pagingFields = {
  limit: Type.Optional(Type.Unsafe<string>({ type: 'string', pattern: '^[0-9]{1,18}$' })),
  marker: Type.Optional(Type.String()),
};

/** How many items a page may have. */
export function limitOf(query: { readonly limit?: string | undefined }): number {
  return query.limit === undefined ? MAX_PAGE : Math.min(Number(query.limit), MAX_PAGE);
}

interface Link {
  readonly rel: 'next';
  readonly href: string;
}

/**
 * The link to the page after this one; none when this one isn't full.
 * @see nova/api/openstack/common.py, ViewBuilder._get_collection_links
 */
export function nextLinks(
  request: Pick<ApiRequest, 'baseUrl' | 'params' | 'url'>,
  collection: string,
  page: { readonly ids: readonly string[]; readonly limit: number },
): Link[] {
  const last = page.ids.at(-1);
  if (last === undefined || page.ids.length < page.limit) return [];
  const given = new URLSearchParams(request.url.split('?')[1] ?? '');
  given.set('marker', last);
  given.sort();
  return [{ rel: 'next', href: `${rootOf(request)}/${collection}?${given.toString()}` }];
}
