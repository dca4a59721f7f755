/** Clients that make and delete servers through whichever controller answers, and remember what they were promised. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Surroundings, serverBody } from '../support/openstack.ts';

/** A client gives a controller up after this long, and asks the next. */
const PATIENCE_MS = 2_500;
const RETRY_MS = 50;
/** Servers that a client has at a time. */
const KEEP = 8;

export interface Load {
  /** Ids of servers whose creation was accepted, and whose deletion was not asked for. */
  readonly kept: Set<string>;
  /** Ids whose deletion was accepted. */
  readonly deleted: Set<string>;
  /** For each request the milliseconds until it was answered well, with all its tries. */
  readonly tookMs: number[];
  /** The longest time in which not one request was answered well. */
  readonly longestSilenceMs: number;
  readonly requests: number;
  /** Answers by their status; 0 for none. */
  readonly answers: ReadonlyMap<number, number>;
  /** Ends the load when the requests under way have been answered. */
  stop(): Promise<void>;
}

/** @param addresses the controllers'. */
export function startLoad(parts: {
  readonly addresses: readonly string[];
  readonly token: string;
  readonly around: Surroundings;
  readonly clients: number;
}): Load {
  const { addresses, token, around, clients } = parts;
  const answers = new Map<number, number>();
  const state = {
    kept: new Set<string>(),
    deleted: new Set<string>(),
    tookMs: [] as number[],
    longestSilenceMs: 0,
    requests: 0,
    answers,
  };
  let isStopping = false;
  let lastGoodMs = performance.now();

  function good(): void {
    const now = performance.now();
    state.longestSilenceMs = Math.max(state.longestSilenceMs, now - lastGoodMs);
    lastGoodMs = now;
  }

  /** Asks one controller after the other until one answers with this status. */
  async function ask(first: number, line: string, body: object | undefined, isGood: (status: number) => boolean) {
    const [method, path] = line.split(' ', 2);
    const startMs = performance.now();
    state.requests++;
    for (let at = first; ; at++) {
      const url = `http://${addresses[at % addresses.length]}:8774${path}`;
      const answer = await fetch(url, {
        method: method ?? 'GET',
        headers: { 'x-auth-token': token, 'content-type': 'application/json', connection: 'close' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(PATIENCE_MS),
      })
        .then(async (response) => ({ status: response.status, text: await response.text() }))
        .catch(() => ({ status: 0, text: '' }));
      answers.set(answer.status, (answers.get(answer.status) ?? 0) + 1);
      if (isGood(answer.status)) {
        good();
        state.tookMs.push(performance.now() - startMs);
        return answer;
      }
      if (answer.status >= 400 && answer.status < 500) throw new Error(`${line}: ${answer.status} ${answer.text}`);
      await sleep(RETRY_MS);
    }
  }

  async function client(index: number): Promise<void> {
    const mine: string[] = [];
    for (let turn = index; !isStopping; turn++) {
      const name = `load-${index}-${turn}`;
      const answer = await ask(turn, 'POST /v2.1/servers', serverBody(around, name), (status) => status === 202);
      const id = String(JSON.parse(answer.text).server.id);
      mine.push(id);
      state.kept.add(id);
      await ask(turn, `GET /v2.1/servers/${id}`, undefined, (status) => status === 200);
      const oldest = mine.length > KEEP ? mine.shift() : undefined;
      if (oldest === undefined) continue;
      state.kept.delete(oldest);
      await ask(turn, `DELETE /v2.1/servers/${oldest}`, undefined, (status) => status === 204 || status === 404);
      state.deleted.add(oldest);
    }
  }

  const running = Array.from({ length: clients }, (_, index) => client(index));
  return Object.assign(state, {
    async stop() {
      isStopping = true;
      await Promise.all(running);
    },
  });
}
