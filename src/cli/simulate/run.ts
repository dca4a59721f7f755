/**
 * `pileus simulate`: the program as it runs in production, with hosts that only pretend.
 *
 * Theory of operation. Three processes: the controller as `pileus up` starts it, all the hosts in a second one, and this
 * one, which is the cloud's users. It fills the cloud through the public APIs, and stops at 1,000, 10,000 and 50,000 servers to
 * measure how a cloud of that size answers. What it prints of memory and lag is the controller's own, by its metrics.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#kernel/clock.ts';
import { openLog } from '#kernel/log.ts';
import { systemRandom } from '#kernel/random.ts';
import { type CloudFolder, cloudFolder, prepareCloudFolder } from '../cloud-folder.ts';
import { databaseOf } from '../database.ts';
import { words } from '../language.ts';
import { terminalProgress } from '../progress.ts';
import { superviseController } from '../up/controller-child.ts';
import { createApi } from './api.ts';
import { readController } from './controller-figures.ts';
import { type Cloud, fill } from './fill.ts';
import type { HostsMessage, HostsStart } from './messages.ts';
import type { SimulateOptions } from './options.ts';
import { probe } from './probe.ts';
import { type Milestone, renderTable } from './report.ts';
import { makeSurroundings, type Urls } from './surroundings.ts';

/** Sizes at which a cloud is measured on its way. */
const SIZES = [1_000, 10_000, 50_000] as const;
const SERVERS_PER_PROJECT = 50;
const READY_MS = 120_000;
const MEMORY_DISK = '/dev/shm';

/**
 * Fills a cloud, measures it, and prints the figures.
 * @throws when a part does not come up, or a server does not become ACTIVE or ERROR.
 */
export async function simulate(options: SimulateOptions): Promise<void> {
  const path = options.data ?? (await mkdtemp(join(tmpdir(), 'pileus-simulate-')));
  const stop: (() => Promise<void>)[] = [];
  const interrupted = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]).then(() => {
    throw new Error(words({ en: 'interrupted', zh: '已中断' }));
  });
  interrupted.catch(() => {});
  try {
    const milestones = await Promise.race([run(options, cloudFolder(path), stop), interrupted]);
    process.stdout.write(`${options.json === true ? JSON.stringify(milestones, null, 2) : renderTable(milestones)}\n`);
    if (milestones.some(({ fill: { failed } }) => failed > 0)) process.exitCode = 1;
  } finally {
    for (const end of stop.toReversed()) await end();
    if (options.data === undefined) await rm(path, { recursive: true, force: true });
  }
}

async function run(options: SimulateOptions, folder: CloudFolder, stop: (() => Promise<void>)[]): Promise<Milestone[]> {
  const progress = terminalProgress(systemClock, (line) => process.stderr.write(`${line}\n`));
  const load = loadavg()[0]?.toFixed(1) ?? '';
  progress.note({
    en: `${cpus().length} processors, load ${load} before the start`,
    zh: `${cpus().length} 个处理器，启动前负载 ${load}`,
  });
  const { urls, adminPassword } = await startController(options, folder, stop);
  progress.done({ en: 'control plane is up', zh: '控制面已启动' });
  await startHosts(options, folder, stop);
  progress.done({ en: `${options.hosts} fake host(s) registered`, zh: `${options.hosts} 台模拟主机已注册` });
  const { atOnce, servers } = options;
  const api = createApi(atOnce * 2);
  stop.push(async () => api.close());
  const projects = options.projects ?? Math.ceil(servers / SERVERS_PER_PROJECT);
  const around = await makeSurroundings({ api, urls, adminPassword, projects, atOnce });
  progress.done({ en: `${projects} project(s) with a network each`, zh: `${projects} 个项目，各有一个网络` });
  const cloud: Cloud = { api, urls, around, atOnce };
  const milestones: Milestone[] = [];
  let from = 0;
  for (const until of [...SIZES.filter((size) => size < servers), servers]) {
    const milestone = await reach(cloud, { from, until, isFillOnly: options.fillOnly === true });
    progress.done({
      en: `${until} servers, ${milestone.fill.perSecond.toFixed(0)} a second`,
      zh: `${until} 台云服务器，每秒 ${milestone.fill.perSecond.toFixed(0)} 台`,
    });
    milestones.push(milestone);
    from = until;
  }
  return milestones;
}

async function reach(
  cloud: Cloud,
  { from, until, isFillOnly }: { readonly from: number; readonly until: number; readonly isFillOnly: boolean },
): Promise<Milestone> {
  const before = await readController(cloud.api, cloud.urls);
  const startMs = systemClock.monotonicMs();
  const filled = await fill(cloud, { from, until }, (accepted) => {
    if (!process.stderr.isTTY) return;
    const rate = (accepted - from) / ((systemClock.monotonicMs() - startMs) / 1000);
    const text = words({
      en: `${accepted} of ${until}, ${rate.toFixed(0)} a second`,
      zh: `${accepted} / ${until}，每秒 ${rate.toFixed(0)} 台`,
    });
    process.stderr.write(`\r    ${text}   \r`);
  });
  const loaded = await readController(cloud.api, cloud.urls);
  const cpuMsPerServer = ((loaded.cpuSeconds - before.cpuSeconds) * 1000) / (until - from);
  return { until, fill: filled, loaded, cpuMsPerServer, ...(isFillOnly ? {} : { quiet: await probe(cloud) }) };
}

async function startController(
  options: SimulateOptions,
  folder: CloudFolder,
  stop: (() => Promise<void>)[],
): Promise<{ readonly urls: Urls; readonly adminPassword: string }> {
  const { adminPassword } = await prepareCloudFolder(folder);
  mkdirSync(folder.controllerDir, { recursive: true, mode: 0o700 });
  const address = options.listen ?? freeAddress();
  const controller = await superviseController({
    start: {
      dataDir: folder.controllerDir,
      configDir: folder.configDir,
      logFile: join(folder.logDir, 'controller.log'),
      listenAddress: address,
      publicHost: address,
      region: 'RegionOne',
      adminPassword,
      database: databaseOf(folder),
      cloudKey: undefined,
      controllerSocket: folder.controllerSocket,
      agentSocket: folder.agentSocket,
    },
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    clock: systemClock,
    log: openLog({ level: 'info', file: join(folder.logDir, 'simulate.log') }),
  });
  stop.push(() => controller.stop());
  return { urls: controller.urls, adminPassword };
}

/** The customary ports cannot be chosen, but loopback addresses can. */
function freeAddress(): string {
  return `127.${10 + systemRandom.below(240)}.${systemRandom.below(256)}.${1 + systemRandom.below(254)}`;
}

/** A thousand hosts have a thousand disks; here memory stands for them where it can. */
async function hostsFolder(folder: CloudFolder, stop: (() => Promise<void>)[]): Promise<string> {
  if (!existsSync(MEMORY_DISK)) return folder.agentDir;
  const path = await mkdtemp(join(MEMORY_DISK, 'pileus-hosts-'));
  stop.push(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function startHosts(options: SimulateOptions, folder: CloudFolder, stop: (() => Promise<void>)[]): Promise<void> {
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1] ?? '', 'simulate-hosts'], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  stop.push(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  });
  const start: HostsStart = {
    hosts: options.hosts,
    dataDir: await hostsFolder(folder, stop),
    controllerSocket: folder.controllerSocket,
  };
  child.send(start);
  const patience = new AbortController();
  const [message] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() => [{ type: 'failed', message: 'the fake hosts ended' } satisfies HostsMessage]),
    systemClock
      .sleep(READY_MS, patience.signal)
      .then(() => [{ type: 'failed', message: `not ready after ${READY_MS / 1000} s` } satisfies HostsMessage]),
  ])) as [HostsMessage];
  patience.abort();
  if (message.type === 'failed') throw new Error(message.message);
}
