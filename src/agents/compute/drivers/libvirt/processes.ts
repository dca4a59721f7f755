import { readFile } from 'node:fs/promises';
import { DriverError } from '../contract.ts';

/** Ticks per second that the kernel shows to programs, on every architecture that we run on. */
const TICKS_PER_SECOND = 100;

/**
 * What {@link ComputeActual.session} is on Linux: the kernel's boot, and the first process of our process namespace, for an
 * emulated host goes down with the latter.
 */
export async function hostSession(): Promise<string> {
  const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  return `${boot}/${await startTicks(1)}`;
}

/** For how many seconds the process of a pid file has run. @throws {DriverError} `guest.not_running` when it has ended. */
export async function processAge(pidFile: string): Promise<number> {
  try {
    const ticks = await startTicks(Number(await readFile(pidFile, 'utf8')));
    const uptime = Number((await readFile('/proc/uptime', 'utf8')).split(' ')[0]);
    return Math.max(0, Math.floor(uptime - ticks / TICKS_PER_SECOND));
  } catch (cause) {
    throw new DriverError('guest.not_running', 'The guest has just stopped.', { cause });
  }
}

/** When a process was started, in clock ticks since the boot (field 22 of `/proc/<pid>/stat`). */
async function startTicks(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/stat`, 'utf8');
  return Number(status.slice(status.lastIndexOf(')') + 2).split(' ')[19]);
}
