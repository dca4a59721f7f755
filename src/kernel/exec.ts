/**
 * Host commands: bounded, without a shell, and spawned from a small process.
 *
 * Theory of operation. A spawn blocks the event loop for as long as the kernel needs to copy the parent's page tables:
 * 2 ms in a small Node process, 10 to 50 ms in a big one. So the agent keeps one small helper process that does nothing
 * but spawn (`exec-helper.ts`), and talks to it in JSON lines over a pipe. The helper dies with its parent, and its
 * children with it unless they were started as daemons.
 */

export interface ExecRequest {
  /** Program and arguments; never a shell line. */
  readonly argv: readonly [string, ...string[]];
  /** What the program reads; closed at once when absent. */
  readonly stdin?: string | undefined;
  /** Killed after this long. */
  readonly timeoutMs?: number | undefined;
  readonly cwd?: string | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
}

export interface ExecResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One command's deadline when none is given. */
export const DEFAULT_EXEC_MS = 30_000;
/** Output beyond this is cut and the command killed: no host command that we run prints so much. */
export const MAX_EXEC_OUTPUT_BYTES = 16 * 1024 * 1024;

/** Runs host commands. Drivers take one as an argument; only they may. */
export interface Exec {
  /**
   * Runs to the end and returns whatever the exit code.
   * @throws {ExecError} `exec.timeout`, `exec.missing` (no such program), `exec.output`.
   */
  run(request: ExecRequest, signal?: AbortSignal): Promise<ExecResult>;
  /**
   * Runs to the end and returns standard output.
   * @throws {ExecError} also `exec.failed`, with standard error in the message, for any exit code but 0.
   */
  check(request: ExecRequest, signal?: AbortSignal): Promise<string>;
  /** Starts a program that outlives this process; returns its process id. It writes to `logFile` only. */
  spawnDaemon(request: Omit<ExecRequest, 'stdin' | 'timeoutMs'> & { readonly logFile: string }): Promise<number>;
  close(): Promise<void>;
}

export class ExecError extends Error {
  readonly code: 'exec.timeout' | 'exec.missing' | 'exec.failed' | 'exec.output' | 'exec.closed';
  readonly exitCode: number | undefined;
  readonly stderr: string;

  constructor(code: ExecError['code'], message: string, details: { exitCode?: number; stderr?: string } = {}) {
    super(message);
    this.name = 'ExecError';
    this.code = code;
    this.exitCode = details.exitCode;
    this.stderr = details.stderr ?? '';
  }
}
