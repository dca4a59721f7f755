/** `pileus up --fake` as a process of its own, as users start it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Answer, type Ask, until } from './cloud.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface CloudProcess {
  readonly address: string;
  readonly child: ChildProcess;
  /** From the start of the process until it said that it is ready. */
  readonly readyMs: number;
  ask(service: string, line: string, how?: Ask): Promise<Answer>;
  get(service: string, line: string, how?: Ask): Promise<Answer>;
  /** The administrator's token, a new one each time. */
  token(): Promise<string>;
  /** Resident memory, in MiB. */
  memoryMib(): Promise<number>;
  /** SIGKILL, and waits for the end. */
  kill(): Promise<void>;
  /** SIGTERM, and waits for the end. */
  stop(): Promise<void>;
}

const PORTS: Readonly<Record<string, number>> = {
  identity: 5000,
  image: 9292,
  compute: 8774,
  placement: 8778,
  network: 9696,
  dashboard: 8787,
};
const READY_MS = 60_000;
const ANSWER_MS = 30_000;

/** A loopback address that probably nobody else has. */
export function randomAddress(): string {
  return `127.${randomInt(10, 250)}.${randomInt(0, 255)}.${randomInt(1, 255)}`;
}

/**
 * Starts the cloud and waits until it is ready.
 * @param program The file to run: the bundle's where it is built, `src/main.ts` otherwise.
 */
export async function startProcess(options: {
  readonly dataDir: string;
  readonly address?: string;
  readonly program?: string;
  readonly nodeArgs?: readonly string[];
  readonly args?: readonly string[];
}): Promise<CloudProcess> {
  const address = options.address ?? randomAddress();
  const program = options.program ?? join(root, 'src/main.ts');
  const startMs = performance.now();
  const child = spawn(
    process.execPath,
    [
      ...(options.nodeArgs ?? []),
      program,
      'up',
      '--fake',
      '--data',
      options.dataDir,
      '--listen',
      address,
      ...(options.args ?? []),
    ],
    { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8' } },
  );
  let output = '';
  let readyMs = 0;
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (readyMs === 0 && output.includes('is ready')) readyMs = performance.now() - startMs;
    });
  }
  await until(
    'the cloud ready',
    () => {
      if (child.exitCode !== null) throw new Error(`the cloud ended: ${output}`);
      return readyMs > 0;
    },
    READY_MS,
  );
  let adminToken: string | undefined;
  const ask: CloudProcess['ask'] = async (service, line, how = {}) => {
    const { token = (adminToken ??= await logIn()), version = 'latest', body, headers } = how;
    const [method = 'GET', path = '/'] = line.split(' ');
    const isBytes = typeof body === 'string' || body instanceof Uint8Array;
    const answer = await fetch(`http://${address}:${PORTS[service]}${path}`, {
      method,
      signal: AbortSignal.timeout(ANSWER_MS),
      headers: {
        ...(token === null ? {} : { 'x-auth-token': token }),
        ...(version === null ? {} : { 'openstack-api-version': `${service} ${version}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: isBytes ? (body as string) : JSON.stringify(body) }),
    });
    const text = await answer.text();
    const isJson = answer.headers.get('content-type')?.includes('json') === true && text !== '';
    return { status: answer.status, headers: answer.headers, text, body: isJson ? JSON.parse(text) : undefined };
  };
  const logIn = async (): Promise<string> => {
    const openrc = await readFile(join(options.dataDir, 'openrc'), 'utf8');
    const password = /OS_PASSWORD=['"]?([^'"\n]+)/.exec(openrc)?.[1] ?? '';
    const domain = { id: 'default' };
    const answer = await ask('identity', 'POST /v3/auth/tokens', {
      token: null,
      body: {
        auth: {
          identity: { methods: ['password'], password: { user: { name: 'admin', domain, password } } },
          scope: { project: { name: 'admin', domain } },
        },
      },
    });
    if (answer.status !== 201) throw new Error(`no token: ${answer.status} ${answer.text}`);
    return answer.headers.get('x-subject-token') ?? '';
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal);
    await ended;
  };
  return {
    address,
    child,
    readyMs,
    ask,
    async get(service, line, how) {
      const answer = await ask(service, line, how);
      if (answer.status >= 300) throw new Error(`${service} ${line}: ${answer.status} ${answer.text}`);
      return answer;
    },
    token: logIn,
    async memoryMib() {
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
      return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
    },
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
  };
}
