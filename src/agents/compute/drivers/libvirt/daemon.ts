/**
 * Finds libvirt's daemon, and runs one of our own where the system has none.
 *
 * Theory of operation. A daemon of the system is used as it is. Otherwise libvirtd and virtlogd are started with their
 * five folders bound, in a mount namespace of their own, to folders of ours: several clouds, and emulated hosts, then
 * share a machine without meeting. The daemons outlive the agent, and guests outlive the daemons. No namespace must be
 * kept for that: all that ties libvirtd to its guests (pid files, monitor sockets, domain files) lies in our folders, so
 * a new libvirtd in a new namespace over the same folders finds them again. The agent finds a running daemon by its
 * socket.
 */
import { cp, mkdir, readFile, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Clock } from '#kernel/clock.ts';
import type { Exec } from '#kernel/exec.ts';
import { writeFileAtomic } from '#kernel/files.ts';
import type { Log } from '#kernel/log.ts';
import { DriverError } from '../contract.ts';

/** Where libvirt's own packages listen: the one daemon of old, and the modular one. */
const SYSTEM_SOCKETS = ['/run/libvirt/libvirt-sock', '/run/libvirt/virtqemud-sock'];
/** libvirtd answers within a second of its start; a loaded machine may need more, a broken set-up never does. */
const START_MS = 20_000;
const START_POLL_MS = 50;
/** What QEMU can do, which takes libvirt seconds to find out: taken over from the system's libvirt if it is there. */
const SYSTEM_CAPABILITIES = '/var/cache/libvirt/qemu/capabilities';

export interface LibvirtDaemonOptions {
  readonly exec: Exec;
  readonly clock: Clock;
  readonly log: Log;
  /** Where a daemon of our own keeps all it has. Its path must be short: sockets below it have at most 107 characters. */
  readonly folder: string;
  /** Only this socket, with no daemon of our own. */
  readonly socketPath?: string | undefined;
  /** Never use the system's daemon. */
  readonly isPrivate?: boolean | undefined;
  /**
   * Keeps `/dev/kvm` from a daemon of our own, where it is there but of no use. libvirt would otherwise advertise it, and
   * where QEMU's user may not open it, ask QEMU for its capabilities anew at every step, for seconds.
   */
  readonly hidesKvm?: boolean | undefined;
}

export interface LibvirtDaemon {
  readonly socketPath: string;
  /** Turns a path as the daemon sees it into one that we see. */
  readonly toHostPath: (path: string) => string;
  /** Starts virtlogd again where it has ended: no guest starts without it, and libvirtd does not start it by itself. */
  readonly ensureLogger: (signal?: AbortSignal) => Promise<void>;
}

/**
 * Returns a daemon that accepts connections, started if need be.
 * @throws {DriverError} `libvirt.unreachable`, `libvirt.missing`.
 */
export async function ensureLibvirt(options: LibvirtDaemonOptions, signal?: AbortSignal): Promise<LibvirtDaemon> {
  if (options.socketPath !== undefined) return foreignDaemon(options.socketPath);
  if (options.isPrivate !== true) {
    for (const socketPath of SYSTEM_SOCKETS) {
      if (await accepts(socketPath)) return foreignDaemon(socketPath);
    }
  }
  const own = ownDaemon(options);
  if (!(await accepts(own.socketPath))) await startOwn(options, own.socketPath, signal);
  return own;
}

/** Stops the daemons that were started over `folder`; guests go on. */
export async function stopOwnLibvirt(folder: string, clock: Clock): Promise<void> {
  for (const name of ['libvirtd', 'virtlogd']) {
    const pid = await daemonPid(folder, name);
    if (pid === undefined) continue;
    process.kill(pid, 'SIGTERM');
    const end = clock.monotonicMs() + START_MS;
    while ((await daemonPid(folder, name)) === pid) {
      if (clock.monotonicMs() > end) throw new DriverError('libvirt.stop', `${name} (process ${pid}) does not stop.`);
      await clock.sleep(START_POLL_MS);
    }
  }
}

/** One that others look after. */
function foreignDaemon(socketPath: string): LibvirtDaemon {
  return { socketPath, toHostPath: (path) => path, ensureLogger: async () => undefined };
}

function ownDaemon({ folder, exec, log }: LibvirtDaemonOptions): LibvirtDaemon {
  const folders = BOUND.map(([name, seen]) => ({ seen, ours: join(folder, name) }));
  return {
    socketPath: join(folder, 'run', 'libvirt-sock'),
    toHostPath(path) {
      const bound = folders.find(({ seen }) => path.startsWith(`${seen}/`));
      return bound === undefined ? path : join(bound.ours, path.slice(bound.seen.length));
    },
    async ensureLogger(signal) {
      if ((await daemonPid(folder, 'virtlogd')) !== undefined) return;
      const pid = await daemonPid(folder, 'libvirtd');
      if (pid === undefined) return; // whoever starts libvirtd again starts both
      const inItsMounts = ['nsenter', '--target', String(pid), '--mount'] as const;
      await exec.check({ argv: [...inItsMounts, 'virtlogd', '-d', '-p', join(folder, 'virtlogd.pid')] }, signal);
      log.warn(
        { folder },
        'virtlogd had ended and was started again; running guests write to their console logs after their next start',
      );
    },
  };
}

/** Our folder → where the daemon sees it. */
const BOUND = [
  ['etc', '/etc/libvirt'],
  ['run', '/run/libvirt'],
  ['lib', '/var/lib/libvirt'],
  ['cache', '/var/cache/libvirt'],
  ['log', '/var/log/libvirt'],
] as const;

/**
 * Runs in the new namespace. Mounts of the host go on showing up in it (`slave`), its own show up nowhere else.
 * $1 is our folder, $2 says whether virtlogd is to be started, $3 whether to hide KVM.
 */
const START_SCRIPT = `set -e
${BOUND.map(([name, seen]) => `mkdir -p ${seen}; mount --bind "$1/${name}" ${seen}`).join('\n')}
if [ "$3" = yes ] && [ -e /dev/kvm ]; then
  [ -e "$1/no-kvm" ] || mknod -m 000 "$1/no-kvm" c 1 3
  mount --bind "$1/no-kvm" /dev/kvm
fi
if [ "$2" = yes ]; then virtlogd -d -p "$1/virtlogd.pid"; fi
exec libvirtd -p "$1/libvirtd.pid"
`;

async function startOwn(
  options: LibvirtDaemonOptions,
  socketPath: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { exec, clock, log, folder } = options;
  await prepareFolders(folder);
  const needsVirtlogd = (await daemonPid(folder, 'virtlogd')) === undefined;
  const logFile = join(folder, 'start.log');
  const answers = [needsVirtlogd, options.hidesKvm === true].map((isSo) => (isSo ? 'yes' : 'no'));
  const script = ['sh', '-c', START_SCRIPT, 'libvirt', folder, ...answers];
  const pid = await exec.spawnDaemon({ argv: ['unshare', '--mount', '--propagation', 'slave', ...script], logFile });
  const end = clock.monotonicMs() + START_MS;
  while (!(await accepts(socketPath))) {
    signal?.throwIfAborted();
    if (clock.monotonicMs() > end || !(await isRunning(pid))) {
      const said = (await readFile(logFile, 'utf8').catch(() => '')).trim().slice(-1_000);
      throw new DriverError('libvirt.start', `libvirtd does not start on this host (see ${logFile}): ${said}`);
    }
    await clock.sleep(START_POLL_MS, signal);
  }
  log.info({ pid, folder }, 'started a libvirt daemon of our own');
}

async function prepareFolders(folder: string): Promise<void> {
  for (const [name] of BOUND) await mkdir(join(folder, name), { recursive: true, mode: 0o755 });
  const capabilities = join(folder, 'cache', 'qemu', 'capabilities');
  if (!(await exists(capabilities)) && (await exists(SYSTEM_CAPABILITIES))) {
    await mkdir(join(folder, 'cache', 'qemu'), { recursive: true });
    await cp(SYSTEM_CAPABILITIES, capabilities, { recursive: true });
  }
  await writeFileAtomic(join(folder, 'etc', 'libvirtd.conf'), LIBVIRTD_CONF, 0o644);
  await writeFileAtomic(join(folder, 'etc', 'qemu.conf'), QEMU_CONF, 0o644);
}

/** Only root reaches the socket. The agent alone uses this daemon, and may have many calls under way. */
const LIBVIRTD_CONF = `auth_unix_rw = "none"
unix_sock_rw_perms = "0700"
max_client_requests = 64
max_workers = 32
log_outputs = "2:file:/var/log/libvirt/libvirtd.log"
`;

/** Emulated hosts share one cgroup tree, where guests of the same number would meet: no cgroups without a system daemon. */
const QEMU_CONF = `security_driver = "none"
dynamic_ownership = 1
stdio_handler = "logd"
cgroup_controllers = [ ]
`;

async function accepts(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    const answer = (isThere: boolean) => () => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once('connect', answer(true));
    socket.once('error', answer(false));
  });
}

/** The daemon's process, if the one in its pid file still is that daemon. */
async function daemonPid(folder: string, name: string): Promise<number | undefined> {
  const pid = Number(await readFile(join(folder, `${name}.pid`), 'utf8').catch(() => ''));
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return command.split('\0').includes(join(folder, `${name}.pid`)) ? pid : undefined;
}

async function isRunning(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return status !== undefined && !/\) Z /.test(status);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
