import { systemClock } from '#kernel/clock.ts';
import { createDirectExec } from '#kernel/exec-direct.ts';
import { silentLog } from '#kernel/log.ts';
import { purgeHost } from '../../agents/host-drivers.ts';
import type { CloudFolder, CloudIdentity } from '../cloud-folder.ts';
import { hostConfig } from '../up/host-config.ts';

/** Takes the cloud of a folder off this host; its control plane must be down. */
export async function purgeCloud(folder: CloudFolder, identity: CloudIdentity): Promise<void> {
  const exec = createDirectExec();
  await purgeHost({
    cloudId: identity.cloudId,
    dataDir: folder.agentDir,
    tunnelAddress: null,
    config: hostConfig(folder.configDir),
    controller: { downloadImage: () => Promise.reject(new Error('the cloud is being removed')) },
    exec,
    clock: systemClock,
    log: silentLog,
  });
  await exec.close();
}
