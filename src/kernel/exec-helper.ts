import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { type Exec, ExecError, type ExecRequest, type ExecResult } from './exec.ts';
import { checked, closedError } from './exec-direct.ts';
import type { HelperReply, HelperRequest } from './exec-serve.ts';

/** Keeps the helper small, so that its spawns stay cheap; below this, 16 MiB of output no longer fit in JSON. */
const HELPER_NODE_FLAGS = [
  '--max-old-space-size=160',
  '--max-semi-space-size=1',
  '--disable-warning=ExperimentalWarning',
];

/** What Node is told to run as the helper when nothing else is said: the file beside this one, built or unbuilt. */
const DEFAULT_ENTRY = [
  fileURLToPath(new URL(`./exec-helper-main.${import.meta.url.endsWith('.ts') ? 'ts' : 'mjs'}`, import.meta.url)),
];

type Helper = ChildProcessByStdio<Writable, Readable, null>;

interface Pending {
  readonly resolve: (reply: HelperReply) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Runs host commands through a small helper process, started with the first command and again if it dies.
 * Commands under way when it dies fail with `exec.closed`: whether they had an effect is unknown, as after any crash.
 * @param options.entry what Node runs as the helper, instead of the program beside this file.
 */
export function createExecHelper(options: { readonly entry?: readonly string[] } = {}): Exec {
  const entry = options.entry ?? DEFAULT_ENTRY;
  const pending = new Map<number, Pending>();
  let helper: Helper | undefined;
  let lastId = 0;
  let isClosed = false;

  function startHelper(): Helper {
    const child = spawn(process.execPath, [...HELPER_NODE_FLAGS, ...entry], { stdio: ['pipe', 'pipe', 'inherit'] });
    child.stdin.on('error', () => undefined); // `close` tells
    child.on('error', () => undefined);
    child.once('close', () => {
      if (helper === child) helper = undefined;
      for (const [id, { reject }] of pending) {
        pending.delete(id);
        reject(isClosed ? closedError() : new ExecError('exec.closed', 'The helper process for host commands died.'));
      }
    });
    createInterface({ input: child.stdout }).on('line', (line) => settle(JSON.parse(line) as HelperReply));
    child.unref();
    return child;
  }

  function settle(reply: HelperReply): void {
    const waiter = pending.get(reply.id);
    pending.delete(reply.id);
    setHold(pending.size > 0);
    if (waiter === undefined) return;
    if ('error' in reply) waiter.reject(new ExecError(reply.error.code, reply.error.message, detailsOf(reply.error)));
    else waiter.resolve(reply);
  }

  /** The helper keeps this process alive only while something is awaited. */
  function setHold(isHeld: boolean): void {
    const verb = isHeld ? 'ref' : 'unref';
    helper?.[verb]();
    for (const pipe of [helper?.stdin, helper?.stdout])
      (pipe as unknown as NodeJS.ReadableStream & Holdable)?.[verb]?.();
  }

  async function ask(body: DistributiveOmit<HelperRequest, 'id'>, signal?: AbortSignal): Promise<HelperReply> {
    if (isClosed) throw closedError();
    signal?.throwIfAborted();
    helper ??= startHelper();
    lastId += 1;
    const id = lastId;
    const reply = new Promise<HelperReply>((resolve, reject) => pending.set(id, { resolve, reject }));
    setHold(true);
    write({ id, ...body } as HelperRequest);
    const onAbort = (): void => {
      write({ id, kill: true });
      pending.get(id)?.reject(signal?.reason);
      pending.delete(id);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      return await reply;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  function write(message: HelperRequest): void {
    helper?.stdin.write(`${JSON.stringify(message)}\n`);
  }

  async function run(request: ExecRequest, signal?: AbortSignal): Promise<ExecResult> {
    const reply = await ask({ run: request }, signal);
    return (reply as Extract<HelperReply, { result: unknown }>).result;
  }

  return {
    run,
    check: (request, signal) => checked(run, request, signal),
    async spawnDaemon(request) {
      const reply = await ask({ daemon: request });
      return (reply as Extract<HelperReply, { pid: unknown }>).pid;
    },
    async close() {
      isClosed = true;
      const child = helper;
      if (child === undefined) return;
      const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
      setHold(true);
      child.stdin.end();
      await gone;
    },
  };
}

interface Holdable {
  ref?(): void;
  unref?(): void;
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

function detailsOf(fault: { exitCode?: number | undefined; stderr: string }): { exitCode?: number; stderr: string } {
  return fault.exitCode === undefined ? { stderr: fault.stderr } : { exitCode: fault.exitCode, stderr: fault.stderr };
}
