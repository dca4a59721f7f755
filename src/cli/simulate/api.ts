import { Agent, request as httpRequest } from 'node:http';
import { systemClock } from '#kernel/clock.ts';

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** The service's URL and the path. */
  readonly url: string;
  readonly token?: string;
  /** Sent as JSON, or as it is when it is bytes. */
  readonly body?: unknown;
}

export interface Reply {
  readonly status: number;
  readonly token: string;
  readonly bytes: number;
  /** From the call to the last byte. */
  readonly ms: number;
  text(): string;
  json<T>(): T;
}

export interface Api {
  /** @throws when the answer isn't a success, with its text; when nobody answers in time. */
  ask(call: Call): Promise<Reply>;
  close(): void;
}

/** A call that takes longer has failed: the cloud is far beyond its targets then. */
const CALL_MS = 60_000;
const MICROVERSIONS = 'compute 2.93, placement 1.39';

/** A client that keeps its connections, and costs so little that the cloud is what is measured. */
export function createApi(maxConnections: number): Api {
  const agent = new Agent({ keepAlive: true, maxSockets: maxConnections });
  return {
    async ask(call) {
      const reply = await send(agent, call);
      if (reply.status >= 300)
        throw new Error(`${call.method} ${call.url} was answered with ${reply.status}: ${reply.text().slice(0, 500)}`);
      return reply;
    },
    close: () => agent.destroy(),
  };
}

function send(agent: Agent, { method, url, token, body }: Call): Promise<Reply> {
  const isBytes = body instanceof Uint8Array;
  const content = body === undefined ? undefined : isBytes ? body : Buffer.from(JSON.stringify(body));
  return new Promise((resolve, reject) => {
    const startMs = systemClock.monotonicMs();
    const outgoing = httpRequest(url, {
      agent,
      method,
      headers: {
        'openstack-api-version': MICROVERSIONS,
        ...(token === undefined ? {} : { 'x-auth-token': token }),
        ...(content === undefined
          ? {}
          : {
              'content-type': isBytes ? 'application/octet-stream' : 'application/json',
              'content-length': content.length,
            }),
      },
    });
    outgoing.setTimeout(CALL_MS, () => outgoing.destroy(new Error(`${method} ${url}: no answer in ${CALL_MS} ms`)));
    outgoing.on('error', reject);
    outgoing.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const ms = systemClock.monotonicMs() - startMs;
        const whole = Buffer.concat(chunks);
        resolve({
          status: response.statusCode ?? 0,
          token: String(response.headers['x-subject-token'] ?? ''),
          bytes: whole.length,
          ms,
          text: () => whole.toString('utf8'),
          json: <T>() => JSON.parse(whole.toString('utf8')) as T,
        });
      });
    });
    outgoing.end(content);
  });
}

/** Runs `work` for each number below `count`, so many at once; the first failure ends it. */
export async function spread(count: number, atOnce: number, work: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  let hasFailed = false;
  const worker = async (): Promise<void> => {
    try {
      while (next < count && !hasFailed) await work(next++);
    } catch (error) {
      hasFailed = true;
      throw error;
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, worker));
}
