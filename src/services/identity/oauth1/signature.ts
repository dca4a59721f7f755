/**
 * OAuth 1.0 requests, signed with HMAC-SHA1.
 * @see https://www.rfc-editor.org/rfc/rfc5849
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

/** Most parameters of one request; OAuth has about ten. */
const MAX_PARAMETERS = 64;

/** The `oauth_…` parameters of an `Authorization: OAuth …` header; undefined for another header. */
export function readAuthorization(header: string | undefined): Map<string, string> | undefined {
  if (header === undefined || !/^OAuth\s/i.test(header) || header.length > 8_192) return undefined;
  const found = new Map<string, string>();
  for (const part of header.slice('OAuth'.length).split(',')) {
    const match = /^\s*([^=\s]+)="([^"]*)"\s*$/.exec(part);
    if (match === null || found.size >= MAX_PARAMETERS) continue;
    const [name, value] = [decode(match[1] ?? ''), decode(match[2] ?? '')];
    if (name !== undefined && value !== undefined) found.set(name, value);
  }
  return found;
}

export interface SignedCall {
  readonly method: string;
  /** Without its query. */
  readonly url: string;
  readonly query: Readonly<Record<string, string>>;
  readonly oauth: ReadonlyMap<string, string>;
}

/** Whether a call was signed with these two secrets. */
export function isSigned(call: SignedCall, consumerSecret: string, tokenSecret: string): boolean {
  if (call.oauth.get('oauth_signature_method') !== 'HMAC-SHA1') return false;
  const parameters = [...Object.entries(call.query), ...call.oauth]
    .filter(([name]) => name !== 'oauth_signature' && name !== 'realm')
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .toSorted();
  const base = [call.method, encode(call.url), encode(parameters.join('&'))].join('&');
  const key = `${encode(consumerSecret)}&${encode(tokenSecret)}`;
  const expected = createHmac('sha1', key).update(base).digest();
  const given = Buffer.from(call.oauth.get('oauth_signature') ?? '', 'base64');
  return given.length === expected.length && timingSafeEqual(expected, given);
}

function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
