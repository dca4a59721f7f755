import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { type Exec, ExecError, type ExecRequest, type ExecResult } from './exec.ts';
import { createDirectExec } from './exec-direct.ts';

/** What the agent writes to its helper, one JSON line each. */
export type HelperRequest =
  | { readonly id: number; readonly run: ExecRequest }
  | { readonly id: number; readonly daemon: Parameters<Exec['spawnDaemon']>[0] }
  | { readonly id: number; readonly kill: true };

/** What the helper writes back, one JSON line each. */
export type HelperReply =
  | { readonly id: number; readonly result: ExecResult }
  | { readonly id: number; readonly pid: number }
  | { readonly id: number; readonly error: HelperFault };

export interface HelperFault {
  readonly code: ExecError['code'];
  readonly message: string;
  readonly exitCode?: number | undefined;
  readonly stderr: string;
}

/** Commands at once; the others wait. More would only make all of them slower, fewer lets slow ones hold up quick ones. */
const MAX_RUNNING = 32;

/**
 * The helper process: runs what it is told on `input` and answers on `output`, until `input` ends; then kills what still
 * runs, daemons excepted.
 */
export async function serveExec(input: Readable, output: Writable): Promise<void> {
  const exec = createDirectExec();
  const aborts = new Map<number, AbortController>();
  const waiting: (() => void)[] = [];
  let runningCount = 0;

  async function handle(request: HelperRequest): Promise<void> {
    if ('kill' in request) return aborts.get(request.id)?.abort(new ExecError('exec.closed', 'Given up.'));
    if (runningCount >= MAX_RUNNING) await new Promise<void>((resolve) => waiting.push(resolve));
    runningCount += 1;
    try {
      reply(await answer(request));
    } catch (error) {
      reply({ id: request.id, error: faultOf(error) });
    } finally {
      runningCount -= 1;
      waiting.shift()?.();
    }
  }

  async function answer(request: Exclude<HelperRequest, { kill: true }>): Promise<HelperReply> {
    if ('daemon' in request) return { id: request.id, pid: await exec.spawnDaemon(request.daemon) };
    const abort = aborts.get(request.id);
    try {
      return { id: request.id, result: await exec.run(request.run, abort?.signal) };
    } finally {
      aborts.delete(request.id);
    }
  }

  function reply(message: HelperReply): void {
    output.write(`${JSON.stringify(message)}\n`);
  }

  output.on('error', () => undefined); // the agent is gone: `input` ends as well, which ends this process
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    const request = JSON.parse(line) as HelperRequest;
    if ('run' in request) aborts.set(request.id, new AbortController());
    void handle(request);
  }
  await exec.close();
}

function faultOf(error: unknown): HelperFault {
  if (error instanceof ExecError) {
    return { code: error.code, message: error.message, exitCode: error.exitCode, stderr: error.stderr };
  }
  return { code: 'exec.failed', message: error instanceof Error ? error.message : String(error), stderr: '' };
}
