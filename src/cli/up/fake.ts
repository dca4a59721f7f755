import { join } from 'node:path';
import { systemClock } from '#kernel/clock.ts';
import { openLog } from '#kernel/log.ts';
import { systemRandom } from '#kernel/random.ts';
import type { AgentApi, AgentDirectory } from '#protocol/agent.ts';
import { createFakeDriver, createFakeHost } from '../../agents/compute/drivers/fake/driver.ts';
import { createHost, type Host } from '../../agents/host.ts';
import { createFakeNetworkDriver } from '../../agents/network/drivers/fake/index.ts';
import { type Controller, startController } from '../../controller/controller.ts';
import { writeCredentials } from '../credentials.ts';
import { VERSION } from '../version.ts';
import { fakeControllerConfig } from './config.ts';
import { createHostDirectory } from './host-directory.ts';
import type { RunningCloud, StartParts } from './parts.ts';

const REGION = 'RegionOne';

/** The whole cloud in this process, with hosts that only pretend; needs no rights. */
export async function startFakeCloud(parts: StartParts): Promise<RunningCloud> {
  const { options, folder, identity, progress } = parts;
  const log = openLog({ level: 'info', file: join(folder.logDir, 'pileus.log') });
  const address = options.listen ?? '127.0.0.1';
  const directory = createHostDirectory();
  const controller = await startController({
    dataDir: folder.controllerDir,
    configDir: folder.configDir,
    listenAddress: address,
    publicHost: options.public ?? address,
    region: REGION,
    adminPassword: identity.adminPassword,
    database: parts.database,
    cloudKey: parts.cloudKey,
    config: fakeControllerConfig(folder.configDir),
    agents: directory,
    clock: systemClock,
    random: systemRandom,
    log,
  });
  await writeCredentials(folder, {
    authUrl: controller.urls.identity,
    region: REGION,
    username: 'admin',
    password: identity.adminPassword,
    projectName: 'admin',
  });
  progress.done({ en: 'control plane is up', zh: '控制面已启动' });
  const stop = new AbortController();
  const running = startHosts(parts, controller, directory, stop.signal, log);
  await Promise.all(running.map(({ host }) => host.registered));
  progress.done({ en: `${running.length} fake host(s) registered`, zh: `${running.length} 台模拟主机已注册` });
  return {
    urls: controller.urls,
    ended: new Promise(() => {}),
    async stop() {
      stop.abort();
      await Promise.all(running.map(({ ended }) => ended));
      await controller.stop();
    },
  };
}

/** Long enough for a snapshot to be seen under way, as on a real host. */
const SNAPSHOT_MS = 500;

function startHosts(
  { options, folder, identity, cloudKey }: StartParts,
  controller: Controller,
  directory: AgentDirectory & { add(hostId: string, agent: AgentApi): void },
  signal: AbortSignal,
  log: ReturnType<typeof openLog>,
): { readonly host: Host; readonly ended: Promise<void> }[] {
  return Array.from({ length: options.hosts ?? 1 }, (_, i) => {
    const hostId = numberedId(identity.hostId, i);
    // hosts of several controllers of one database need names of their own
    const hostname = cloudKey === undefined ? `fake-${i + 1}` : `fake-${identity.hostId.slice(0, 4)}-${i + 1}`;
    const host = createHost({
      hostId,
      hostname,
      address: '127.0.0.1',
      version: VERSION,
      dataDir: join(folder.agentDir, hostId),
      controller: controller.api,
      compute: createFakeDriver({
        clock: systemClock,
        host: createFakeHost(),
        bootMs: options.bootTime ?? 0,
        snapshotMs: SNAPSHOT_MS,
      }),
      network: createFakeNetworkDriver({ clock: systemClock }),
      clock: systemClock,
      log: log.child({ host: hostname }),
    });
    directory.add(hostId, host.api);
    return { host, ended: host.run(signal) };
  });
}

/** The same host gets the same id at each start: the first has the machine's, the others count on from it. */
function numberedId(first: string, index: number): string {
  return index === 0
    ? first
    : first.slice(0, -4) + ((Number.parseInt(first.slice(-4), 16) + index) % 0x10000).toString(16).padStart(4, '0');
}
