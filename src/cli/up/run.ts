import { spawn } from 'node:child_process';
import { mkdirSync, openSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '#kernel/clock.ts';
import { CUSTOMARY_PORTS } from '../../controller/settings.ts';
import { type CloudFolder, cloudFolder, prepareCloudFolder } from '../cloud-folder.ts';
import { databaseOf, rememberDatabase } from '../database.ts';
import { hostAddress } from '../host-address.ts';
import { words } from '../language.ts';
import { claimProcessFile, findProcess, releaseProcessFile } from '../process-file.ts';
import { formatSeconds, terminalProgress } from '../progress.ts';
import { requireListenable } from './listenable.ts';
import type { RunningCloud, StartParts, UpOptions } from './parts.ts';
import { joinSharedCloud } from './shared-cloud.ts';

/** How long a start may take before `--detach` gives up on it. */
const DETACH_DEADLINE_MS = 180_000;

/**
 * Starts a cloud and stays until it is told to stop (SIGINT, SIGTERM), or returns when it is ready (`--detach`).
 * @throws when a part does not come up, naming it.
 */
export async function up(options: UpOptions): Promise<void> {
  const folder = cloudFolder(options.data);
  const isFake = options.fake === true;
  if (!isFake && process.getuid?.() !== 0) {
    throw new Error(
      words({
        en: 'real guests need root: sudo ./pileus up. Without root there are fake ones: ./pileus up --fake',
        zh: '真实的虚拟机需要 root：sudo ./pileus up。没有 root 可以用模拟主机：./pileus up --fake',
      }),
    );
  }
  if (options.detach === true) return upDetached(options, folder);
  const running = findProcess(folder.pidFile);
  if (running === undefined) await requirePorts(options);
  const progress = terminalProgress(systemClock, say);
  const own = await prepareCloudFolder(folder);
  const database = databaseOf(folder, options.database, isFake ? 'normal' : 'full');
  await rememberDatabase(folder, options.database);
  claimProcessFile(folder.pidFile);
  try {
    const { identity, cloudKey } =
      database.kind === 'mysql' ? await joinSharedCloud(folder, database, own) : { identity: own, cloudKey: undefined };
    const stopped = stopSignal();
    const cloud = await start(isFake, { options, folder, identity, database, cloudKey, progress });
    printReady(folder, cloud, progress.elapsedMs());
    await Promise.race([stopped, cloud.ended]);
    await cloud.stop();
  } finally {
    releaseProcessFile(folder.pidFile);
  }
}

/** Before anything is made: whether the APIs can listen where they are to. */
async function requirePorts(options: UpOptions): Promise<void> {
  await requireListenable(options.listen ?? (options.fake === true ? '127.0.0.1' : hostAddress()), CUSTOMARY_PORTS);
}

/** Each kind brings its own drivers along, which the other need not load. */
async function start(isFake: boolean, parts: StartParts): Promise<RunningCloud> {
  if (isFake) return (await import('./fake.ts')).startFakeCloud(parts);
  return (await import('./real.ts')).startRealCloud(parts);
}

/** Resolves at the first SIGINT or SIGTERM; a second one ends the process at once. */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    const stop = (): void => {
      process.once('SIGINT', () => process.exit(130));
      resolve();
    };
    process.once('SIGINT', stop);
    process.once('SIGTERM', stop);
  });
}

function printReady(folder: CloudFolder, cloud: RunningCloud, ms: number): void {
  const { urls } = cloud;
  const lines = [
    '',
    words({ en: `The cloud is ready (${formatSeconds(ms)}).`, zh: `云已就绪（${formatSeconds(ms)}）。` }),
    '',
    ...Object.entries(urls).map(([type, url]) => `  ${type.padEnd(12)} ${url}`),
    '',
    words({
      en: `  log in:  source ${folder.openrcFile} && openstack server list`,
      zh: `  登录：  source ${folder.openrcFile} && openstack server list`,
    }),
    words({
      en: `  or:      export OS_CLIENT_CONFIG_FILE=${folder.cloudsYamlFile} OS_CLOUD=pileus`,
      zh: `  或者：  export OS_CLIENT_CONFIG_FILE=${folder.cloudsYamlFile} OS_CLOUD=pileus`,
    }),
    '',
  ];
  for (const line of lines) say(line);
  if (process.connected) process.send?.({ isReady: true } satisfies DetachedMessage);
}

/** Says a line to whoever started this process: over the channel of `--detach`, or on the terminal. */
function say(line: string): void {
  if (process.connected) process.send?.({ line } satisfies DetachedMessage);
  else process.stdout.write(`${line}\n`);
}

type DetachedMessage = { readonly line: string } | { readonly isReady: true };

/** Starts `pileus up` in the background and waits until it says that it is ready. */
async function upDetached(options: UpOptions, folder: CloudFolder): Promise<void> {
  const running = findProcess(folder.pidFile);
  if (running !== undefined) {
    say(words({ en: `The cloud is already up (process ${running}).`, zh: `云已经在运行（进程 ${running}）。` }));
    return;
  }
  await requirePorts(options);
  mkdirSync(folder.logDir, { recursive: true });
  const logFile = join(folder.logDir, 'up.log');
  const log = openSync(logFile, 'a');
  const logStart = statSync(logFile).size;
  const argv = [process.argv[1] ?? '', 'up', ...upArguments(options, folder)];
  const child = spawn(process.execPath, [...process.execArgv, ...argv], {
    detached: true,
    stdio: ['ignore', log, log, 'ipc'],
  });
  await new Promise<void>((resolve, reject) => {
    const fail = (why: string): void => {
      clearTimeout(timer);
      reject(new Error(why));
    };
    const timer = setTimeout(() => {
      const seconds = DETACH_DEADLINE_MS / 1000;
      fail(
        words({ en: `not ready after ${seconds} s; see ${logFile}`, zh: `${seconds} 秒后仍未就绪，详见 ${logFile}` }),
      );
    }, DETACH_DEADLINE_MS);
    child.once('exit', (code) => fail(reasonIn(logFile, logStart) ?? didNotStart(code, logFile)));
    child.on('message', (message: DetachedMessage) => {
      if ('line' in message) return say(message.line);
      clearTimeout(timer);
      resolve();
    });
  });
  child.disconnect();
  child.unref();
}

/** What a start that failed said last in its log, from `start` on; undefined when it ended without a word. */
function reasonIn(logFile: string, start: number): string | undefined {
  const said = readFileSync(logFile).subarray(start).toString('utf8');
  return /^pileus: (.+)$/m.exec(said)?.[1];
}

function didNotStart(code: number | null, logFile: string): string {
  return words({
    en: `the cloud did not start (exit code ${code}); see ${logFile}`,
    zh: `云没有启动（退出码 ${code}），详见 ${logFile}`,
  });
}

/** The options of the process in the background: the same, but for `--detach`. */
function upArguments(options: UpOptions, folder: CloudFolder): string[] {
  const given: [string, string | undefined][] = [
    ['--data', folder.path],
    ['--listen', options.listen],
    ['--public', options.public],
    ['--database', options.database],
    ['--boot-time', options.bootTime?.toString()],
    ['--hosts', options.hosts?.toString()],
  ];
  const named = given.flatMap(([name, value]) => (value === undefined ? [] : [name, value]));
  return options.fake === true ? ['--fake', ...named] : named;
}
