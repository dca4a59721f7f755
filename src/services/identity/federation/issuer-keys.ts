/**
 * The public keys of providers of OpenID.
 *
 * Theory of operation. An operator names each issuer, and gives its keys or the one place that publishes them: nothing that a
 * token says is ever fetched. What was fetched is kept; a key id that is not among it has it fetched again, though not more
 * often than every `REFETCH_AFTER_MS`, so that made-up ids cost nobody anything. While the place cannot be reached, the keys
 * that are known go on counting.
 */
import type { JsonWebKey } from 'node:crypto';
import secureJson from 'secure-json-parse';
import type { Clock } from '#kernel/clock.ts';
import { errorChain } from '#kernel/errors.ts';
import type { Log } from '#kernel/log.ts';

export type IssuerKey = JsonWebKey & { readonly kid?: string };

/** A provider as the operator's file has it; names as in OpenID's own documents. */
export interface TrustedIssuer {
  readonly keys?: readonly IssuerKey[];
  /** Where its key set is published: `https:`, or on this machine. Read when no keys are given. */
  readonly jwks_uri?: string;
  /** Whom its tokens are for; a token for others is refused. */
  readonly audience: string;
}

export interface IssuerKeys {
  /** The provider and its keys; undefined for one that is not trusted. */
  find(issuer: string, kid: unknown): Promise<{ audience: string; keys: readonly IssuerKey[] } | undefined>;
}

/** How long published keys count. Longer lets a withdrawn key in for longer; shorter asks the provider more often. */
const MAX_AGE_MS = 3_600_000;
/** Sooner a new key is not looked for. Longer keeps people out after a provider's rotation. */
const REFETCH_AFTER_MS = 30_000;
/** A log-in waits no longer for a provider. */
const FETCH_MS = 5_000;
/** Real key sets have some kilobytes. */
const MAX_BYTES = 262_144;
const MAX_KEYS = 100;

const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '[::1]', 'localhost']);

interface Kept {
  readonly keys: readonly IssuerKey[];
  readonly atMs: number;
}

/** @throws {Error} for an issuer without an audience or keys, or whose keys are neither at `https:` nor on this machine. */
export function createIssuerKeys(
  issuers: Readonly<Record<string, TrustedIssuer>>,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): IssuerKeys {
  for (const [name, issuer] of Object.entries(issuers)) checkIssuer(name, issuer);
  const kept = new Map<string, Kept>();
  const underWay = new Map<string, Promise<Kept>>();

  async function read(issuer: string, uri: string): Promise<Kept> {
    const atMs = clock.monotonicMs();
    try {
      return { keys: await fetchKeys(uri), atMs };
    } catch (error) {
      log.warn({ issuer, error: errorChain(error) }, 'the keys of a provider of OpenID could not be read');
      return { keys: kept.get(issuer)?.keys ?? [], atMs };
    }
  }

  function refresh(issuer: string, uri: string): Promise<Kept> {
    let reading = underWay.get(issuer);
    if (reading === undefined) {
      reading = read(issuer, uri).then((found) => {
        kept.set(issuer, found);
        underWay.delete(issuer);
        return found;
      });
      underWay.set(issuer, reading);
    }
    return reading;
  }

  return {
    async find(issuer, kid) {
      const trusted = Object.hasOwn(issuers, issuer) ? issuers[issuer] : undefined;
      if (trusted === undefined) return undefined;
      const { audience, keys, jwks_uri } = trusted;
      if (keys !== undefined || jwks_uri === undefined) return { audience, keys: keys ?? [] };
      const known = kept.get(issuer);
      const ageMs = clock.monotonicMs() - (known?.atMs ?? Number.NEGATIVE_INFINITY);
      const isKnown = kid === undefined || known?.keys.some((key) => key.kid === kid) === true;
      const isGood = known !== undefined && ageMs < (isKnown && known.keys.length > 0 ? MAX_AGE_MS : REFETCH_AFTER_MS);
      return { audience, keys: (isGood ? known : await refresh(issuer, jwks_uri)).keys };
    },
  };
}

/** The operator's file is not checked as requests are: what is missing there would let in whom it should not. */
function checkIssuer(name: string, { audience, keys, jwks_uri }: Partial<TrustedIssuer>): void {
  if (typeof audience !== 'string' || audience === '') throw new Error(`the trusted issuer ${name} needs an audience`);
  if (keys === undefined && jwks_uri === undefined)
    throw new Error(`the trusted issuer ${name} needs a jwks_uri, or keys`);
  if (keys !== undefined && !Array.isArray(keys)) throw new Error(`the keys of ${name} are no list`);
  if (jwks_uri !== undefined) checkUri(name, jwks_uri);
}

function checkUri(issuer: string, uri: string): void {
  const { protocol, hostname } = new URL(uri);
  if (protocol === 'https:' || (protocol === 'http:' && LOOPBACK.has(hostname))) return;
  throw new Error(`the jwks_uri of ${issuer} must begin with https: ${uri}`);
}

async function fetchKeys(uri: string): Promise<IssuerKey[]> {
  const answer = await fetch(uri, {
    redirect: 'error',
    headers: { accept: 'application/json' },
    signal: AbortSignal.timeout(FETCH_MS),
  });
  if (!answer.ok || answer.body === null) throw new Error(`${uri} answered ${answer.status}`);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.body) {
    size += chunk.byteLength;
    if (size > MAX_BYTES) throw new RangeError(`${uri} has more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  const set: unknown = secureJson.parse(Buffer.concat(chunks).toString('utf8'));
  const keys = typeof set === 'object' && set !== null && 'keys' in set ? set.keys : undefined;
  if (!Array.isArray(keys)) throw new TypeError(`${uri} is no key set`);
  return keys.filter((key): key is IssuerKey => typeof key === 'object' && key !== null).slice(0, MAX_KEYS);
}
