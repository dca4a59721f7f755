/**
 * dnsmasq processes: found again after a restart of the agent, never killed by name.
 *
 * A process is ours when its command line names our configuration file and it runs in the namespace that has the
 * right name now. The pid file is only where to look first; when it leads nowhere, all processes are looked through.
 */
import { chmod, mkdir, readdir, readFile, readlink, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '#kernel/clock.ts';
import { errorChain } from '#kernel/errors.ts';
import type { Exec } from '#kernel/exec.ts';
import { writeFileAtomic } from '#kernel/files.ts';
import { NetworkError } from '../contract.ts';
import { type DnsmasqSpec, filesHash } from './dhcp.ts';

/** dnsmasq ends within milliseconds; one that has not after this long is killed. */
const STOP_MS = 2_000;
const STOP_POLL_MS = 5;
/** dnsmasq runs as its own user, which has to read these again at SIGHUP. */
const FILE_MODE = 0o644;
const FOLDER_MODE = 0o755;

export interface RunningDnsmasq {
  readonly pid: number;
  readonly configFile: string;
  /** `net:[4026532567]`: says whether it still is in the namespace of that name. */
  readonly namespace: string;
}

/** What a folder of ours says: the process that serves it, if any, and what it has read. */
export interface ObservedDnsmasq {
  readonly running: RunningDnsmasq | undefined;
  /** The hash of the files, if the process has read just these; otherwise what is wrong. */
  readonly files: string;
}

/** Looks at one folder; no process is started for it. */
export async function observeDnsmasq(folder: string): Promise<ObservedDnsmasq> {
  const pid = Number((await readIfThere(join(folder, 'pid')))?.trim());
  const running = (Number.isInteger(pid) && pid > 0 ? await inspect(pid, folder) : undefined) ?? (await search(folder));
  if (running === undefined) return { running, files: 'not running' };
  const stamp = (await readIfThere(join(folder, 'read')))?.trim();
  const names = await Promise.all(
    ['hosts', 'names', 'options'].map(async (name) => [name, await readIfThere(join(folder, name))] as const),
  );
  const hash = filesHash(
    Object.fromEntries(names.filter((entry): entry is [string, string] => entry[1] !== undefined)),
  );
  return { running, files: stamp === `${running.pid} ${hash}` ? hash : 'not read' };
}

/** Makes the process run with these files: starts it, restarts it or has it read them again, whichever is enough. */
export async function ensureDnsmasq(
  exec: Exec,
  clock: Clock,
  spec: DnsmasqSpec,
  namespaceFile: string,
  signal: AbortSignal,
): Promise<void> {
  await mkdir(spec.folder, { recursive: true, mode: FOLDER_MODE });
  await chmod(spec.folder, FOLDER_MODE);
  const { running } = await observeDnsmasq(spec.folder);
  for (const [name, content] of Object.entries(spec.files)) await writeIfOther(join(spec.folder, name), content);
  const isInPlace = running?.configFile === spec.configFile && running.namespace === (await namespaceOf(namespaceFile));
  const isBlocked = running === undefined ? false : await hasStaleLease(spec);
  const isBound = (await readIfThere(join(spec.folder, 'read')))?.startsWith(`${running?.pid} `) === true;
  let pid = running?.pid;
  if (running !== undefined && isInPlace && isBound && !isBlocked) process.kill(running.pid, 'SIGHUP');
  else {
    if (running !== undefined) await stopProcess(clock, running.pid, spec.folder);
    pid = await startDnsmasq(exec, spec, namespaceFile, signal);
  }
  await writeFileAtomic(join(spec.folder, 'read'), `${pid} ${filesHash(spec.files)}\n`, FILE_MODE);
}

/**
 * Says that the interface may soon be another one of the same name. dnsmasq's DHCP socket stays bound to the one that was there
 * at its start, so that the next {@link ensureDnsmasq} starts it anew, also after a crash.
 */
export async function expectNewInterface(folder: string): Promise<void> {
  await rm(join(folder, 'read'), { force: true });
}

/** Ends the process of a folder and removes the folder. */
export async function removeDnsmasq(clock: Clock, folder: string): Promise<void> {
  const { running } = await observeDnsmasq(folder);
  if (running !== undefined) await stopProcess(clock, running.pid, folder);
  await rm(folder, { recursive: true, force: true });
}

/** The namespace's identity, or undefined if there is none of that name. */
export async function namespaceOf(file: string): Promise<string | undefined> {
  try {
    return `net:[${(await stat(file)).ino}]`;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function startDnsmasq(
  exec: Exec,
  spec: DnsmasqSpec,
  namespaceFile: string,
  signal: AbortSignal,
): Promise<number> {
  for (const name of await readdir(spec.folder)) {
    if (name.startsWith('dnsmasq-') && join(spec.folder, name) !== spec.configFile)
      await rm(join(spec.folder, name), { force: true });
  }
  await dropStaleLeases(spec);
  await writeFileAtomic(spec.configFile, spec.config, FILE_MODE);
  const argv = ['nsenter', `--net=${namespaceFile}`, 'dnsmasq', `--conf-file=${spec.configFile}`] as const;
  // It goes into the background by itself once all is read and bound, so that a bad start is an exit code here.
  const result = await exec.run({ argv: [...argv] }, signal);
  if (result.exitCode !== 0) {
    throw new NetworkError('network.dhcp.failed', `dnsmasq did not start: ${result.stderr.trim().slice(0, 500)}`);
  }
  const pid = Number((await readIfThere(join(spec.folder, 'pid')))?.trim());
  if (!Number.isInteger(pid) || pid <= 0)
    throw new NetworkError('network.dhcp.failed', 'dnsmasq started but left no process id.');
  return pid;
}

/** Waits until it has gone; one that has ended but that nobody has collected has no command line, and counts as gone. */
async function stopProcess(clock: Clock, pid: number, folder: string): Promise<void> {
  const deadline = clock.monotonicMs() + STOP_MS;
  if (!sendSignal(pid, 'SIGTERM')) return;
  while (clock.monotonicMs() < deadline) {
    if ((await inspect(pid, folder)) === undefined) return;
    await clock.sleep(STOP_POLL_MS);
  }
  sendSignal(pid, 'SIGKILL');
}

function sendSignal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** A lease that somebody else holds on an address would keep its new owner from getting it until it runs out. */
async function hasStaleLease(spec: DnsmasqSpec): Promise<boolean> {
  const lines = (await readIfThere(join(spec.folder, 'leases')))?.split('\n') ?? [];
  return lines.some((line) => isStale(line, spec));
}

async function dropStaleLeases(spec: DnsmasqSpec): Promise<void> {
  const file = join(spec.folder, 'leases');
  const lines = (await readIfThere(file))?.split('\n');
  if (lines?.some((line) => isStale(line, spec)) !== true) return;
  await writeFileAtomic(file, lines.filter((line) => !isStale(line, spec)).join('\n'), FILE_MODE);
}

/** A lease line is `1700000000 fa:16:3e:00:00:01 10.0.0.5 name client-id`. */
function isStale(line: string, spec: DnsmasqSpec): boolean {
  const [, mac, address] = line.split(' ');
  if (mac === undefined || address === undefined || !mac.includes(':')) return false;
  return !spec.owners.includes(`${mac} ${address}`) && spec.owners.some((owner) => owner.endsWith(` ${address}`));
}

async function inspect(pid: number, folder: string): Promise<RunningDnsmasq | undefined> {
  try {
    const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0');
    const configFile = words.find((word) => word.startsWith('--conf-file='))?.slice('--conf-file='.length);
    if (configFile?.startsWith(`${folder}/`) !== true) return undefined;
    return { pid, configFile, namespace: await readlink(`/proc/${pid}/ns/net`) };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw new NetworkError('network.dhcp.unreadable', `Process ${pid} cannot be looked at: ${errorChain(error)}`, {
      cause: error,
    });
  }
}

async function search(folder: string): Promise<RunningDnsmasq | undefined> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  for (const pid of pids) {
    const found = await inspect(Number(pid), folder);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function writeIfOther(path: string, content: string): Promise<void> {
  if ((await readIfThere(path)) !== content) await writeFileAtomic(path, content, FILE_MODE);
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
