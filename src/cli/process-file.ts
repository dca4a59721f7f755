import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock } from '#kernel/clock.ts';
import { commandFor } from './cloud-folder.ts';
import { words } from './language.ts';

/** A process that a file names, known by when it started as well: process ids are used again. */
interface NamedProcess {
  readonly pid: number;
  readonly startTime: string;
}

/** How often is looked whether a process has ended. */
const LOOK_MS = 50;

/** Writes that this process is the one. @throws when another living one already is. */
export function claimProcessFile(file: string): void {
  const other = findProcess(file);
  if (other !== undefined) {
    const [stop, see] = ['down', 'status'].map((command) => commandFor(dirname(file), command));
    throw new Error(
      words({
        en: `this cloud is already up (process ${other}). To stop it: ${stop}. To see it: ${see}.`,
        zh: `这个云已经在运行（进程 ${other}）。停止：${stop}；查看：${see}。`,
      }),
    );
  }
  const self: NamedProcess = { pid: process.pid, startTime: startTimeOf(process.pid) ?? '' };
  writeFileSync(file, JSON.stringify(self), { mode: 0o644 });
}

export function releaseProcessFile(file: string): void {
  rmSync(file, { force: true });
}

/** The living process that the file names, or undefined. */
export function findProcess(file: string): number | undefined {
  try {
    const named = JSON.parse(readFileSync(file, 'utf8')) as NamedProcess;
    return startTimeOf(named.pid) === named.startTime ? named.pid : undefined;
  } catch {
    return undefined;
  }
}

/** Asks the named process to end and waits; after the deadline it is killed. True when there was one. */
export async function stopProcess(file: string, clock: Clock, deadlineMs: number): Promise<boolean> {
  const pid = findProcess(file);
  if (pid === undefined) return false;
  process.kill(pid, 'SIGTERM');
  const endMs = clock.monotonicMs() + deadlineMs;
  while (findProcess(file) === pid && clock.monotonicMs() < endMs)
    await new Promise((wake) => setTimeout(wake, LOOK_MS));
  if (findProcess(file) === pid) process.kill(pid, 'SIGKILL');
  releaseProcessFile(file);
  return true;
}

/** Field 22 of /proc/PID/stat: unique together with the id until the machine restarts. A zombie has ended. */
function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
