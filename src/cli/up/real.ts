import { chmodSync, chownSync, mkdirSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { systemClock } from '#kernel/clock.ts';
import { createExecHelper } from '#kernel/exec-helper.ts';
import { listenOnSocket } from '#kernel/http/socket-server.ts';
import { openLog } from '#kernel/log.ts';
import { createAgentServer } from '../../agents/agent-server.ts';
import { createControllerClient } from '../../agents/controller-client.ts';
import { createHost } from '../../agents/host.ts';
import { createHostDrivers } from '../../agents/host-drivers.ts';
import { writeCredentials } from '../credentials.ts';
import { hostAddress } from '../host-address.ts';
import { words } from '../language.ts';
import { VERSION } from '../version.ts';
import { superviseController } from './controller-child.ts';
import { hostConfig } from './host-config.ts';
import type { RunningCloud, StartParts } from './parts.ts';
import { ensureServiceUser } from './service-user.ts';

const REGION = 'RegionOne';
/** The controller's group may ask the agent. */
const AGENT_SOCKET_MODE = 0o660;

/** The cloud of this machine: the controller as an unprivileged child, the agent, as root, in this process. */
export async function startRealCloud(parts: StartParts): Promise<RunningCloud> {
  const { options, folder, identity, progress } = parts;
  const user = ensureServiceUser();
  makePassable(folder.path);
  mkdirSync(folder.controllerDir, { recursive: true, mode: 0o700 });
  chownSync(folder.controllerDir, user.uid, user.gid);
  // QEMU's own user must get through to the guests' disks below.
  mkdirSync(folder.agentDir, { recursive: true, mode: 0o711 });
  chmodSync(folder.agentDir, 0o711);
  const log = openLog({ level: 'info', file: join(folder.logDir, 'agent.log') });
  const address = options.listen ?? hostAddress();
  const controller = await superviseController({
    ...user,
    clock: systemClock,
    log,
    start: {
      dataDir: folder.controllerDir,
      configDir: folder.configDir,
      logFile: join(folder.controllerDir, 'controller.log'),
      listenAddress: address,
      publicHost: options.public ?? address,
      database: parts.database,
      cloudKey: parts.cloudKey,
      region: REGION,
      adminPassword: identity.adminPassword,
      controllerSocket: folder.controllerSocket,
      agentSocket: folder.agentSocket,
    },
  });
  try {
    await writeCredentials(folder, {
      authUrl: controller.urls['identity'] ?? '',
      region: REGION,
      username: 'admin',
      password: identity.adminPassword,
      projectName: 'admin',
    });
    progress.done({ en: 'control plane is up', zh: '控制面已启动' });
    const agent = await startAgent(parts, { address, user, log });
    progress.done({ en: 'this host is registered', zh: '本机已注册' });
    return {
      urls: controller.urls,
      ended: agent.ended,
      async stop() {
        await agent.stop();
        await controller.stop();
      },
    };
  } catch (error) {
    await controller.stop();
    throw error;
  }
}

/**
 * The controller's and QEMU's users must get through to what is theirs in the cloud's folder.
 * @throws naming the folder above it that lets nobody through, which is not ours to change.
 */
function makePassable(path: string): void {
  chmodSync(path, 0o755);
  for (let at = dirname(path); ; at = dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) {
      throw new Error(
        words({
          en: `other users cannot pass through ${at}, and the cloud needs two of its own below it: chmod o+x ${at}, or choose another --data`,
          zh: `其他用户无法进入 ${at}，而云需要用自己的两个用户访问其下的内容：请执行 chmod o+x ${at}，或用 --data 换一个目录`,
        }),
      );
    }
    if (at === dirname(at)) return;
  }
}

interface AgentParts {
  readonly address: string;
  readonly user: { readonly gid: number };
  readonly log: ReturnType<typeof openLog>;
}

async function startAgent(
  { folder, identity, progress }: StartParts,
  { address, user, log }: AgentParts,
): Promise<{ readonly ended: Promise<void>; stop(): Promise<void> }> {
  const exec = createExecHelper();
  const client = createControllerClient({ socketPath: folder.controllerSocket });
  const drivers = await createHostDrivers({
    cloudId: identity.cloudId,
    dataDir: folder.agentDir,
    tunnelAddress: address,
    config: hostConfig(folder.configDir),
    controller: client,
    exec,
    clock: systemClock,
    log,
  });
  progress.done({ en: 'hypervisor and networks are ready', zh: '虚拟化与网络已就绪' });
  const host = createHost({
    hostId: identity.hostId,
    hostname: hostname(),
    address,
    version: VERSION,
    dataDir: join(folder.agentDir, 'state'),
    controller: client,
    compute: drivers.compute,
    network: drivers.network,
    clock: systemClock,
    log,
  });
  drivers.serveMetadataOf(() => host.desiredGuests());
  const server = createAgentServer(host.api, log);
  await listenOnSocket(server, folder.agentSocket, AGENT_SOCKET_MODE);
  chownSync(folder.agentSocket, 0, user.gid);
  const stop = new AbortController();
  const ended = host.run(stop.signal);
  await host.registered;
  return {
    ended,
    async stop() {
      stop.abort();
      server.closeAllConnections();
      server.close();
      await ended;
      await exec.close();
    },
  };
}
