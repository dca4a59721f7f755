/** A piece of this machine with a network stack and `/run/netns` of its own, with guests that are namespaces. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NetworkFacts } from '#protocol/hosts.ts';
import type { DesiredNetworks, NetworksReport } from '#protocol/networks.ts';
import type { HostConfig, ToHost } from './network-host.ts';

/** A report that has not come after this long will not come. */
const REPORT_MS = 20_000;

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Sandbox {
  readonly pid: number;
  readonly folder: string;
  /** Runs a command; in the named namespace of the sandbox if one is given. */
  run(argv: readonly string[], options?: { readonly netns?: string; readonly stdin?: string }): Promise<CommandResult>;
  /** As {@link run}, but a failure rejects. */
  check(argv: readonly string[], options?: { readonly netns?: string; readonly stdin?: string }): Promise<string>;
  /** A guest: a namespace whose `eth0` is the other end of the port's device. */
  addGuest(name: string, tap: string, macAddress: string, where?: string): Promise<void>;
  close(): Promise<void>;
}

export interface TestHost {
  readonly facts: NetworkFacts;
  readonly pid: number;
  /** Gives a desired state and waits until nothing is left to do and a report of its revision satisfies `isDone` (all is up, if absent). */
  apply(desired: DesiredNetworks, isDone?: (report: NetworksReport) => boolean): Promise<NetworksReport>;
  /** What the agent would do now, with what it found; and the commands run since the last time. */
  plan(): Promise<{ readonly steps: readonly string[]; readonly commands: readonly string[] }>;
  waitForReport(isDone: (report: NetworksReport) => boolean): Promise<NetworksReport>;
  /** Runs one case of the driver's contract; resolves with what went wrong, or an empty text. */
  runContract(name: string): Promise<string>;
  /** `kill -9`. */
  kill(): Promise<void>;
  stop(how?: 'stop' | 'purge'): Promise<void>;
}

export async function createSandbox(): Promise<Sandbox> {
  const folder = await mkdtemp(join(tmpdir(), 'pileus-net-'));
  await chmod(folder, 0o755); // dnsmasq reads its files as its own user
  const holder = spawn('unshare', ['--net', '--mount', '--propagation', 'private', 'sleep', 'infinity'], {
    stdio: 'ignore',
  });
  const { pid } = holder;
  if (pid === undefined) throw new Error('unshare did not start');
  await waitUntilSeparate(pid);
  const run: Sandbox['run'] = (argv, options = {}) => {
    const inside = options.netns === undefined ? [] : ['ip', 'netns', 'exec', options.netns];
    return runCommand(['nsenter', '-t', String(pid), '-n', '-m', ...inside, ...argv], options.stdin);
  };
  const check: Sandbox['check'] = async (argv, options) => {
    const result = await run(argv, options);
    if (result.exitCode !== 0) throw new Error(`${argv.join(' ')}: ${result.stderr}${result.stdout}`);
    return result.stdout;
  };
  await check(['mkdir', '-p', '/run/netns']);
  await check(['mount', '-t', 'tmpfs', 'tmpfs', '/run/netns']);
  await check(['ip', 'link', 'set', 'dev', 'lo', 'up']);
  return {
    pid,
    folder,
    run,
    check,
    async addGuest(name, tap, macAddress, where) {
      const host = where === undefined ? [] : ['-n', where];
      await check(['ip', 'netns', 'add', name]);
      await check(['ip', '-n', name, 'link', 'set', 'dev', 'lo', 'up']);
      await check(['ip', ...host, 'link', 'add', 'dev', tap, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name]);
      await check(['ip', '-n', name, 'link', 'set', 'dev', 'eth0', 'address', macAddress]);
      await check(['sysctl', '-qw', 'net.ipv6.conf.all.accept_dad=0', 'net.ipv6.conf.eth0.accept_dad=0'], {
        netns: name,
      });
      await check(['ip', '-n', name, 'link', 'set', 'dev', 'eth0', 'up']);
    },
    async close() {
      // DHCP servers outlive their agent, and would outlive the test.
      const left = await runCommand(['pgrep', '-f', `dnsmasq --conf-file=${folder}/`]);
      for (const one of left.stdout.split('\n').filter(Boolean)) process.kill(Number(one), 'SIGKILL');
      holder.kill('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Starts an agent in the sandbox; in the named namespace of it if one is given. */
export async function startHost(
  sandbox: Sandbox,
  config: Omit<HostConfig, 'runDir' | 'dataDir'>,
  netns?: string,
): Promise<TestHost> {
  const name = netns ?? 'main';
  const full: HostConfig = {
    ...config,
    runDir: join(sandbox.folder, `run-${name}`),
    dataDir: join(sandbox.folder, `data-${name}`),
  };
  const program = fileURLToPath(new URL('./network-host.ts', import.meta.url));
  const inside = netns === undefined ? [] : ['nsenter', `--net=/run/netns/${netns}`];
  const argv = ['-t', String(sandbox.pid), '-n', '-m', ...inside, process.execPath, program, JSON.stringify(full)];
  const child = spawn('nsenter', argv, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], cwd: process.cwd() });
  const inbox = createInbox(child);
  const started = await inbox.next((message) => message.what === 'started', 'start');
  const send = (message: ToHost): void => void child.send(message);
  const plan = async (keepsCommands: boolean): Promise<Awaited<ReturnType<TestHost['plan']>>> => {
    send({ what: 'plan', keepsCommands });
    const found = await inbox.next((message) => message.what === 'plan', 'plan');
    return { steps: found.steps ?? [], commands: found.commands ?? [] };
  };
  return {
    facts: started.facts as NetworkFacts,
    pid: child.pid ?? -1,
    async apply(desired, isDone = isAllUp) {
      send({ what: 'desired', desired });
      const found = await inbox.next(
        (message) =>
          message.what === 'report' && message.report?.revision === desired.revision && isDone(message.report),
        `report of revision ${desired.revision}`,
      );
      const deadline = performance.now() + REPORT_MS;
      let left = (await plan(true)).steps;
      while (left.length > 0 && performance.now() < deadline) left = (await plan(true)).steps;
      if (left.length > 0) throw new Error(`not settled: ${left.join('\n')}`);
      return found.report as NetworksReport;
    },
    plan: () => plan(false),
    async waitForReport(isDone) {
      return (
        await inbox.next(
          (message) => message.what === 'report' && message.report !== undefined && isDone(message.report),
          'report',
        )
      ).report as NetworksReport;
    },
    async runContract(name) {
      send({ what: 'contract', name });
      return (await inbox.next((message) => message.what === 'contract', 'contract')).error ?? '';
    },
    async kill() {
      child.kill('SIGKILL');
      await exited(child);
    },
    async stop(how = 'stop') {
      if (child.exitCode !== null || child.signalCode !== null) return;
      send({ what: how });
      await exited(child);
      if (child.exitCode !== 0) throw new Error(`the host ended with ${child.exitCode ?? child.signalCode}`);
    },
  };
}

function isAllUp(report: NetworksReport): boolean {
  return [...report.networks, ...report.ports, ...report.routers].every((resource) => resource.state === 'up');
}

interface FromHost {
  readonly what: string;
  readonly report?: NetworksReport;
  readonly facts?: NetworkFacts;
  readonly steps?: readonly string[];
  readonly commands?: readonly string[];
  readonly error?: string;
}

interface Inbox {
  next(isWanted: (message: FromHost) => boolean, what: string): Promise<FromHost>;
}

/** Keeps the last message, because the wanted one may have come before anybody asked. */
function createInbox(child: ChildProcess): Inbox {
  let last: FromHost | undefined;
  const waiting = new Set<(message: FromHost) => void>();
  child.on('message', (message) => {
    last = message as FromHost;
    for (const tell of waiting) tell(last);
  });
  return {
    next: (isWanted, what) =>
      new Promise((resolve, reject) => {
        const done = (): void => {
          clearTimeout(timer);
          waiting.delete(look);
          child.off('exit', gone);
        };
        const look = (message: FromHost): void => {
          if (!isWanted(message)) return;
          done();
          resolve(message);
        };
        const gone = (): void => {
          done();
          reject(new Error(`the host ended before its ${what}`));
        };
        const timer = setTimeout(() => {
          done();
          reject(new Error(`no ${what} after ${REPORT_MS} ms; last: ${JSON.stringify(last)}`));
        }, REPORT_MS);
        waiting.add(look);
        child.once('exit', gone);
        if (what === 'report' && last !== undefined) look(last);
      }),
  };
}

function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once('exit', () => resolve()));
}

async function waitUntilSeparate(pid: number): Promise<void> {
  const own = (await runCommand(['readlink', '/proc/self/ns/net'])).stdout;
  for (let attempt = 0; attempt < 500; attempt++) {
    const theirs = (await runCommand(['readlink', `/proc/${pid}/ns/net`])).stdout;
    if (theirs !== '' && theirs !== own) return;
  }
  throw new Error('the sandbox has no namespace of its own');
}

function runCommand(argv: readonly string[], stdin = ''): Promise<CommandResult> {
  return new Promise((resolve) => {
    const [program = '', ...rest] = argv;
    const child = execFile(program, rest, { timeout: 20_000, maxBuffer: 16 << 20 }, (error, stdout, stderr) => {
      const exitCode = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ exitCode, stdout, stderr });
    });
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(stdin);
  });
}
