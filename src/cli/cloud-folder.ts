/**
 * Where one cloud lives on this machine. Everything that Pileus writes is below this folder:
 *
 *   cloud.json        who it is (ids), and how it was started
 *   admin-password    openrc    clouds.yaml         0600
 *   database          the address that --database named; cloud-key: what opens the secrets in it; 0600
 *   config/           policy.yaml files, each optional
 *   controller/       database, images, keys, its socket; owned by the unprivileged user
 *   agent/            guests' disks, image cache, last desired state; owned by root
 *   run/              the agent's socket
 *   log/              one file per process
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { writeFileAtomic } from '#kernel/files.ts';
import { newUuid } from '#kernel/ids.ts';
import { words } from './language.ts';
import { shellQuote } from './shell-quote.ts';

/** Who a cloud is, from its first start on. */
export interface CloudIdentity {
  readonly cloudId: string;
  /** This machine as a host of it. */
  readonly hostId: string;
}

export interface CloudFolder {
  readonly path: string;
  readonly configDir: string;
  readonly controllerDir: string;
  readonly agentDir: string;
  readonly logDir: string;
  readonly runDir: string;
  readonly openrcFile: string;
  readonly cloudsYamlFile: string;
  /** The process id of `pileus up`, while it runs. */
  readonly pidFile: string;
  readonly controllerSocket: string;
  readonly agentSocket: string;
}

/** Linux takes no longer path for a socket. */
const MAX_SOCKET_PATH = 107;
const PASSWORD_BYTES = 15;

/** The folder of a cloud: `--data`, or `/var/lib/pileus` for root, or the user's own state folder. */
export function cloudFolder(dataOption: string | undefined): CloudFolder {
  const path = resolve(dataOption ?? defaultPath());
  const folder: CloudFolder = {
    path,
    configDir: join(path, 'config'),
    controllerDir: join(path, 'controller'),
    agentDir: join(path, 'agent'),
    logDir: join(path, 'log'),
    runDir: join(path, 'run'),
    openrcFile: join(path, 'openrc'),
    cloudsYamlFile: join(path, 'clouds.yaml'),
    pidFile: join(path, 'pileus.pid'),
    controllerSocket: join(path, 'controller', 'controller.sock'),
    agentSocket: join(path, 'run', 'agent.sock'),
  };
  if (folder.controllerSocket.length > MAX_SOCKET_PATH) {
    throw new Error(
      words({
        en: `${path} is too long a path for sockets below it; choose a shorter --data (at most 80 characters).`,
        zh: `路径 ${path} 过长，无法在其下创建套接字；请用 --data 选择较短的路径（不超过 80 个字符）。`,
      }),
    );
  }
  return folder;
}

/** A command as its user would write it for the cloud of this folder: `./pileus down --data /srv/cloud`. */
export function commandFor(path: string, command: string): string {
  if (path === resolve(defaultPath())) return `./pileus ${command}`;
  return `./pileus ${command} --data ${/^[\w./-]+$/.test(path) ? path : shellQuote(path)}`;
}

function defaultPath(): string {
  if (process.getuid?.() === 0) return '/var/lib/pileus';
  return join(process.env['XDG_STATE_HOME'] ?? join(homedir(), '.local', 'state'), 'pileus');
}

/** Makes the folder and what must be in it before anything starts. Repeating it changes nothing. */
export async function prepareCloudFolder(
  folder: CloudFolder,
): Promise<CloudIdentity & { readonly adminPassword: string }> {
  for (const dir of [folder.path, folder.configDir, folder.logDir, folder.runDir])
    mkdirSync(dir, { recursive: true, mode: 0o755 });
  const identity = await remember(join(folder.path, 'cloud.json'), 0o644, () =>
    JSON.stringify({ cloudId: newUuid(), hostId: newUuid() } satisfies CloudIdentity),
  );
  const adminPassword = await remember(join(folder.path, 'admin-password'), 0o600, () =>
    randomBytes(PASSWORD_BYTES).toString('base64url'),
  );
  return { ...(JSON.parse(identity) as CloudIdentity), adminPassword: adminPassword.trim() };
}

/** Makes this folder one of another cloud: its id and its administrator's password. */
export async function writeCloudIdentity(
  folder: CloudFolder,
  { cloudId, hostId, adminPassword }: CloudIdentity & { readonly adminPassword: string },
): Promise<void> {
  await writeFileAtomic(join(folder.path, 'admin-password'), `${adminPassword}\n`);
  await writeFileAtomic(
    join(folder.path, 'cloud.json'),
    `${JSON.stringify({ cloudId, hostId } satisfies CloudIdentity)}\n`,
    0o644,
  );
}

/** Who the cloud in this folder is, or undefined where there is none. */
export function readCloudIdentity(folder: CloudFolder): CloudIdentity | undefined {
  const file = join(folder.path, 'cloud.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as CloudIdentity) : undefined;
}

async function remember(file: string, mode: number, make: () => string): Promise<string> {
  if (!existsSync(file)) await writeFileAtomic(file, `${make()}\n`, mode);
  return readFileSync(file, 'utf8');
}
