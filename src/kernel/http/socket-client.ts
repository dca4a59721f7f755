import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ServiceUnavailable } from '../errors.ts';

/** Where a peer listens: a Unix socket on this machine. */
export interface SocketPeer {
  readonly socketPath: string;
}

export interface SocketRequest {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is, in place of a body. */
  readonly stream?: Readable;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** An answer beyond this is not one of ours. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/**
 * Asks a peer and reads its JSON; null for 204.
 * @throws {ServiceUnavailable} `peer.unreachable` when nobody answers in time; `peer.refused` with the peer's sentence otherwise.
 */
export async function askPeer<T>(peer: SocketPeer, request: SocketRequest): Promise<T | null> {
  const response = await openPeer(peer, request);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES)
      throw new ServiceUnavailable('peer.answer', `The answer to ${request.path} is too large.`);
    chunks.push(chunk);
  }
  if (response.statusCode === 204 || size === 0) return null;
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as T;
}

/**
 * Asks a peer and hands over the answer as a stream.
 * @throws {ServiceUnavailable} as {@link askPeer}.
 */
export function openPeer(
  peer: SocketPeer,
  { method, path, body, stream, timeoutMs, signal }: SocketRequest,
): Promise<IncomingMessage> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const deadline = AbortSignal.timeout(timeoutMs);
    const headers =
      text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
    const outgoing = httpRequest({
      socketPath: peer.socketPath,
      method,
      path,
      headers,
      signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
    });
    outgoing.on('error', (cause) => reject(unreachable(peer, cause)));
    outgoing.on('response', (response) => {
      if ((response.statusCode ?? 500) < 300) return resolve(response);
      readText(response).then(
        (sentence) =>
          reject(
            new ServiceUnavailable('peer.refused', `${path} was answered with ${response.statusCode}: ${sentence}`),
          ),
        reject,
      );
    });
    if (stream === undefined) outgoing.end(text);
    // A peer that answers before it has read everything has said why.
    else pipeline(stream, outgoing).catch((cause: unknown) => reject(unreachable(peer, cause)));
  });
}

/** Opens a two-way byte stream by an HTTP upgrade. */
export function upgradePeer(peer: SocketPeer, path: string, protocol: string, timeoutMs: number): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({
      socketPath: peer.socketPath,
      path,
      headers: { connection: 'Upgrade', upgrade: protocol },
    });
    outgoing.setTimeout(timeoutMs, () => outgoing.destroy(new Error('no answer in time')));
    outgoing.on('error', (cause) => reject(unreachable(peer, cause)));
    outgoing.on('response', (response) => {
      response.resume();
      reject(new ServiceUnavailable('peer.refused', `${path} was answered with ${response.statusCode}.`));
    });
    outgoing.on('upgrade', (_response, socket, head) => {
      socket.setTimeout(0);
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    outgoing.end();
  });
}

function unreachable(peer: SocketPeer, cause: unknown): ServiceUnavailable {
  return new ServiceUnavailable('peer.unreachable', `Nobody answers at ${peer.socketPath}.`, { cause });
}

async function readText(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response as AsyncIterable<Buffer>) {
    text += chunk.toString('utf8');
    if (text.length > 2_000) break;
  }
  return text;
}
