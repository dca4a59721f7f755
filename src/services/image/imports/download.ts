/**
 * Downloads for imports, made so that a user cannot make the controller ask hosts that only it can reach.
 *
 * Theory of operation. The name is resolved here, every address is checked, and the connection is made to the address
 * that was checked: a name that resolves differently a moment later gains nothing. Redirects are followed by hand, each
 * checked like the first. All failures to connect are answered with one sentence, so that nobody learns from them which
 * hosts and ports there are.
 */
import { lookup } from 'node:dns/promises';
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { BadRequest } from '#kernel/errors.ts';
import { type DownloadRules, isPublicAddress, isTrusted, parseDownloadUri } from './addresses.ts';

/** How long a server may take over its answer's headers, and between two pieces of its body. */
const STALL_MS = 60_000;
const MAX_REDIRECTS = 5;

/** Looks a name up; tests give their own. */
export type Resolve = (hostname: string) => Promise<readonly string[]>;

export interface DownloadOptions {
  readonly rules: DownloadRules;
  readonly signal: AbortSignal;
  readonly resolve?: Resolve | undefined;
}

export interface OpenDownload {
  readonly stream: IncomingMessage;
  /** What the server said that it would send. */
  readonly sizeBytes: number | undefined;
}

/**
 * Opens a download.
 * @throws {BadRequest} `image.import.filtered`, `image.import.unreachable`, `image.import.answer`.
 */
export async function openDownload(uri: string, options: DownloadOptions): Promise<OpenDownload> {
  let next = uri;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const url = parseDownloadUri(next, options.rules);
    if (url === undefined) throw filtered(uri);
    const response = await ask(url, { address: await vettedAddress(url, uri, options), signal: options.signal });
    const status = response.statusCode ?? 0;
    if (status === 200) return { stream: response, sizeBytes: lengthOf(response) };
    response.destroy();
    const { location } = response.headers;
    if (![301, 302, 303, 307, 308].includes(status) || location === undefined || !URL.canParse(location, url.href)) {
      throw new BadRequest('image.import.answer', `The download was answered with status ${status} instead of 200.`);
    }
    next = new URL(location, url.href).href;
  }
  throw new BadRequest('image.import.answer', `The download was redirected more than ${MAX_REDIRECTS} times.`);
}

/** The refusal's sentence, the same at the API and in the task. */
export function filtered(uri: unknown): BadRequest {
  return new BadRequest(
    'image.import.filtered',
    `URI for web-download does not pass filtering: ${typeof uri === 'string' ? uri.slice(0, 300) : 'None'}`,
  );
}

async function vettedAddress(
  url: URL,
  uri: string,
  { rules, resolve = resolveHost }: DownloadOptions,
): Promise<string> {
  const hostname = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const addresses = await resolve(hostname).catch(() => []);
  const first = addresses[0];
  if (first === undefined) throw unreachable();
  if (!isTrusted(url.hostname, rules) && !addresses.every(isPublicAddress)) throw filtered(uri);
  return first;
}

async function resolveHost(hostname: string): Promise<string[]> {
  const found = await lookup(hostname, { all: true, verbatim: true });
  return found.map(({ address }) => address);
}

/**
 * Asks with GET, and takes any answer as it comes, redirects too.
 * @throws {BadRequest} `image.import.unreachable`.
 */
export function ask(
  url: URL,
  how: {
    /** To connect to, and to no other; what the system finds when absent. */
    readonly address?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly signal: AbortSignal;
  },
): Promise<IncomingMessage> {
  const options = {
    signal: how.signal,
    timeout: STALL_MS,
    headers: { 'User-Agent': 'pileus', Accept: '*/*', ...how.headers },
    agent: false,
    ...(how.address === undefined ? {} : { lookup: answering(how.address) }),
  } as const;
  return new Promise((resolve, reject) => {
    const request = url.protocol === 'https:' ? requestHttps(url, options) : requestHttp(url, options);
    request.once('response', (response: IncomingMessage) => {
      response.setTimeout(STALL_MS, () => response.destroy(new Error('nothing came for too long')));
      resolve(response);
    });
    request.once('timeout', () => request.destroy(new Error('no answer in time')));
    request.once('error', (cause: Error) => reject(unreachable(cause)));
    request.end();
  });
}

/** A lookup that knows one address only. */
function answering(address: string) {
  const family = address.includes(':') ? 6 : 4;
  // Newer Node asks for all addresses.
  return (_: string, { all }: { all?: boolean | undefined }, done: (...found: never[]) => void): void => {
    const answer: readonly unknown[] = all === true ? [null, [{ address, family }]] : [null, address, family];
    done(...(answer as never[]));
  };
}

function lengthOf({ headers }: IncomingMessage): number | undefined {
  const text = headers['content-length'];
  return text === undefined || !/^\d{1,15}$/.test(text) ? undefined : Number(text);
}

function unreachable(cause?: unknown): BadRequest {
  return new BadRequest(
    'image.import.unreachable',
    'The download could not be started: its server cannot be reached from here.',
    { cause },
  );
}
