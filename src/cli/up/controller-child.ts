import { type ChildProcess, spawn } from 'node:child_process';
import type { Clock } from '#kernel/clock.ts';
import type { Log } from '#kernel/log.ts';
import type { ControllerMessage, StartMessage } from '../controller/messages.ts';

export interface ControllerChild {
  readonly urls: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

export interface ControllerChildOptions {
  readonly start: StartMessage;
  /** The unprivileged user that it runs as. */
  readonly uid: number;
  readonly gid: number;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Keeps the controller small: left alone, V8 lets the space for new objects grow to 64 MiB in the first second and keeps it, and
 * malloc keeps an arena for each thread. Less than 4 MiB makes lists of a thousand servers slower.
 */
const NODE_FLAGS = ['--max-semi-space-size=4'];
const MALLOC_ENV = { MALLOC_ARENA_MAX: '2' };

/** Opening the database and listening: a second, or more on a slow disk with much to migrate. */
const READY_MS = 120_000;
/** From asking it to stop to taking it away. */
const STOP_MS = 10_000;
const FIRST_RESTART_MS = 200;
const MAX_RESTART_MS = 10_000;

/**
 * Runs the controller as a process of its own and starts it again whenever it ends.
 * @throws when it does not come up the first time, with its own reason.
 */
export async function superviseController(options: ControllerChildOptions): Promise<ControllerChild> {
  const { clock, log } = options;
  const stopping = new AbortController();
  let { child, urls } = await startChild(options);

  async function supervise(): Promise<void> {
    let backoffMs = FIRST_RESTART_MS;
    while (!stopping.signal.aborted) {
      const startedMs = clock.monotonicMs();
      const code = await exitOf(child);
      if (stopping.signal.aborted) return;
      if (clock.monotonicMs() - startedMs > MAX_RESTART_MS) backoffMs = FIRST_RESTART_MS;
      log.error({ code, backoffMs }, 'the controller ended and is started again');
      await clock.sleep(backoffMs, stopping.signal);
      backoffMs = Math.min(backoffMs * 2, MAX_RESTART_MS);
      if (stopping.signal.aborted) return;
      ({ child, urls } = await startChild(options).catch((error: unknown) => {
        log.error({ error: String(error) }, 'the controller did not come up');
        return { child, urls };
      }));
    }
  }

  const supervision = supervise();
  return {
    urls,
    async stop() {
      stopping.abort();
      child.kill('SIGTERM');
      const killer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      await exitOf(child);
      clearTimeout(killer);
      await supervision;
    },
  };
}

async function startChild(
  options: ControllerChildOptions,
): Promise<{ child: ChildProcess; urls: Readonly<Record<string, string>> }> {
  const entry = process.argv[1] ?? '';
  const child = spawn(process.execPath, [...process.execArgv, ...NODE_FLAGS, entry, 'controller'], {
    uid: options.uid,
    gid: options.gid,
    cwd: options.start.dataDir,
    env: { ...process.env, ...MALLOC_ENV, HOME: options.start.dataDir },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  child.send(options.start);
  const urls = await new Promise<Readonly<Record<string, string>>>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`the controller is not ready after ${READY_MS / 1000} s`)),
      READY_MS,
    );
    child.once('error', reject);
    child.once('exit', (code) =>
      reject(new Error(`the controller ended with code ${code} before it was ready; see its log`)),
    );
    child.once('message', (message: ControllerMessage) => {
      clearTimeout(timer);
      if (message.type === 'ready') resolve(message.urls);
      else reject(new Error(message.message));
    });
  });
  return { child, urls };
}

function exitOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => child.once('exit', resolve));
}
