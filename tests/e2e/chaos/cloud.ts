/** A real cloud on a machine that may be broken, one guest in it that lives through everything, and all that can be seen of both. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { ApiError, type CloudClient, logIn } from '../../../src/cli/api/client.ts';
import {
  ensureFlavor,
  ensureFloatingIp,
  ensureImage,
  ensureNetworks,
  ensureSecurityGroup,
} from '../../../src/cli/demo/resources.ts';
import { buildGuestImage } from '../../../src/install/guest-image/build.ts';
import { createDirectExec } from '../../../src/kernel/exec-direct.ts';
import type { Machine, MachineProcess } from './machine.ts';

const ROOT = dirname(dirname(dirname(import.meta.dirname)));
const UP_MS = 180_000;
const LOOK_AGAIN_MS = 400;

export interface Server {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly fault?: { readonly message: string };
  readonly 'OS-EXT-STS:task_state': string | null;
  readonly 'OS-EXT-STS:power_state': number;
}

/** What runs on the host for the cloud. */
export type Role = 'up' | 'controller' | 'helper' | 'libvirtd' | 'virtlogd' | 'dnsmasq' | 'qemu';

export interface Cloud {
  readonly machine: Machine;
  readonly keeper: { readonly id: string; readonly address: string };
  /** Starts the cloud where it is not up, as an operator would. */
  up(): Promise<void>;
  /** Asks until somebody answers: the control plane may be on its way up. */
  patiently<T>(ask: (api: CloudClient) => Promise<T>, ms?: number): Promise<T>;
  processes(role: Role): MachineProcess[];
  signal(role: Role, signal: NodeJS.Signals): number;
  server(id: string): Promise<Server | undefined>;
  build(name: string): Promise<string>;
  /** @throws with the server's state at the deadline. */
  until(id: string, what: string, isSo: (server: Server | undefined) => boolean, ms: number): Promise<void>;
  /** Waits until the keeper answers ping. */
  untilPing(ms: number): Promise<void>;
  /** Everything that can be seen of the cloud, one line each; equal when nothing has changed. */
  look(): Promise<string[]>;
}

/** Starts the cloud on the machine, with one guest that answers ping on a floating address. */
export async function startCloud(machine: Machine): Promise<Cloud> {
  const data = join(machine.disk, 'cloud');
  mkdirSync(join(data, 'config'), { recursive: true });
  writeFileSync(join(data, 'config', 'pileus.yaml'), 'host:\n  external_masquerade: false\n');
  const cloudsYaml = join(data, 'clouds.yaml');
  const up: Cloud['up'] = async () => {
    const program = join(ROOT, 'src/main.ts');
    const argv = [process.execPath, program, 'up', '--detach', '--data', data, '--listen', machine.address];
    await machine.check(argv, UP_MS);
  };
  let session: CloudClient | undefined; // a login costs a slow hash
  const patiently: Cloud['patiently'] = async (ask, ms = 60_000) => {
    const end = performance.now() + ms;
    for (;;) {
      try {
        session ??= await logIn(cloudsYaml);
        return await ask(session);
      } catch (error) {
        if (!(error instanceof ApiError) || error.status === 401) session = undefined;
        if (error instanceof ApiError && error.status < 500 && error.status !== 401) throw error;
        if (performance.now() > end) throw error;
        await sleep(LOOK_AGAIN_MS);
      }
    }
  };
  await up();
  const home = join(homedir(), '.cache/pileus');
  const exec = createDirectExec();
  const image = await buildGuestImage({
    outDir: join(home, 'images'),
    cacheDir: join(home, 'packages'),
    exec,
    progress: () => undefined,
  });
  await exec.close();
  const api = await logIn(cloudsYaml);
  const imageRef = await ensureImage(api, async () => readFileSync(image.path));
  const flavorRef = await ensureFlavor(api);
  const { privateId, publicId } = await ensureNetworks(api);
  await ensureSecurityGroup(api);

  const build: Cloud['build'] = async (name) => {
    const networks = [{ uuid: privateId }];
    const server = { name, imageRef, flavorRef, networks, security_groups: [{ name: 'demo' }] };
    return (await patiently((cloud) => cloud.post<{ server: Server }>('compute', '/servers', { server }))).server.id;
  };
  const find: Cloud['server'] = async (id) => {
    try {
      return (await patiently((cloud) => cloud.get<{ server: Server }>('compute', `/servers/${id}`))).server;
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
  };
  const until: Cloud['until'] = async (id, what, isSo, ms) => {
    const end = performance.now() + ms;
    for (;;) {
      const server = await find(id);
      if (isSo(server)) return;
      if (server?.status === 'ERROR') throw new Error(`${what}: ERROR: ${server.fault?.message}`);
      if (performance.now() > end) {
        const state = server === undefined ? 'gone' : `${server.status} (${server['OS-EXT-STS:task_state']})`;
        throw new Error(`${what}: not within ${ms / 1000} s, but ${state} ${server?.fault?.message ?? ''}`);
      }
      await sleep(LOOK_AGAIN_MS);
    }
  };
  const id = await build('keeper');
  await until(id, 'the keeper ACTIVE', (server) => server?.status === 'ACTIVE', UP_MS);
  const address = await ensureFloatingIp(api, id, publicId);
  const processes: Cloud['processes'] = (role) => machine.processes().filter(({ argv }) => roleOf(argv) === role);
  return {
    machine,
    keeper: { id, address },
    up,
    patiently,
    processes,
    signal(role, signal) {
      const found = processes(role);
      if (found.length === 0) throw new Error(`there is no ${role} to signal`);
      for (const { pid } of found) process.kill(pid, signal);
      return found.length;
    },
    server: find,
    build,
    until,
    async untilPing(ms) {
      const end = performance.now() + ms;
      for (;;) {
        const { exitCode } = await machine.run(['ping', '-c', '1', '-W', '1', address]);
        if (exitCode === 0) return;
        if (performance.now() > end) throw new Error(`the keeper does not answer ping after ${ms / 1000} s`);
        await sleep(LOOK_AGAIN_MS);
      }
    },
    look: async () =>
      [...(await patiently(lookAtApi, 0)), ...(await lookAtHost(machine)), ...lookAtFiles(data)].toSorted(),
  };
}

function roleOf(argv: readonly string[]): Role | undefined {
  const program = basename(argv[0] ?? '');
  if (program === 'libvirtd' || program === 'virtlogd' || program === 'dnsmasq') return program;
  if (program.startsWith('qemu-system')) return 'qemu';
  if (argv.at(-1) === 'controller') return 'controller';
  if (argv.some((word) => word.includes('exec-helper-main'))) return 'helper';
  return argv.includes('up') && !argv.includes('--detach') && argv.some((word) => word.endsWith('main.ts'))
    ? 'up'
    : undefined;
}

async function lookAtApi(api: CloudClient): Promise<string[]> {
  const { servers } = await api.get<{ servers: Server[] }>('compute', '/servers/detail?all_tenants=1');
  const { services } = await api.get<{ services: { binary: string; state: string }[] }>('compute', '/os-services');
  const { ports } = await api.get<{ ports: Record<string, string>[] }>('network', '/v2.0/ports');
  const { floatingips } = await api.get<{ floatingips: Record<string, string>[] }>('network', '/v2.0/floatingips');
  const { agents } = await api.get<{ agents: { binary: string; alive: boolean }[] }>('network', '/v2.0/agents');
  const { images } = await api.get<{ images: { id: string; status: string }[] }>('image', '/v2/images');
  const { resource_providers: providers } = await api.get<{ resource_providers: { uuid: string }[] }>(
    'placement',
    '/resource_providers',
  );
  const usages = await Promise.all(
    providers.map(async ({ uuid }) => {
      const found = await api.get<{ usages: object }>('placement', `/resource_providers/${uuid}/usages`);
      return `usages ${JSON.stringify(found.usages)}`;
    }),
  );
  return [
    ...servers.map(
      (server) =>
        `server ${server.name} ${server.id} ${server.status} ${server['OS-EXT-STS:task_state']} ${server['OS-EXT-STS:power_state']}`,
    ),
    ...services.map(({ binary, state }) => `service ${binary} ${state}`),
    ...agents.map(({ binary, alive }) => `agent ${binary} ${alive}`),
    ...ports.map((port) => `port ${port['id']} ${port['device_owner']} ${port['status']} of ${port['device_id']}`),
    ...floatingips.map((ip) => `floating IP ${ip['floating_ip_address']} ${ip['status']} ${ip['port_id']}`),
    ...images.map((image) => `image ${image.id} ${image.status}`),
    ...usages,
  ];
}

async function lookAtHost(machine: Machine): Promise<string[]> {
  const namespaces = (await machine.check(['ip', 'netns', 'list'])).split('\n').map((line) => line.split(' ')[0] ?? '');
  const links = await machine.check(['ip', '-o', 'link', 'show']);
  const inside = await Promise.all(
    namespaces.filter(Boolean).map(async (name) => {
      const addresses = await machine.check(['ip', '-n', name, '-o', '-4', 'addr', 'show']);
      const sockets = await machine.check(['ip', 'netns', 'exec', name, 'ss', '-Hltnu']);
      const rules = await machine.check(['ip', 'netns', 'exec', name, 'nft', '-s', 'list', 'ruleset']);
      return [
        `netns ${name}`,
        ...addresses
          .split('\n')
          .filter(Boolean)
          .map((line) => `  ${name} has ${line.split(/\s+/).slice(1, 4).join(' ')}`),
        ...sockets
          .split('\n')
          .filter(Boolean)
          .map((line) => `  ${name} listens ${line.split(/\s+/)[0]} ${line.split(/\s+/)[4]}`),
        `  ${name} filters ${digest(rules)}`,
      ];
    }),
  );
  const tables = (await machine.check(['nft', 'list', 'tables'])).split('\n').filter(Boolean);
  const rulesets = await Promise.all(
    tables.map(async (table) => `${table} ${digest(await machine.check(['nft', '-s', 'list', ...table.split(' ')]))}`),
  );
  const roles = machine.processes().map(({ argv }) => roleOf(argv) ?? '');
  return [
    ...links
      .split('\n')
      .filter(Boolean)
      .map((line) => {
        const name = line.split(': ')[1]?.split('@')[0] ?? '';
        return `link ${name} ${/ master (\S+)/.exec(line)?.[1] ?? ''} ${/state (\S+)/.exec(line)?.[1] ?? ''}`;
      }),
    ...inside.flat(),
    ...rulesets,
    ...roles.filter(Boolean).map((role) => `process ${role}`),
  ];
}

/** Rules in whatever order their sets' elements are listed. */
function digest(rules: string): string {
  const words = rules.split(/[\s,]+/).toSorted();
  return createHash('sha256').update(words.join(' ')).digest('hex').slice(0, 12);
}

/** Databases and logs change all the time, and what is being written has a name of its own for a moment. */
const IGNORED = /\.sqlite|\.log|\.sock/;

function lookAtFiles(data: string): string[] {
  const below = (folder: string): string[] => {
    try {
      return readdirSync(join(data, folder), { recursive: true, encoding: 'utf8' }).map(
        (name) => `file ${folder}/${name}`,
      );
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  };
  return ['controller', 'agent/guests', 'agent/images'].flatMap(below).filter((line) => !IGNORED.test(line));
}

/** Pings the keeper all the time; `stop` says how long it was silent at most, in milliseconds. */
export function watchPing(cloud: Cloud): { stop(): number } {
  const pinger = machinePing(cloud);
  let lastMs = performance.now();
  let longestMs = 0;
  const note = (): void => {
    const now = performance.now();
    longestMs = Math.max(longestMs, now - lastMs);
    lastMs = now;
  };
  pinger.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (text.includes('bytes from')) note();
  });
  return {
    stop() {
      note();
      pinger.kill('SIGKILL');
      return Math.round(longestMs);
    },
  };
}

function machinePing({ machine, keeper }: Cloud): ReturnType<typeof spawnPing> {
  const inside = machine.processes()[0];
  if (inside === undefined) throw new Error('nothing runs on the machine');
  return spawnPing(inside.pid, keeper.address);
}

/** Of another process namespace than the machine's: it is no process of the cloud's. */
function spawnPing(pid: number, address: string) {
  return spawn('nsenter', ['-t', String(pid), '-n', 'ping', '-i', '0.25', address], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

export const sleep = (ms: number): Promise<void> => new Promise((wake) => setTimeout(wake, ms));
