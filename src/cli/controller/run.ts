import { once } from 'node:events';
import { systemClock } from '#kernel/clock.ts';
import { errorChain } from '#kernel/errors.ts';
import { listenOnSocket } from '#kernel/http/socket-server.ts';
import { openLog } from '#kernel/log.ts';
import { systemRandom } from '#kernel/random.ts';
import { createAgentClient, createLocalDirectory } from '../../controller/agent-client.ts';
import { startController } from '../../controller/controller.ts';
import { createControllerServer } from '../../controller/controller-server.ts';
import { controllerConfig } from '../up/config.ts';
import type { ControllerMessage, StartMessage } from './messages.ts';

/** Only this user's processes and root may connect. */
const SOCKET_MODE = 0o600;

/** The control plane until its parent goes away or asks it to stop (SIGTERM). */
export async function runControllerProcess(): Promise<void> {
  if (process.send === undefined) throw new Error('the controller is started by pileus up');
  const stopped = Promise.race([once(process, 'disconnect'), once(process, 'SIGTERM')]);
  // The terminal's Ctrl-C reaches the whole group; the parent decides what it means.
  process.on('SIGINT', () => undefined);
  const [start] = (await once(process, 'message')) as [StartMessage];
  const tell = (message: ControllerMessage): void => void process.send?.(message);
  try {
    const log = openLog({ level: 'info', file: start.logFile });
    const controller = await startController({
      ...start,
      config: controllerConfig(start.configDir),
      agents: createLocalDirectory(createAgentClient({ socketPath: start.agentSocket })),
      clock: systemClock,
      random: systemRandom,
      log,
    });
    const endpoint = createControllerServer(controller.api, log);
    await listenOnSocket(endpoint, start.controllerSocket, SOCKET_MODE);
    tell({ type: 'ready', urls: controller.urls });
    await stopped;
    endpoint.closeAllConnections();
    endpoint.close();
    await controller.stop();
    process.exit(0);
  } catch (error) {
    tell({ type: 'failed', message: errorChain(error) });
    process.exit(1);
  }
}
