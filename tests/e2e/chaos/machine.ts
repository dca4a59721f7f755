/**
 * A machine that may be broken: processes, network, `/run` and clock of its own on this one, and a small disk.
 *
 * All of it hangs on one process, the machine's init: `kill -9` of it is a power cut, and takes everything but the disk along.
 * Processes are found by the namespace that they are in, never by name alone, so that nothing else on this machine is hit.
 */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

export interface Output {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface MachineProcess {
  readonly pid: number;
  readonly argv: readonly string[];
}

export interface Machine {
  /** Its disk: survives a power cut, and is small enough to be filled. */
  readonly disk: string;
  /** Where it is reached from this machine. */
  readonly address: string;
  /** Whether its clock can be moved: `faketime` is there. */
  readonly hasClock: boolean;
  /** Switches it on. */
  boot(): Promise<void>;
  /** The power fails. */
  cutPower(): Promise<void>;
  /** Runs a command on it. */
  run(argv: readonly string[], timeoutMs?: number): Promise<Output>;
  /** As {@link run}, and fails when the command does. */
  check(argv: readonly string[], timeoutMs?: number): Promise<string>;
  /** What runs on it, but for its init. */
  processes(): MachineProcess[];
  /** Moves the wall clock of the cloud's own processes to `seconds` beside the true time. */
  setClock(seconds: number): void;
  fillDisk(): Promise<void>;
  freeDisk(): void;
  /** Takes all of it away. */
  remove(): Promise<void>;
}

/** Three guests of the smallest flavor fit on it. */
const DISK_MIB = 5_120;
const COMMAND_MS = 60_000;
const END_MS = 10_000;
const FAKETIME = '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1';

/** The machine's init: gives it its own `/run`, `/sys` and `/dev/shm`, and collects what has ended. */
const INIT = `set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/netns /run/lock /run/cgroup
mount --rbind /sys/fs/cgroup /run/cgroup
mount -t sysfs sysfs /sys
mount --move /run/cgroup /sys/fs/cgroup
mount -t tmpfs tmpfs /dev/shm
hostname "$1"
ip link set dev lo up
touch /run/booted
trap : CHLD
sleep infinity &
while :; do wait; done
`;

/** Prepares a machine that is off. Needs root. */
export function createMachine(): Machine {
  const folder = mkdtempSync(join(tmpdir(), 'pileus-chaos-'));
  chmodSync(folder, 0o755);
  const disk = join(folder, 'disk');
  mkdirSync(disk);
  mountDisk(join(folder, 'disk.img'), disk);
  const clockFile = join(folder, 'clock');
  const subnet = `198.18.${randomInt(256)}.${randomInt(63) * 4}`.split('.').map(Number);
  const [ours, theirs] = [1, 2].map((offset) => [...subnet.slice(0, 3), (subnet[3] ?? 0) + offset].join('.'));
  const link = `pc${randomInt(16 ** 6).toString(16)}`;
  const hasClock = exists(FAKETIME);
  let power: { readonly init: number; readonly namespace: string; readonly ended: Promise<void> } | undefined;

  const enter = (): string[] => {
    if (power === undefined) throw new Error('the machine is off');
    return ['nsenter', '-t', String(power.init), '-n', '-m', '-u', '-p', '--wd=/'];
  };
  const clockEnv = hasClock
    ? [
        `LD_PRELOAD=${FAKETIME}`,
        `FAKETIME_TIMESTAMP_FILE=${clockFile}`,
        'FAKETIME_CACHE_DURATION=1',
        'FAKETIME_DONT_FAKE_MONOTONIC=1',
        'FAKETIME_DISABLE_SHM=1',
        'FAKETIME_ONLY_CMDS=node',
        'NO_FAKE_STAT=1',
      ]
    : [];
  const machine: Machine = {
    disk,
    address: theirs ?? '',
    hasClock,
    async boot() {
      const args = ['--pdeathsig', 'KILL', 'unshare', '-n', '-m', '-u', '-p', '-f', '--kill-child', '--mount-proc'];
      const child = spawn('setpriv', [...args, 'bash', '-c', INIT, 'init', basename(folder)], {
        stdio: ['ignore', 'inherit', 'ignore'], // it complains of every power cut
      });
      const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      const pid = child.pid ?? -1;
      const init = await eventually(`an init of ${basename(folder)}`, () => childrenOf(pid)[0]);
      await eventually('a booted machine', () => exists(`/proc/${init}/root/run/booted`) || undefined);
      power = { init, namespace: readlinkSync(`/proc/${init}/ns/pid`), ended };
      execFileSync('ip', ['link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(init)]);
      execFileSync('ip', ['addr', 'add', `${ours}/30`, 'dev', link]);
      execFileSync('ip', ['link', 'set', 'dev', link, 'up']);
      await machine.check(['ip', 'addr', 'add', `${theirs}/30`, 'dev', 'eth0']);
      await machine.check(['ip', 'link', 'set', 'dev', 'eth0', 'up']);
    },
    async cutPower() {
      if (power === undefined) return;
      const { init, ended } = power;
      power = undefined;
      process.kill(init, 'SIGKILL');
      await ended;
      // The kernel takes the interface away once the last process of the namespace has gone.
      await eventually('its network gone', () => (exists(`/sys/class/net/${link}`) ? undefined : true));
    },
    run(argv, timeoutMs = COMMAND_MS) {
      const [program = '', ...args] = [...enter(), 'env', ...clockEnv, ...argv];
      return new Promise((resolve) => {
        execFile(program, args, { timeout: timeoutMs, maxBuffer: 16 << 20 }, (error, stdout, stderr) => {
          const exitCode = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
          resolve({ exitCode, stdout, stderr });
        });
      });
    },
    async check(argv, timeoutMs) {
      const { exitCode, stdout, stderr } = await machine.run(argv, timeoutMs);
      if (exitCode !== 0) throw new Error(`${argv.join(' ')}: ${stderr}${stdout}`);
      return stdout;
    },
    processes() {
      if (power === undefined) return [];
      const { init, namespace } = power;
      return readdirSync('/proc')
        .map(Number)
        .filter((pid) => pid > 0 && pid !== init)
        .flatMap((pid) => inspect(pid, namespace) ?? []);
    },
    setClock(seconds) {
      writeFileSync(clockFile, `${seconds < 0 ? '' : '+'}${seconds}\n`);
    },
    async fillDisk() {
      // At once for what is free as a whole, and then whatever little is left.
      const script =
        'fallocate -l "$(df -B1 --output=avail "$1" | tail -1)" "$1/filler"; dd if=/dev/zero of="$1/filler.2" bs=4k status=none';
      await run(['sh', '-c', `(${script}) 2>/dev/null; true`, 'fill', disk]);
    },
    freeDisk() {
      rmSync(join(disk, 'filler'), { force: true });
      rmSync(join(disk, 'filler.2'), { force: true });
    },
    async remove() {
      await machine.cutPower();
      await run(['umount', disk]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  machine.setClock(0);
  return machine;
}

/** A file system of its own in a file; in memory where there is no loop device. */
function mountDisk(image: string, at: string): void {
  try {
    execFileSync('truncate', ['-s', `${DISK_MIB}M`, image]);
    execFileSync('mke2fs', ['-q', '-F', '-m', '0', '-t', 'ext4', image]);
    execFileSync('mount', ['-o', 'loop', image, at], { stdio: 'pipe' });
  } catch {
    rmSync(image, { force: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'tmpfs', at]);
  }
  chmodSync(at, 0o755);
}

function run(argv: readonly [string, ...string[]]): Promise<void> {
  const [program, ...args] = argv;
  return new Promise((resolve, reject) => {
    execFile(program, args, { timeout: COMMAND_MS }, (error) => (error === null ? resolve() : reject(error)));
  });
}

function inspect(pid: number, namespace: string): MachineProcess | undefined {
  try {
    if (readlinkSync(`/proc/${pid}/ns/pid`) !== namespace) return undefined;
    const argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
    return argv.length === 0 ? undefined : { pid, argv };
  } catch {
    return undefined; // it has just ended
  }
}

function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return text === '' ? [] : text.split(' ').map(Number);
  } catch {
    return [];
  }
}

function exists(path: string): boolean {
  try {
    return readdirSync(path).length >= 0;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOTDIR';
  }
}

async function eventually<T>(what: string, look: () => T | undefined): Promise<T> {
  const end = performance.now() + END_MS;
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error(`not within ${END_MS / 1000} s: ${what}`);
    await new Promise((wake) => setTimeout(wake, 20));
  }
}
