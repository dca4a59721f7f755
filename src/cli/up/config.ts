import { DEFAULT_IDENTITY_CONFIG } from '#services/identity/index.ts';
import { DEFAULT_IMAGE_CONFIG } from '#services/image/index.ts';
import type { ControllerConfig } from '../../controller/controller.ts';
import { readConfigFile } from '../config-file.ts';

/** What `config/pileus.yaml` sets of the controller. @throws as {@link readConfigFile}. */
export function controllerConfig(configDir: string): ControllerConfig {
  return readConfigFile(configDir, { identity: { ...DEFAULT_IDENTITY_CONFIG }, image: { ...DEFAULT_IMAGE_CONFIG } }, [
    'host',
    'database',
  ]) as ControllerConfig;
}

/** Passwords of a fake cloud guard nothing: the cheapest hash that bcrypt has. */
const FAKE_PASSWORD_ROUNDS = 4;

/** The same for a fake cloud, which hashes passwords cheaply unless the file says how. @throws as {@link readConfigFile}. */
export function fakeControllerConfig(configDir: string): ControllerConfig {
  const config = controllerConfig(configDir);
  return { ...config, identity: { bcryptRounds: FAKE_PASSWORD_ROUNDS, ...config.identity } };
}
