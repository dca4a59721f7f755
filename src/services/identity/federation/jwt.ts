import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import secureJson from 'secure-json-parse';
import type { IssuerKey, IssuerKeys } from './issuer-keys.ts';

/** A signed statement that a provider of OpenID made, with the claims that it holds. */
export type Claims = Readonly<Record<string, unknown>>;

const MAX_LENGTH = 16_384;
/** Clocks may differ by this much. */
const LEEWAY_MS = 60_000;

/** Algorithms that have a public key: a token must not choose one that makes the public key a shared secret. */
const ALGORITHMS: Readonly<Record<string, { readonly digest: string; readonly keyType: string }>> = {
  RS256: { digest: 'sha256', keyType: 'RSA' },
  RS384: { digest: 'sha384', keyType: 'RSA' },
  RS512: { digest: 'sha512', keyType: 'RSA' },
  ES256: { digest: 'sha256', keyType: 'EC' },
  ES384: { digest: 'sha384', keyType: 'EC' },
};

/**
 * Checks a token's signature, issuer, audience and time.
 * @returns its claims, or undefined when anything is wrong.
 * @see https://www.rfc-editor.org/rfc/rfc7519
 */
export async function readJwt(token: string, issuers: IssuerKeys, nowMs: number): Promise<Claims | undefined> {
  if (token.length > MAX_LENGTH) return undefined;
  const [head = '', body = '', signature = '', ...rest] = token.split('.');
  const header = parse(head);
  const claims = parse(body);
  if (header === undefined || claims === undefined || rest.length > 0) return undefined;
  if (!isTimely(claims, nowMs)) return undefined;
  const issuer = await issuers.find(String(claims['iss']), header['kid']);
  if (issuer === undefined || ![claims['aud']].flat().includes(issuer.audience)) return undefined;
  return isSignedBy(issuer.keys, header, `${head}.${body}`, signature) ? claims : undefined;
}

function isSignedBy(known: readonly IssuerKey[], header: Claims, text: string, signature: string): boolean {
  const algorithm =
    typeof header['alg'] === 'string' && Object.hasOwn(ALGORITHMS, header['alg'])
      ? ALGORITHMS[header['alg']]
      : undefined;
  if (algorithm === undefined) return false;
  const { kid } = header;
  const keys = known.filter((key) => key.kty === algorithm.keyType && (kid === undefined || key.kid === kid));
  return keys.some((jwk) => {
    const key = toKey(jwk);
    const bytes = Buffer.from(signature, 'base64url');
    return key !== undefined && verify(algorithm.digest, Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }, bytes);
  });
}

/** Undefined for a key that is none: one of a provider's being odd leaves its others good. */
function toKey(jwk: IssuerKey): KeyObject | undefined {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' });
  } catch {
    return undefined;
  }
}

function isTimely(claims: Claims, nowMs: number): boolean {
  const { exp, nbf } = claims;
  if (typeof exp !== 'number' || exp * 1000 + LEEWAY_MS <= nowMs) return false;
  return nbf === undefined || (typeof nbf === 'number' && nbf * 1000 - LEEWAY_MS <= nowMs);
}

function parse(part: string): Claims | undefined {
  try {
    const value: unknown = secureJson.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Claims) : undefined;
  } catch {
    return undefined;
  }
}
