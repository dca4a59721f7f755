/**
 * Listening for guests' metadata requests in many namespaces from one process.
 *
 * Theory of operation. A child enters the namespace with `nsenter`, listens there, hands the listening socket to us
 * and ends; the socket keeps belonging to its namespace. So there is no process per network, and when the agent
 * dies the sockets go with it: a guest gets a refusal instead of silence, and asks again. After a start the listeners are missing
 * from the observation, and the reconcile loop brings them back like anything else.
 *
 * Who asks is known from the network the request came in by and from its source address, which the port's anti-spoofing
 * has checked. No header is read.
 */
// A socket can be handed over by Node's own channel only, which Exec does not have.
// oxlint-disable-next-line no-restricted-imports
import { spawn } from 'node:child_process';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Server as NetServer } from 'node:net';
import { errorChain } from '#kernel/errors.ts';
import type { Log } from '#kernel/log.ts';
import { type AnswerMetadata, NetworkError } from '../contract.ts';
import { type MetadataSpec, metadataText } from './design.ts';

/** Entering and listening takes some 60 ms; on a busy host ten times that. */
const LISTEN_MS = 15_000;
/** Connections at once in one namespace. Fewer and booting guests wait; more lets one guest occupy the agent. */
const MAX_CONNECTIONS = 64;
/** A guest's whole request. Longer lets slow guests hold connections. */
const REQUEST_MS = 10_000;
/** A cloud-init request has a few hundred bytes of headers. */
const MAX_HEADER_BYTES = 8_192;
/** How many answers may be under way in one namespace; the others are told to come back. */
const MAX_ANSWERS = 32;

const CHILD = `
const [host, port] = process.argv.slice(1);
const server = require('net').createServer();
server.on('error', (error) => process.send({ error: error.message }, () => process.exit(1)));
server.listen({ host, port: Number(port), backlog: 128, exclusive: true }, () => process.send('listening', server, () => process.exit(0)));
`;

interface Listener {
  readonly server: Server;
  /** `net:[…]` of the namespace it listens in. */
  readonly namespace: string;
  spec: MetadataSpec;
}

export interface MetadataListeners {
  /** Namespace name → what listens there, as in a fingerprint; `now` gives the identity of the namespace of that name. */
  observe(now: (name: string) => string | undefined): ReadonlyMap<string, string>;
  ensure(spec: MetadataSpec, namespaceFile: string, identity: string): Promise<void>;
  remove(namespace: string): Promise<void>;
  close(): Promise<void>;
}

export function createMetadataListeners(answer: AnswerMetadata, log: Log): MetadataListeners {
  const listeners = new Map<string, Listener>();

  async function remove(namespace: string): Promise<void> {
    const listener = listeners.get(namespace);
    if (listener === undefined) return;
    listeners.delete(namespace);
    listener.server.closeAllConnections();
    await new Promise((resolve) => listener.server.close(resolve));
  }

  return {
    observe: (now) =>
      new Map(
        [...listeners].map(([name, listener]) => [
          name,
          listener.server.listening && listener.namespace === now(name) ? metadataText(listener.spec) : 'not listening',
        ]),
      ),
    async ensure(spec, namespaceFile, identity) {
      const present = listeners.get(spec.namespace);
      const isSame = present?.server.listening === true && present.namespace === identity;
      if (isSame && present.spec.address === spec.address && present.spec.port === spec.port) {
        present.spec = spec;
        return;
      }
      await remove(spec.namespace);
      const socket = await listenInside(namespaceFile, spec.address, spec.port);
      const server = createServer({
        maxHeaderSize: MAX_HEADER_BYTES,
        requestTimeout: REQUEST_MS,
        headersTimeout: REQUEST_MS,
        keepAliveTimeout: 1_000,
      });
      const listener: Listener = { server, namespace: identity, spec };
      let answering = 0;
      server.maxConnections = MAX_CONNECTIONS;
      server.on('request', (request, response) => {
        if (answering >= MAX_ANSWERS) return refuse(response, 503, 'Busy; ask again.');
        answering += 1;
        void respond(listener, request, response, answer, log).finally(() => {
          answering -= 1;
        });
      });
      server.on('error', (error) =>
        log.warn({ namespace: spec.namespace, error: errorChain(error) }, 'metadata listener failed'),
      );
      await new Promise<void>((resolve) => server.listen(socket, resolve));
      listeners.set(spec.namespace, listener);
    },
    remove,
    async close() {
      await Promise.all([...listeners.keys()].map(remove));
    },
  };
}

async function respond(
  listener: Listener,
  request: IncomingMessage,
  response: ServerResponse,
  answer: AnswerMetadata,
  log: Log,
): Promise<void> {
  request.resume();
  if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(response, 405, 'Only GET.');
  const { localAddress = '', remoteAddress = '' } = request.socket;
  const { networks } = listener.spec;
  const networkId = networks['*'] ?? networks[localAddress];
  if (networkId === undefined || remoteAddress === '') return refuse(response, 404, 'Not found.');
  try {
    const { status, contentType, body } = await answer(networkId, remoteAddress, request.url ?? '/');
    response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(body) });
    response.end(request.method === 'HEAD' ? undefined : body);
  } catch (error) {
    log.error({ networkId, error: errorChain(error) }, 'metadata request failed');
    refuse(response, 500, 'The metadata service failed; ask again.');
  }
}

function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

function listenInside(namespaceFile: string, address: string, port: number): Promise<NetServer> {
  return new Promise((resolve, reject) => {
    const child = spawn('nsenter', [`--net=${namespaceFile}`, process.execPath, '-e', CHILD, address, String(port)], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      timeout: LISTEN_MS,
      env: {},
    });
    const fail = (message: string): void =>
      reject(new NetworkError('network.metadata.failed', `Cannot listen on ${address}:${port}: ${message}`));
    child.once('error', (error) => fail(error.message));
    // Not `exit`: that may come before the message that was sent last.
    child.once('disconnect', () => fail('the helper ended without a socket'));
    child.once('message', (message, handle) => {
      if (handle instanceof NetServer) resolve(handle);
      else fail(typeof message === 'object' && 'error' in message ? String(message.error) : 'no socket came');
    });
  });
}
