import { DEFAULT_IDENTITY_CONFIG } from '#services/identity/index.ts';
import { DEFAULT_HOST_CONFIG, type HostConfig } from '../../agents/host-config.ts';
import type { ControllerConfig } from '../../controller/controller.ts';
import { type CloudConfig, readConfigFile } from '../config-file.ts';

/** What `config/pileus.yaml` sets of the controller. */
export function controllerConfig(configDir: string): ControllerConfig {
  return read(configDir) as ControllerConfig;
}

/** What `config/pileus.yaml` sets of this host. */
export function hostConfig(configDir: string): HostConfig {
  return { ...DEFAULT_HOST_CONFIG, ...read(configDir)['host'] };
}

function read(configDir: string): CloudConfig {
  return readConfigFile(configDir, { identity: { ...DEFAULT_IDENTITY_CONFIG }, host: { ...DEFAULT_HOST_CONFIG } });
}
