import { spawn } from 'node:child_process';
import { delimiter, dirname, join } from 'node:path';

export interface ProgramRun {
  readonly argv: readonly [string, ...string[]];
  /** The source tree: working directory, and where `node_modules/.bin` is. */
  readonly root: string;
  /** The whole process group is killed after this long. */
  readonly timeoutMs: number;
  /** Whether people see the output as it comes. */
  readonly isShown: boolean;
}

export interface ProgramResult {
  /** 124 at the deadline, 128 and the signal's number when killed, as shells say it. */
  readonly exitCode: number;
  /** Standard output and error as they came; the beginning is cut beyond {@link MAX_KEPT_CHARS}. */
  readonly output: string;
}

/** Enough for a long compiler complaint; a stage that prints more still shows everything, only the end is kept. */
const MAX_KEPT_CHARS = 1024 * 1024;
const EXIT_TIMEOUT = 124;
const EXIT_SIGNAL = 128;
const EXIT_MISSING = 127;

/** Runs one test program to its end, with this Node and the tree's tools first in the PATH. */
export function runProgram({ argv, root, timeoutMs, isShown }: ProgramRun): Promise<ProgramResult> {
  const path = [dirname(process.execPath), join(root, 'node_modules/.bin'), process.env['PATH'] ?? ''].join(delimiter);
  const [program, ...args] = argv;
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: root,
      env: { ...process.env, ...(process.stdout.isTTY ? {} : { NO_COLOR: '1' }), PATH: path },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    let output = '';
    let isLate = false;
    const keep = (chunk: string): void => {
      output = (output + chunk).slice(-MAX_KEPT_CHARS);
      if (isShown) process.stdout.write(chunk);
    };
    child.stdout.setEncoding('utf8').on('data', keep);
    child.stderr.setEncoding('utf8').on('data', keep);

    const killGroup = (signal: NodeJS.Signals): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, signal);
      } catch {
        // The group has just ended: that is what was wanted.
      }
    };
    const timer = setTimeout(() => {
      isLate = true;
      killGroup('SIGKILL');
    }, timeoutMs);
    const stop = (signal: NodeJS.Signals): void => killGroup(signal);
    process.on('SIGINT', stop).on('SIGTERM', stop);

    const end = (exitCode: number): void => {
      clearTimeout(timer);
      process.off('SIGINT', stop).off('SIGTERM', stop);
      resolve({ exitCode, output });
    };
    child.once('error', (error) => {
      keep(`${program}: ${error.message}\n`);
      end(EXIT_MISSING);
    });
    child.once('close', (code, signal) => {
      if (isLate) keep(`killed after ${timeoutMs / 1000} s\n`);
      end(isLate ? EXIT_TIMEOUT : (code ?? EXIT_SIGNAL + signalNumber(signal)));
    });
  });
}

function signalNumber(signal: NodeJS.Signals | null): number {
  return signal === 'SIGINT' ? 2 : signal === 'SIGTERM' ? 15 : 9;
}
