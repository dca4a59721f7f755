/** A cloud of the run's own, started from the sources. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface CloudOptions {
  /** libvirt guests on this machine (root) instead of hosts that only pretend. */
  readonly isReal: boolean;
  /** Where its log and data go. */
  readonly work: string;
  /** Where the APIs of a fake cloud listen; a real one listens on the address of this host. */
  readonly address: string;
  /** Port of the HTTP server on `address` whose image the cloud may download. */
  readonly imagePort: number;
}

export interface RunningCloud {
  readonly cloudsYamlFile: string;
  /** What its controller noted of the operations that it served: one file per process. */
  readonly operationsDir: string;
  stop(): Promise<void>;
}

const ROOT = join(import.meta.dirname, '../../..');
/** How many fake hosts: moves between hosts want two. */
const FAKE_HOSTS = 2;
/** A real one brings up libvirt and bridges first. */
const UP_DEADLINE_MS = 180_000;

/** Starts a cloud and waits until it is ready. @throws {Error} when it is not in time, naming its log. */
export async function startCloud(options: CloudOptions): Promise<RunningCloud> {
  const { isReal, work, address } = options;
  const data = join(work, 'cloud');
  const log = join(work, 'cloud.log');
  const operationsDir = join(work, 'operations');
  writeConfig(join(data, 'config'), options);
  const kind = isReal ? [] : ['--fake', '--hosts', String(FAKE_HOSTS), '--listen', address];
  const child = spawn(
    process.execPath,
    [
      '--import',
      join(ROOT, 'tests/support/record-served.ts'),
      join(ROOT, 'src/main.ts'),
      'up',
      ...kind,
      '--data',
      data,
    ],
    {
      stdio: ['ignore', openSync(log, 'a'), openSync(log, 'a'), 'ipc'],
      env: { ...process.env, PILEUS_RECORD_OPERATIONS: operationsDir },
    },
  );
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await exited;
    if (isReal) await purge(data);
  };
  try {
    await waitUntilReady(child, log);
  } catch (error) {
    await stop();
    throw error;
  }
  return { cloudsYamlFile: join(data, 'clouds.yaml'), operationsDir, stop };
}

function waitUntilReady(child: ChildProcess, log: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`the cloud is not ready after ${UP_DEADLINE_MS / 1000} s; see ${log}`)),
      UP_DEADLINE_MS,
    );
    child.once('exit', () => {
      clearTimeout(timer);
      reject(new Error(`the cloud did not start; see ${log}`));
    });
    child.on('message', (message: { isReady?: true }) => {
      if (message.isReady !== true) return;
      clearTimeout(timer);
      resolve();
    });
  });
}

/** Takes the guests, bridges and namespaces of a real cloud off this machine again. */
function purge(data: string): Promise<void> {
  const argv = [join(ROOT, 'src/main.ts'), 'down', '--data', data, '--purge'];
  const child = spawn(process.execPath, argv, { stdio: 'inherit' });
  return new Promise((resolve) => child.once('exit', () => resolve()));
}

/**
 * The security-compliance features that the interop bar wants (lockout after 2 failures for 5 s, 2 remembered passwords),
 * several stores, and a place on the web that images may come from.
 */
function writeConfig(configDir: string, { address, imagePort }: CloudOptions): void {
  mkdirSync(configDir, { recursive: true });
  const identity = { lockout_failure_attempts: 2, lockout_duration_ms: 5_000, unique_last_password_count: 2 };
  const image = {
    show_locations: true,
    stores: [{ id: 'second', description: 'Where copies go' }, { id: 'third' }],
    download_ports: [80, 443, imagePort],
    trusted_download_hosts: [address],
  };
  writeFileSync(join(configDir, 'pileus.yaml'), JSON.stringify({ identity, image }));
}
