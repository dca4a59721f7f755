/** What all of identity's answers look alike in. */

/** Where clients find identity's v3 API, without a slash at the end. */
export type V3Url = string;

/** `GET` of a collection; lists are whole, so there is neither next nor previous. */
export function collection(
  v3Url: V3Url,
  path: string,
  name: string,
  items: readonly unknown[],
  isTruncated = false,
): Record<string, unknown> {
  const body: Record<string, unknown> = {
    [name]: items,
    links: { next: null, self: `${v3Url}/${path}`, previous: null },
  };
  if (isTruncated) body['truncated'] = true;
  return body;
}

/** The member's own link. */
export function selfLink(v3Url: V3Url, collectionName: string, id: string): { self: string } {
  return { self: `${v3Url}/${collectionName}/${encodeURIComponent(id)}` };
}
