import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import {
  DEFAULT_EXEC_MS,
  type Exec,
  ExecError,
  type ExecRequest,
  type ExecResult,
  MAX_EXEC_OUTPUT_BYTES,
} from './exec.ts';

/**
 * How long the pipes of a program that has ended may stay open, because something that it left behind holds them.
 * Shorter could lose output still in the pipe, longer delays every command that leaves a daemon behind.
 */
const PIPES_GRACE_MS = 250;

/**
 * Runs host commands from this very process: for the command line, tests, and inside the helper process.
 * Commands run with `LC_ALL=C` and otherwise this process's environment, over which `ExecRequest.env` is laid;
 * each is the leader of its own process group, and the whole group is killed at the deadline.
 */
export function createDirectExec(): Exec {
  const closing = new AbortController();

  async function run(request: ExecRequest, signal?: AbortSignal): Promise<ExecResult> {
    const stop = signal === undefined ? closing.signal : AbortSignal.any([signal, closing.signal]);
    stop.throwIfAborted();
    const child = spawn(request.argv[0], request.argv.slice(1), { ...spawnOptions(request), stdio: 'pipe' });
    return collect(child, request, stop);
  }

  return {
    run,
    check: (request, signal) => checked(run, request, signal),
    async spawnDaemon(request) {
      closing.signal.throwIfAborted();
      return startDaemon(request);
    },
    async close() {
      closing.abort(closedError());
    },
  };
}

/** {@link Exec.check} on top of a `run`. */
export async function checked(run: Exec['run'], request: ExecRequest, signal?: AbortSignal): Promise<string> {
  const result = await run(request, signal);
  if (result.exitCode === 0) return result.stdout;
  const said = result.stderr.trim() === '' ? result.stdout.trim() : result.stderr.trim();
  throw new ExecError(
    'exec.failed',
    `'${request.argv[0]}' failed with exit code ${result.exitCode}: ${said.slice(0, 2_000)}`,
    {
      exitCode: result.exitCode,
      stderr: result.stderr,
    },
  );
}

/** What every call says after `close`. */
export function closedError(): ExecError {
  return new ExecError('exec.closed', 'The runner of host commands is closed.');
}

function collect(
  child: ChildProcessWithoutNullStreams,
  request: ExecRequest,
  signal: AbortSignal,
): Promise<ExecResult> {
  const timeoutMs = request.timeoutMs ?? DEFAULT_EXEC_MS;
  return new Promise((resolve, reject) => {
    let failure: unknown;
    let outputBytes = 0;
    const stop = (reason: unknown): void => {
      failure ??= reason;
      killGroup(child);
    };
    const take = (chunks: Buffer[]) => (chunk: Buffer) => {
      outputBytes += chunk.length;
      if (outputBytes <= MAX_EXEC_OUTPUT_BYTES) chunks.push(chunk);
      else stop(new ExecError('exec.output', `'${request.argv[0]}' printed more than ${MAX_EXEC_OUTPUT_BYTES} bytes.`));
    };
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', take(stdout));
    child.stderr.on('data', take(stderr));
    child.stdin.on('error', () => undefined); // a program may end without reading what it is given
    child.stdin.end(request.stdin ?? '');

    const timer = setTimeout(() => {
      stop(new ExecError('exec.timeout', `'${request.argv[0]}' was killed after ${timeoutMs} ms.`));
    }, timeoutMs);
    const onAbort = (): void => stop(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    let pipesTimer: NodeJS.Timeout | undefined;
    const settle = (): void => {
      clearTimeout(timer);
      clearTimeout(pipesTimer);
      signal.removeEventListener('abort', onAbort);
      child.stdout.destroy();
      child.stderr.destroy();
    };
    const finish = (): void => {
      settle();
      if (failure !== undefined) return reject(failure);
      resolve({
        exitCode: child.exitCode ?? signalExitCode(child.signalCode),
        stdout: Buffer.concat(stdout).toString('utf8'),
        stderr: Buffer.concat(stderr).toString('utf8'),
      });
    };
    child.once('error', (error) => {
      settle();
      reject(spawnError(request.argv[0], error));
    });
    child.once('close', finish);
    child.once('exit', () => {
      pipesTimer = setTimeout(finish, PIPES_GRACE_MS);
    });
  });
}

async function startDaemon(request: Parameters<Exec['spawnDaemon']>[0]): Promise<number> {
  const log = openSync(request.logFile, 'a', 0o600);
  try {
    const child = spawn(request.argv[0], request.argv.slice(1), {
      ...spawnOptions(request),
      stdio: ['ignore', log, log],
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (error) => reject(spawnError(request.argv[0], error)));
    });
    child.unref();
    return child.pid as number;
  } finally {
    closeSync(log);
  }
}

function spawnOptions(request: Pick<ExecRequest, 'cwd' | 'env'>) {
  return {
    cwd: request.cwd ?? '/',
    env: { ...process.env, LC_ALL: 'C', ...request.env },
    detached: true,
    shell: false,
  };
}

/** Node reports a missing program and a missing working directory alike. */
function spawnError(program: string, error: Error & { code?: string }): Error {
  if (error.code !== 'ENOENT')
    return new ExecError('exec.failed', `'${program}' could not be started: ${error.message}`);
  return new ExecError('exec.missing', `The program '${program}' (or its working directory) is missing on this host.`);
}

function signalExitCode(signal: NodeJS.Signals | null): number {
  return signal === null ? 255 : 128 + constants.signals[signal];
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
