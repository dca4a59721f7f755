import { DEFAULT_IDENTITY_CONFIG } from '#services/identity/index.ts';
import { DEFAULT_IMAGE_CONFIG } from '#services/image/index.ts';
import type { ControllerConfig } from '../../controller/controller.ts';
import { readConfigFile } from '../config-file.ts';

/** What `config/pileus.yaml` sets of the controller. @throws as {@link readConfigFile}. */
export function controllerConfig(configDir: string): ControllerConfig {
  return readConfigFile(configDir, { identity: { ...DEFAULT_IDENTITY_CONFIG }, image: { ...DEFAULT_IMAGE_CONFIG } }, [
    'host',
  ]) as ControllerConfig;
}
