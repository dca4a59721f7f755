import { DEFAULT_HOST_CONFIG, type HostConfig } from '../../agents/host-config.ts';
import { readConfigFile } from '../config-file.ts';

/** What `config/pileus.yaml` sets of this host. @throws as {@link readConfigFile}. */
export function hostConfig(configDir: string): HostConfig {
  const { host } = readConfigFile(configDir, { host: { ...DEFAULT_HOST_CONFIG } }, ['identity', 'image', 'database']);
  return { ...DEFAULT_HOST_CONFIG, ...host };
}
