import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#kernel/clock.ts';
import { createDirectExec } from '#kernel/exec-direct.ts';
import { buildGuestImage } from '../../install/guest-image/build.ts';
import { logIn } from '../api/client.ts';
import { cloudFolder, commandFor } from '../cloud-folder.ts';
import { words } from '../language.ts';
import { formatSeconds, terminalProgress } from '../progress.ts';
import { up } from '../up/run.ts';
import {
  ensureFlavor,
  ensureFloatingIp,
  ensureImage,
  ensureKeyPair,
  ensureNetworks,
  ensureSecurityGroup,
  ensureServer,
  NAMES,
  waitForActive,
} from './resources.ts';

export interface DemoOptions {
  readonly data?: string;
  readonly listen?: string;
}

/** From "build" to "running": an image of 18 MB and a host that may emulate its guests. */
const ACTIVE_DEADLINE_MS = 180_000;
/** From "running" to an SSH server that answers; emulated guests take some 6 CPU seconds. */
const SSH_DEADLINE_MS = 240_000;

/**
 * From nothing to a guest that answers SSH on a floating address; says how long each part took.
 * @throws naming the part that did not work.
 */
export async function demo(options: DemoOptions): Promise<void> {
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const progress = terminalProgress(systemClock, say);
  const folder = cloudFolder(options.data);
  await up({ ...options, detach: true });
  progress.done({ en: 'cloud is up', zh: '云已启动' });

  const cloud = await logIn(folder.cloudsYamlFile);
  const imageDir = join(homedir(), '.cache', 'pileus', 'images');
  const image = await buildGuestImage({
    outDir: imageDir,
    cacheDir: join(homedir(), '.cache', 'pileus', 'packages'),
    exec: createDirectExec(),
    progress: (line) => progress.note({ en: line, zh: line }),
  });
  progress.done({ en: 'guest image is built', zh: '虚拟机镜像已构建' });
  const imageId = await ensureImage(cloud, () => readFile(image.path));
  progress.done({ en: `image ${NAMES.image} is uploaded`, zh: `镜像 ${NAMES.image} 已上传` });
  const flavorId = await ensureFlavor(cloud);
  const { privateId, publicId } = await ensureNetworks(cloud);
  const securityGroupId = await ensureSecurityGroup(cloud);
  const keyFile = join(folder.path, 'demo-key');
  await ensureKeyPair(cloud, makeKey(keyFile));
  progress.done({ en: 'networks, security group and key pair are there', zh: '网络、安全组和密钥对已就绪' });

  const serverId = await ensureServer(cloud, { imageId, flavorId, networkId: privateId, securityGroupId });
  await waitForActive(cloud, serverId, ACTIVE_DEADLINE_MS);
  progress.done({ en: 'guest is running', zh: '虚拟机正在运行' });
  const address = await ensureFloatingIp(cloud, serverId, publicId);
  await waitForSsh(address);
  const greeting = runInGuest(keyFile, address, 'uname -sr; uptime');
  progress.done({ en: `guest answers SSH on ${address}`, zh: `虚拟机在 ${address} 上应答 SSH` });

  say('');
  say(
    words({
      en: `Done in ${formatSeconds(progress.elapsedMs())}. The guest says:`,
      zh: `用时 ${formatSeconds(progress.elapsedMs())}。虚拟机回答：`,
    }),
  );
  for (const line of greeting.trim().split('\n')) say(`    ${line}`);
  say('');
  say(
    words({
      en: `  log in to the guest:  ${sshCommand(keyFile, address).join(' ')}`,
      zh: `  登录虚拟机：  ${sshCommand(keyFile, address).join(' ')}`,
    }),
  );
  say(
    words({
      en: `  use the cloud:        source ${folder.openrcFile} && openstack server list`,
      zh: `  使用云：      source ${folder.openrcFile} && openstack server list`,
    }),
  );
  say(
    words({
      en: `  look at it:           ${commandFor(folder.path, 'status')}`,
      zh: `  查看状态：    ${commandFor(folder.path, 'status')}`,
    }),
  );
  say(
    words({
      en: `  stop it:              ${commandFor(folder.path, 'down')}   (with --purge nothing is left)`,
      zh: `  停止：        ${commandFor(folder.path, 'down')}   （加 --purge 清除一切）`,
    }),
  );
}

/** The demo's SSH key, made at the first run; returns the public half. */
function makeKey(file: string): string {
  if (!existsSync(`${file}.pub`)) {
    rmSync(file, { force: true });
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'pileus-demo', '-f', file]);
  }
  return readFileSync(`${file}.pub`, 'utf8').trim();
}

/** Waits until an SSH server says its name at the address. */
async function waitForSsh(address: string): Promise<void> {
  const end = performance.now() + SSH_DEADLINE_MS;
  while (!(await saysSsh(address))) {
    if (performance.now() > end) {
      throw new Error(
        `The guest does not answer SSH on ${address} after ${SSH_DEADLINE_MS / 1000} s; its console: openstack console log show ${NAMES.server}`,
      );
    }
    await new Promise((wake) => setTimeout(wake, 300));
  }
}

function saysSsh(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port: 22, timeout: 2_000 });
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.on('data', (data: Buffer) => end(data.toString('latin1').startsWith('SSH-')));
    socket.on('timeout', () => end(false));
    socket.on('error', () => end(false));
    socket.on('close', () => end(false));
  });
}

function sshCommand(keyFile: string, address: string): string[] {
  return [
    'ssh',
    '-i',
    keyFile,
    '-o',
    'StrictHostKeyChecking=no',
    '-o',
    'UserKnownHostsFile=/dev/null',
    `root@${address}`,
  ];
}

function runInGuest(keyFile: string, address: string, command: string): string {
  const [program = 'ssh', ...args] = sshCommand(keyFile, address);
  const options = ['-o', 'ConnectTimeout=20', '-o', 'BatchMode=yes', '-o', 'LogLevel=ERROR'];
  return execFileSync(program, [...options, ...args, command], { encoding: 'utf8', timeout: 60_000 });
}
